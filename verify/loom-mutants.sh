#!/bin/bash
# Breaks what the models of verify/tests/loom_* speak of, one fault at a time, and sees them find
# each. Works on a copy below target/mutants; takes about ten minutes.
#
#   verify/loom-mutants.sh           all mutants
#   verify/loom-mutants.sh NAME...   some
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/target/mutants
only=" $* "
failed=0 caught=0
crate=core # whose files the mutants change

# Two packages: the models that compile the sources into themselves, with the same relative places
# and loom as their dependency; and those of the whole store, over myriad-core built for loom.
mkdir -p "$work"/{verify,store}/src "$work"/{core,history,ring,daemon}
: >"$work/verify/src/lib.rs"
: >"$work/store/src/lib.rs"
sed 's/^members = .*/members = ["core", "verify", "store"]/' "$root/Cargo.toml" >"$work/Cargo.toml"
cp "$root/Cargo.lock" "$work/Cargo.lock"
cp "$root/core/Cargo.toml" "$work/core/Cargo.toml"
for package in verify store; do
  cat >"$work/$package/Cargo.toml" <<TOML
[package]
name = "mutants-$package"
version = "0.0.0"
edition = "2024"
[features]
epoch-cell = []
[dev-dependencies]
loom.workspace = true
thiserror.workspace = true
TOML
done
echo 'myriad-core.workspace = true' >>"$work/store/Cargo.toml"

export RUSTFLAGS="--cfg loom" RUST_BACKTRACE=0 CARGO_TARGET_DIR="$work/target" \
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0

run() {
  local package=verify
  [ "$1" != loom_store ] || package=store
  (cd "$work/$package" && cargo test --release --quiet --test "$1" "$2" >"$work/log" 2>&1)
}

# The sources as they are.
copy() {
  local name
  for name in core history ring daemon; do
    rm -rf "$work/$name/src" && cp -r "$root/$name/src" "$work/$name/src"
  done
  rm -rf "$work/ring/c" && mkdir -p "$work/ring/c" && cp -r "$root/ring/c/src" "$work/ring/c/src"
  rm -rf "$work"/{verify,store}/tests
  mkdir "$work"/{verify,store}/tests
  cp -r "$root"/verify/tests/loom_* "$work/verify/tests/"
  mv "$work"/verify/tests/loom_store* "$work/store/tests/"
}

# mutant NAME MODEL TEST FILE SED: the test of the model must fail on the file so changed.
mutant() {
  case $only in "  " | *" $1 "*) ;; *) return 0 ;; esac
  copy
  sed -i -E "$5" "$work/$crate/src/$4"
  if ! grep -q "^fn $3()" "$root/verify/tests/$2.rs"; then
    echo "$1: $2 has no test $3" && failed=1
  elif cmp -s "$root/$crate/src/$4" "$work/$crate/src/$4"; then
    echo "$1: the source has changed, the mutant with it must" && failed=1
  elif run "$2" "$3"; then
    echo "$1: NOT CAUGHT by $3" && failed=1
  elif grep -q "could not compile" "$work/log"; then
    echo "$1: does not compile" && failed=1
  elif ! grep -q "^test $3 \.\.\. FAILED\|panicked at" "$work/log"; then
    echo "$1: $3 did not run" && failed=1
  else
    caught=$((caught + 1))
    echo "$1: caught by $3: $(grep -m1 -A1 "panicked at" "$work/log" | tail -n 1 | cut -c1-60)"
  fi
}

# P1: the swap lets in a version only on top of the one that it was built on.
mutant swap-always-wins loom_publish two_committers_lose_no_update cell/swap.rs \
  's/Arc::ptr_eq\(&before, current\)/{ let _ = before; true }/'
mutant swap-always-wins-in-turn loom_turns who_waits_for_a_turn_gets_in_after_it cell/swap.rs \
  's/Arc::ptr_eq\(&before, current\)/{ let _ = before; true }/'

# P2: an announced proposal is applied once, and its owner learns the result.
mutant slot-before-base loom_publish a_place_for_announcements_is_used_again publish.rs \
  '/let base = self.cell.load\(\);/{N;N;s/(.*base.*)\n(.*)\n(.*slot.*)/\2\n\3\n\1/}'
mutant helps-what-is-applied loom_publish an_announced_commit_is_applied_once_beside_a_committer \
  publish.rs 's/&& first.id != base.applied\(\)/\&\& first.id != 0/'
mutant owner-does-not-look loom_publish an_announced_commit_is_applied_once_beside_a_committer \
  publish.rs 's/if base.applied\(\) == id \{/if base.applied() == id + 1 {/'
mutant owner-takes-any-result loom_publish a_place_for_announcements_is_used_again publish.rs \
  's/if base.applied\(\) == id \{/if base.applied() >= 1 {/'
mutant announces-over-another loom_publish two_announcements_are_applied_once_each publish.rs \
  '/fn announce</,$s/if empty.is_some\(\) \{/if empty.is_some() \&\& id == 0 {/'
mutant ids-are-the-same loom_publish a_place_for_announcements_is_used_again publish.rs \
  '/fn announce</,$s/ids.fetch_add\(1/ids.fetch_add(0/'
mutant never-withdraws loom_publish a_place_for_announcements_is_used_again publish.rs \
  '/fn announce</,$s/self.slot.replace\(&mine, &Arc::new\(None\)\);//'

# P3: overtaking is bounded, of announcements and of turns.
mutant nobody-helps loom_publish two_others_overtake_once_each publish.rs \
  's/&& first.id != base.applied\(\)/\&\& first.id == 0/'
mutant withdraws-at-once loom_publish two_others_overtake_once_each publish.rs \
  's/^( *)(\/\/ Ends: every failed swap)/\1self.slot.replace(\&mine, \&Arc::new(None));\n\1\2/'
mutant turn-is-not-heeded loom_turns who_waits_for_a_turn_gets_in_after_it publish.rs \
  's/None => return Attempt::Turn\(first.id\)/None => {}/'
mutant one-wait-for-all-turns loom_turns a_turn_after_another_is_waited_for publish.rs \
  's/None if past == Some\(first.id\)/None if past.is_some()/'
mutant own-turn-is-heeded loom_turns who_waits_for_a_turn_gets_in_after_it publish.rs \
  's/None if past == Some\(first.id\)/None if past == Some(first.id + 1)/'
mutant turn-ids-are-the-same loom_turns a_turn_after_another_is_waited_for publish.rs \
  '/fn take_turn</,/^    }/s/ids.fetch_add\(1/ids.fetch_add(0/'
mutant turn-over-another loom_turns two_editors_want_a_turn publish.rs \
  '/fn take_turn</,/^    }/s/if empty.is_some\(\) \{/if false {/'
mutant turn-that-was-not-given loom_turns two_editors_want_a_turn publish.rs \
  's/self.slot.replace\(&empty, &mine\).then_some\(\(id, mine\)\)/{ self.slot.replace(\&empty, \&mine); Some((id, mine)) }/'
mutant turn-is-not-ended loom_turns who_waits_for_a_turn_gets_in_after_it publish.rs \
  '/fn end_turn</,/^    }/s/self.slot.replace\(mine, &Arc::new\(None\)\);/let _ = mine;/'
mutant waits-for-any-turn loom_turns two_editors_want_a_turn publish.rs \
  's/filter\(\|a\| a.id == id\)/filter(|a| a.id >= id)/'
mutant lost-tries-do-not-count loom_turns who_waits_for_a_turn_gets_in_after_it publish.rs \
  's/announced.lost.fetch_add\(1/announced.lost.fetch_add(0/'
mutant turn-is-a-proposal-applied loom_turns a_turn_and_an_announcement_want_the_slot publish.rs \
  's/\&\& first.id != base.applied\(\)/\&\& first.id > base.applied() + 1/'

# F1: a record is linked before the next publication.
mutant base-not-linked loom_feed a_consumer_sees_each_record_of_two_committers publish.rs \
  's/hooks.building_on\(base\);//'
mutant base-linked-late loom_feed a_consumer_sees_each_record_of_two_committers publish.rs \
  '/hooks.building_on\(base\);/d;s/(let won = self.cell.replace.*)/\1\n        hooks.building_on(base);/'

# F2: each record once, in order, or the consumer is told; none is freed while it is read.
mutant links-over-newer loom_feed linking_can_be_helped feed.rs \
  's/is_none_or\(\|s\| s < record.seq\)/is_none_or(|_| true)/'
mutant takes-newer-for-wanted loom_feed a_slow_consumer_is_overrun_by_two_committers feed.rs \
  's/found.seq == wanted/found.seq >= wanted/'
mutant takes-older-for-wanted loom_feed linking_can_be_helped feed.rs \
  's/found.seq == wanted/found.seq <= wanted/'
mutant retires-what-it-lost-to loom_feed a_slow_consumer_is_overrun_by_two_committers feed.rs \
  's/^( *)(new = Some\(lost.new\);)/\1retire(current, \&guard);\n\1\2/'
mutant retires-before-it-is-out loom_trim laps_and_bytes_meet feed.rs \
  '/fn remove\(/,/^    }/s/if swapped \{/if swapped || seq(current, guard) == Some(wanted) {/'
mutant link-not-released loom_feed a_consumer_sees_each_record_of_two_committers feed.rs \
  's/compare_exchange\(current, next, Release, Relaxed/compare_exchange(current, next, Relaxed, Relaxed/'
mutant get-not-acquired loom_feed linking_can_be_helped feed.rs \
  '/fn get\(/,/^    }/s/slot.load\(Acquire/slot.load(Relaxed/'
mutant link-not-acquired loom_feed linking_can_be_helped feed.rs \
  '/let mut current = /s/slot.load\(Acquire/slot.load(Relaxed/'
mutant link-again-not-acquired loom_feed linking_can_be_helped feed.rs \
  '/^ +current = slot/s/slot.load\(Acquire/slot.load(Relaxed/'
mutant remove-not-acquired loom_trim laps_and_bytes_meet feed.rs \
  '/fn remove\(/,/^    }/s/slot.load\(Acquire/slot.load(Relaxed/'

# F2 and A2: bytes are bounded, and no record goes without need.
mutant never-lets-go loom_trim a_slow_consumer_is_overrun_by_bytes feed.rs \
  's/self.bytes.load\(Relaxed\) > self.most/self.bytes.load(Relaxed) > u64::MAX - 1/'
mutant lets-go-of-the-newest loom_trim a_record_that_comes_back_goes_again feed.rs \
  's/if oldest >= until \{/if oldest > until {/;s/\) > self.most\)/) >= self.most)/'
mutant lets-go-of-unread loom_trim what_was_read_goes_beside_a_linker feed.rs \
  's/read.saturating_add\(1\)/read.saturating_add(2)/'
mutant lets-go-of-any loom_trim the_newest_stays feed.rs \
  's/seq\(current, guard\) == Some\(wanted\)/seq(current, guard).is_some()/'
mutant does-not-count-off loom_trim what_is_let_go_of_was_counted feed.rs \
  's/self.bytes.fetch_sub\(old.bytes\(\), Relaxed\);/let _ = old;/'
mutant counts-late loom_trim what_is_let_go_of_was_counted feed.rs \
  's/^ +self.bytes.fetch_add\(record.bytes\(\), Relaxed\);//;s/^( +)(self.let_go\(current, &guard\);)/\1self.bytes.fetch_add(record.bytes(), Relaxed);\n\1\2/'
mutant counts-what-lost loom_trim a_record_that_comes_back_goes_again feed.rs \
  's/if new.is_some\(\) \{/if false {/'
mutant comes-back loom_trim a_record_that_comes_back_goes_again feed.rs \
  's/self.remove\(slot, record.seq, &guard\);//'
mutant goes-through-what-laps-took loom_trim what_laps_took_is_not_gone_through feed.rs \
  's/before.max\(.*\);/before;/'

# P1 and the alternative cell: it replaces what it was told to, and retires what has left it.
mutant epoch-replaces-anything loom_cell what_is_loaded_is_whole_and_stays cell/epoch.rs \
  's/if !Arc::ptr_eq\(value\(found, &pin\), current\) \{/if false {/'
mutant epoch-says-it-has-won loom_cell two_committers_lose_no_update cell/epoch.rs \
  's/^( *)won$/\1true/'
mutant epoch-retires-what-stays loom_cell three_committers_lose_no_update cell/epoch.rs \
  's/if won \{/if true {/'
mutant epoch-load-not-acquired loom_cell two_committers_lose_no_update cell/epoch.rs \
  's/self.0.load\(SeqCst, &pin\)/self.0.load(crate::sync::Ordering::Relaxed, \&pin)/'

# T2: it commits if every fact holds in the version that it is put upon; others are in nobody's way.
mutant facts-are-not-checked loom_store no_write_skew prepared.rs \
  's/if self.broken\(&base.state\).is_some\(\) \{/if false {/'
mutant a-value-is-no-fact loom_store no_write_skew footprint.rs \
  's/&& same\(fact.value, Part::Value\)//'
mutant a-read-is-not-noted loom_store no_update_is_lost footprint.rs \
  's/fact.value.get_or_insert\(stamp\);/let _ = stamp;/'
mutant siblings-conflict loom_store siblings_both_land footprint.rs \
  's/return !asks_existing;/return asks_existing;/'

# P3, of the whole store.
mutant never-announces loom_store a_big_commit_among_small_ones_lands_within_its_bound transaction.rs \
  's/if lost >= ANNOUNCE_AFTER \{/if lost > 1000 {/'

# F1 to F4: a watch hears of what is committed after it.
mutant fires-the-watches-of-its-base loom_store a_watch_sees_a_commit_or_its_first_event_does \
  prepared.rs 's/work.state.fires\(env, path/self.state.fires(env, path/'
mutant records-are-not-linked loom_store a_watch_sees_a_write_or_its_first_event_does inner.rs \
  '/fn building_on/,/^    }/s/self.ring.link\(&base.record\);/let _ = base;/;/fn replaced/,/^    }/s/self.ring.link\(&new.record\);//'

# K3: marked before it is seen, before it is built upon; and done with once.
mutant builds-on-unmarked loom_store what_is_seen_is_marked inner.rs \
  '/fn seen/,/^    }/s/self.mark\(base\);/let _ = base;/'
mutant answers-by-unmarked loom_store what_is_seen_is_marked inner.rs \
  '/fn replaced/,/^    }/s/self.mark\(new\);//'
mutant reads-unmarked loom_store what_is_seen_is_marked inner.rs \
  '/fn current/,/^    }/s/self.mark\(&version\);//'
mutant says-marked-too-early loom_store what_is_seen_is_marked inner.rs \
  's/let Some\(journal\) = &self.journal else \{ return \};/&\n        version.kept.marked.store(true, Release);/'
mutant helper-is-done-for-the-owner loom_store a_big_commit_among_small_ones_lands_within_its_bound \
  inner.rs 's/if is_others \{/if is_others \&\& false {/'
mutant owner-is-never-done loom_store a_big_commit_among_small_ones_lands_within_its_bound \
  transaction.rs 's/inner.done\(place\);/let _ = place;/'

crate=history

# J5, J6: a segment is used again when nobody writes in it, and nothing of it is left.
mutant done-before-it-writes loom_journal a_segment_is_released_when_nobody_writes_in_it \
  recovery/log.rs 's/^( *)record::write\(/\1self.end(Place { id, lines });\n\1let lines = 0;\n&/'
mutant leaves-stamps loom_journal a_segment_is_released_when_nobody_writes_in_it \
  recovery/log.rs 's/record::clear\(&self.words, self.shape, line\);/let _ = line;/'
mutant free-before-it-is-clean loom_journal a_segment_is_used_again \
  recovery/log.rs 's/^( *)(for line in begin\.\.end)/\1segment.store(FREE, Release);\n\1\2/'
mutant releases-what-is-needed loom_journal a_segment_is_released_when_nobody_writes_in_it \
  recovery/log.rs 's/if newest > seq \{/if newest > seq + 1 {/'
mutant closed-before-it-moves loom_journal two_committers_share_segments \
  recovery/log.rs 's/compare_exchange\(tail, tail \+ lines, Relaxed, Relaxed\).is_ok\(\)/compare_exchange(tail, tail + lines, Relaxed, Relaxed) != Ok(0)/'

# J7, J8: commits go without a record only when the file says so, and until a checkpoint has them.
mutant does-not-wait loom_journal a_checkpoint_ends_a_suspension_when_it_holds_all \
  recovery/state.rs 's/REJOINING if word & COUNT == 0 =>/REJOINING =>/'
mutant goes-without-at-any-time loom_journal a_checkpoint_ends_a_suspension_when_it_holds_all \
  recovery/state.rs 's/\(word & MODES == SUSPENDED\).then_some\(word \+ 1\)/Some(word + 1)/'
mutant resumes-what-began-anew loom_journal a_suspension_that_begins_anew_stays \
  recovery/state.rs 's/\(word == rejoined.0\)/(rejoined.0 > 0 || word == 0)/'

crate=ring

# R1, R2: whatever is alleged, bytes are read once and within the ring.
mutant more-than-a-ring loom_peer whatever_is_alleged_nothing_is_read_twice_or_out_of_bounds \
  page/window.rs 's/wrapping_sub\(consumed\) > size \{/wrapping_sub(consumed) > size * 2 {/'
mutant beyond-the-ring loom_peer whatever_is_alleged_nothing_is_read_twice_or_out_of_bounds \
  page/window.rs 's/let first = len.min\(size.saturating_sub\(at\)\);/let first = len;/'
mutant looks-after-it-has-judged loom_peer whatever_is_alleged_nothing_is_read_twice_or_out_of_bounds \
  page/end.rs 's/self.at.taken = window.consumed\(\).wrapping_add\(count\);/self.at.taken = self.shared.load(self.inbound.consumed(), Relaxed).wrapping_add(count);/'

# R4, K4: who comes after a server that died goes on where its slot says, and wakes the guest.
mutant stores-before-its-slot loom_peer each_answer_arrives_once_if_the_server_dies_before_its_slot \
  page/end.rs 's/if !self.puts_off \{/if true {/'
mutant resumes-nothing loom_peer each_answer_arrives_once_if_the_server_dies_after_its_slot \
  page/indices.rs 's/^( *)self.at = intended;/\1let _ = intended;/'
mutant knows-what-was-alone loom_peer each_answer_arrives_once_if_the_server_dies_between_its_indices \
  page/indices.rs 's/now == old \|\| now == intended/now == old/'
mutant resumes-in-silence loom_peer each_answer_arrives_once_if_the_server_dies_before_its_doorbell \
  page/indices.rs 's/self.forced = true;//'

crate=daemon

# R4 and F3: a worker doesn't sleep over news.
mutant rings-without-a-fence loom_worker no_news_is_slept_through worker/bell.rs \
  '/fn ring/,/^    }/s/fence\(SeqCst\);//'
mutant sleeps-without-a-fence loom_worker no_news_is_slept_through worker/bell.rs \
  '/fn sleep/,/^    }/s/fence\(SeqCst\);//'
mutant sleeps-before-it-says-so loom_worker no_news_is_slept_through worker/bell.rs \
  '/fn sleep/,/^    }/{s/self.0.sleeping.store\(true, Relaxed\);//;s/fence\(SeqCst\);/fence(SeqCst);\n        self.0.sleeping.store(true, Relaxed);/}'

# D4: what is heard of one life doesn't meet the next; XSA-206: pauses are not lost.
mutant the-first-life-stays loom_worker who_finds_a_life_knows_it worker/lives.rs \
  's/slot.store\(unique_id, Release\);/let _ = slot.compare_exchange(NONE, unique_id, Release, Acquire);/'
mutant a-pause-over-another loom_worker pauses_are_not_lost worker/pauses.rs \
  '/fn pause/,/^    }/{s/self.table.rcu\(\|table\| \{/let there = Arc::clone(\&self.table.load());\n        let made = (|table: \&Arc<BTreeMap<DomId, Pause>>| {/;s/^        \}\);/        })(\&there);\n        self.table.store(Arc::new(made));/}'

crate=ring/c

# Threads of a C program that share a connection: nobody waits while nobody reads.
mutant lets-go-in-silence loom_exchange who_asks_and_who_waits_both_have_their_own xs/exchange.rs \
  '/kept.partial = Some\(partial\);/{n;s/self.changed.tell\(\);//}'
mutant reads-on-after-the-end loom_exchange the_end_is_for_all xs/exchange.rs \
  's/kept.has_ended = true;//'

echo "$caught caught"
exit $failed
