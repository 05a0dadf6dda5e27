#!/bin/bash
# Takes the daemon's defences away, one at a time, and sees the attack's own test (daemon/tests/xsa_*)
# or the simulation fail on each daemon so weakened. All faults are put into one copy of the sources
# below target/defences, each behind its name: a daemon that is started with MYRIAD_WEAK=NAME has that
# one.
#
#   verify/defences.sh           all
#   verify/defences.sh NAME...   some
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/target/defences
only=" $* "
failed=0 caught=0
names=() kinds=() tests=() # of the mutants, in order
folders=(core ring history daemon verify benches)
deadline=${MYRIAD_TEST_DEADLINE:-40} # seconds; without its defence many a test never ends
export RUST_BACKTRACE=0

rm -rf "$work/new"
mkdir -p "$work/new" "$work/src"
tar -C "$root" --exclude target -cf - Cargo.toml Cargo.lock "${folders[@]}" | tar -C "$work/new" -xf -
cat >"$work/new/core/src/weak.rs" <<'RUST'
//! Which fault the daemon has.
/// Whether it is this one.
#[allow(unreachable_pub)]
pub fn is(name: &str) -> bool {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| std::env::var("MYRIAD_WEAK").unwrap_or_default()) == name
}
RUST
printf '/// Which fault there is.\npub mod weak;\n' >>"$work/new/core/src/lib.rs"

# weaken NAME SOURCE SED …: puts a fault into the copy; WEAK is whether the daemon has it.
weaken() {
  local name=$1 is
  shift
  while [ $# -gt 0 ]; do
    case $1 in core/*) is="crate::weak::is(\"$name\")" ;; *) is="myriad_core::weak::is(\"$name\")" ;; esac
    cp "$work/new/$1" "$work/before"
    sed -i -E "${2//WEAK/$is}" "$work/new/$1"
    if ! grep -q "weak::is(\"$name\")" "$work/new/$1"; then
      echo "$name: $1 has changed, the mutant with it must" && failed=1
    fi
    shift 2
  done
}

# mutant NAME FILE TEST SOURCE SED …: the test in daemon/tests must fail with this fault.
mutant() {
  names+=("$1") kinds+=("$2") tests+=("$3")
  weaken "$1" "${@:4}"
}

# again NAME FILE TEST: so must another test, with the same fault.
again() {
  names+=("$1") kinds+=("$2") tests+=("$3")
}

# construction NAME ROW REASON: what can't be taken out; the mutant named is the nearest to it.
construction() {
  case $only in "  " | *" $1 "*) echo "by construction, $2: $3; nearest mutant: $1" ;; esac
}

conn=ring/src/v1/connection

# Rings and messages.
mutant window-of-any-size xsa_rings xsa_38_ring_indices_out_of_range \
  ring/src/page/window.rs 's/(produced.wrapping_sub\(consumed\) > size) \{/\1 \&\& !WEAK {/'
construction page-must-stand-still XSA-38 \
  "an index is read once, and whatever it says copies end with the ring"
mutant page-must-stand-still xsa_rings xsa_38_ring_indices_that_change_under_the_reader \
  ring/src/page/end.rs 's/^( *)let span = window.readable.*/&\n\1if WEAK { std::thread::yield_now(); assert_eq!(self.shared.load(self.inbound.produced(), Relaxed), window.produced()); }/'
mutant messages-of-any-length xsa_rings xsa_72_an_answer_that_no_client_can_take \
  ring/src/v1/reply.rs 's/len <= PAYLOAD_MAX\)/len <= PAYLOAD_MAX || WEAK)/'
again messages-of-any-length xsa_rings xsa_324_a_token_that_makes_events_over_long
mutant death-of-the-silent-untold xsa_rings xsa_325_a_broken_ring_hides_no_death \
  core/src/lifecycle.rs '/pub\(crate\) fn release/,/^    }/s/if domain.introduced/if domain.introduced \&\& !(WEAK \&\& domain.watches == 0)/'
mutant lengths-of-any-size xsa_rings xsa_420_a_length_that_no_message_has \
  ring/src/v1/assemble.rs 's/if len <= PAYLOAD_MAX =>/if len <= PAYLOAD_MAX || WEAK =>/'
mutant lost-ring-keeps-transactions xsa_rings xsa_484_a_ring_error_in_a_transaction \
  $conn/mod.rs '/fn forget/,/^    }/s/self.session.transactions.clear\(\);/if !WEAK { & }/'

# Permissions.
mutant events-for-all xsa_permissions xsa_115_a_watch_of_the_root_shows_no_foreign_paths \
  core/src/state.rs 's/who == Who::Control \|\| lists.any/WEAK || &/'
mutant special-events-for-all xsa_permissions xsa_115_watches_of_special_nodes_show_no_domains \
  core/src/state.rs '/fn special_fires/,/^    }/s/^( *)acl.rights.*includes\(Access::Read\)/& || WEAK/'
mutant lives-are-domids xsa_permissions xsa_322_a_reused_domid_inherits_no_permission \
  core/src/lifecycle.rs 's/Instance\(self.state.next_instance - 1\)/Instance(if WEAK { 1000 + u64::from(domid.0) } else { self.state.next_instance - 1 })/'
again lives-are-domids xsa_permissions xsa_322_a_reused_domid_inherits_no_special_node
again lives-are-domids xsa_permissions xsa_417_permissions_before_the_new_domain_is_known
mutant unknown-is-anyone xsa_permissions xsa_417_permissions_before_the_new_domain_is_known \
  core/src/state.rs 's/unwrap_or\(Instance::NONE\)/unwrap_or(if WEAK { Instance::ANY } else { Instance::NONE })/'
mutant owner-changes xsa_permissions xsa_352_nodes_can_not_be_given_away \
  core/src/work.rs 's/if who != Who::Control \&\& list/if !WEAK \&\& who != Who::Control \&\& list/'
mutant root-is-free xsa_permissions xsa_353_the_root_has_permissions \
  core/src/state.rs 's/if allowed \{ Ok/if allowed || (WEAK \&\& path.is_root()) { Ok/'

# Nodes.
mutant absolute-path-of-any-length xsa_nodes xsa_323_whatever_can_be_made_can_be_named \
  core/src/path.rs 's/\|\| bytes.len\(\) > PATH_BYTES/|| (bytes.len() > PATH_BYTES \&\& !WEAK)/'
mutant path-quota-of-twice xsa_nodes xsa_323_whatever_can_be_made_can_be_named \
  ring/src/v1/paths.rs 's/if fits\(path.as_str\(\), max\)/if fits(path.as_str(), if WEAK { max.saturating_mul(2) } else { max })/'
mutant quota-seen-on-the-way xsa_nodes xsa_414_a_failed_creation_leaves_nothing \
  core/src/work.rs '/^    fn create\(/,/^    }/{
    s/\+ new\(\)\)\?;/+ if WEAK { 0 } else { new() })?;/
    s/^( *)let \(name, more\) = split_first\(rest\);/&\n\1if WEAK { self.state.within(env, caller, Quota::Nodes, |d| d.map_or(0, |d| d.nodes as usize) + 1)?; }/
  }'
again quota-seen-on-the-way xsa_transactions xsa_415_a_failed_creation_in_a_transaction_that_commits
construction removal-recurses XSA-418 "walks are loops (ARCHITECTURE.md, A3)"
mutant removal-recurses xsa_nodes xsa_418_a_deep_tree_is_no_deep_recursion \
  core/src/removal.rs 's/^( *)let record = node.record\(\);/\1if WEAK { descend(at.path().len() \/ 2); }\n&/;$a fn descend(levels: usize) -> usize { let frame = std::hint::black_box([levels; 1024]); if levels == 0 { 0 } else { frame[0] + descend(levels - 1) } }'
mutant orphans-stay xsa_nodes xsa_419_nodes_elsewhere_die_with_their_maker \
  core/src/lifecycle.rs 's/if !path.is_root\(\) \&\& !env.keep_orphans/if !WEAK \&\& !path.is_root() \&\& !env.keep_orphans/'
mutant names-may-be-empty xsa_nodes xsa_481_paths_that_end_in_a_slash \
  core/src/path.rs "s/if (previous == b'\/' \&\& bytes.len\(\) > 1)/if !WEAK \&\& \1/"

# Domains.
mutant one-death-a-look xsa_domains xsa_233_a_stub_domain_and_its_guest_are_destroyed_together \
  daemon/src/control/domains.rs '/Command::Destroy\(range\)/,/^        }/s/in range.iter\(\)/in range.iter().take(if WEAK { 1 } else { usize::MAX })/'
construction released-hears-on XSA-425 \
  "connections are found by number at each step, and none is held while others are served"
mutant released-hears-on xsa_domains xsa_425_a_release_while_its_domain_is_served \
  $conn/ops_domain.rs '/fn release\(/,/^    }/s/conn.into_iter\(\)/conn.filter(|_| !WEAK).into_iter()/'
mutant usage-outlives xsa_domains xsa_483_a_reused_domid_starts_with_no_usage \
  core/src/lifecycle.rs 's/self.state.domains.remove\(&env.keys, domid\);/if !WEAK { & } else if let Some(d) = self.state.domains.get_mut(\&env.keys, domid) { d.introduced = false; d.target = None; d.instance = Instance(self.state.next_instance); d.owned = Default::default(); self.state.next_instance += 1; }/' \
  core/src/removal.rs 's/domains.count_nodes\(&env.keys, owner, \(-count, -bytes\)\);/if !WEAK { & }/'

# Transactions.
mutant nobody-is-held-back xsa_transactions xsa_206_writers_do_not_starve_a_transaction \
  daemon/src/worker/blame.rs 's/\(!blame.guests.is_empty\(\)\)/(!blame.guests.is_empty() \&\& !WEAK)/'
mutant notes-any-number xsa_transactions xsa_326_nodes_without_end_in_a_transaction \
  core/src/work.rs 's/if self.footprint.len\(\) < limit \&\&/if (self.footprint.len() < limit || WEAK) \&\&/'
again notes-any-number xsa_all_quotas guests_at_every_quota_leave_others_alone_and_memory_bounded
mutant keeps-any-bytes xsa_transactions xsa_326_bytes_without_end_in_transactions \
  core/src/transaction.rs 's/self.effect_bytes < most_bytes/(self.effect_bytes < most_bytes || WEAK)/'
mutant refused-is-noted xsa_transactions xsa_326_a_refused_operation_is_none_of_the_transaction \
  core/src/edit.rs '/^            fn write\(/,/^            }/{
    s/self.work.write\(&self.env, caller, path, value\)\?;/let done = self.work.write(\&self.env, caller, path, value);\nif !WEAK { done.clone()?; }/
    s/^( *)Ok\(\(\)\)/\1done/
  }'
mutant removals-not-replayed xsa_transactions xsa_421_created_and_removed_in_one_transaction \
  core/src/transaction.rs 's/self.note\(caller, path, Kind::Rm\);/if !WEAK { & }/'
mutant reset-keeps-transactions xsa_transactions xsa_484_watches_reset_in_a_transaction \
  $conn/ops_watch.rs 's/self.session.transactions.clear\(\);/if !WEAK { & }/'

# Quotas.
mutant events-beyond-memory xsa_quotas xsa_326_events_that_are_never_read \
  $conn/output.rs 's/if self.session.memory_refuses\(waiting, len, now\) \{/if self.session.memory_refuses(waiting, len, now) \&\& !WEAK {/'
again events-beyond-memory xsa_all_quotas guests_at_every_quota_leave_others_alone_and_memory_bounded
mutant any-number-outstanding xsa_quotas xsa_326_requests_whose_answers_are_never_read \
  $conn/account.rs 's/if self.quotas.reached\(Quota::Outstanding, outstanding\)/& \&\& !WEAK/'
mutant waiting-bytes-are-free xsa_quotas xsa_416_a_slow_reader_pins_only_what_is_counted \
  $conn/account.rs 's/self.memory.saturating_add\(waiting\)/self.memory.saturating_add(if WEAK { 0 } else { waiting })/'
mutant unintroduced-owns-nothing xsa_quotas xsa_326_nodes_made_before_the_introduction \
  core/src/accounts.rs 's/self.domains.count_nodes\(&env.keys, new, \(1, bytes\(list\)\)\);/if !WEAK || self.domains.get(\&env.keys, new.0).is_some_and(|d| d.introduced) { & }/'
mutant any-number-of-watches xsa_quotas xsa_326_watches_without_end \
  core/src/watching.rs 's/d.map_or\(0, \|d\| d.watches as usize\) \+ 1/(&) * usize::from(!WEAK)/'
mutant watches-of-any-size xsa_quotas xsa_326_watches_without_end \
  core/src/watching.rs 's/self.state.afford\(env, &spec.caller, spec.caller.guest\(\), bytes\)\?;/if !WEAK { & }/' \
  $conn/ops_watch.rs 's/^( *)let full = full.then.*/&\n\1let full = full.filter(|_| !WEAK);/'
mutant events-elsewhere-are-free xsa_quotas xsa_326_events_for_another_domain \
  daemon/src/worker/events.rs 's/let ticket = ticket.cloned\(\);/let ticket = ticket.cloned().filter(|_| !WEAK);/'
mutant reset-forgets-the-account xsa_quotas xsa_330_watches_reset_in_a_loop \
  core/src/watching.rs 's/^( *)let gone = self.state.watches.remove_all.*/&\n\1let (gone, bytes) = if WEAK { (0, 0) } else { (gone, bytes) };/'
mutant reset-forgets-the-watches xsa_quotas xsa_330_watches_reset_in_a_loop \
  core/src/watch.rs '/fn remove_all/,/^    }/s/self.by_path.remove\(watch.hash\(\), is\);/if !WEAK { & }/'

# Those without a number.
construction unkeyed-hash "names that collide" \
  "the keys are random, and an equal hash is slow and never wrong"
mutant unkeyed-hash unit two_stores_have_different_keys \
  core/src/hash.rs 's/Keys\(RandomState::new\(\)\)/Keys(if WEAK { RandomState::with_seeds(1, 2, 3, 4) } else { RandomState::new() })/'
mutant walks-for-each-child xsa_more more_children_than_can_be_walked_for_each \
  core/src/accounts.rs '/pub\(crate\) fn add_node/,/^    }/s/^( *)let stamp = self.generation;/&\n\1let mut children = 0_u64;\n\1if WEAK \&\& let Some(above) = path.parent().and_then(|p| self.tree.get(\&env.keys, p)) { above.each_child(|name| children += std::hint::black_box(name.len() as u64)); }/'
mutant walks-for-each-touch xsa_more more_nodes_in_a_transaction_than_can_be_walked_for_each \
  core/src/footprint.rs 's/^( *)let at = match self.table.find\(hash, is\) \{/\1let walked = || touches.iter().position(|t| *t.path == *path.as_str()).map(|at| at as u32);\n\1let known = if WEAK { walked() } else { self.table.find(hash, is).copied() };\n\1let at = match known.as_ref() {/'
mutant checks-where-it-serves xsa_more more_walks_are_none_of_the_serving_threads \
  daemon/src/worker/host.rs 's/^( *)let thread = std::thread::Builder::new\(\).name\("check".into/\1if WEAK { answer(); return Ok(()); }\n&/'
construction control-for-all "history that grows" \
  "its file has one size from its first byte on, and its queue is bounded in bytes"
mutant control-for-all xsa_more more_history_is_bounded_and_none_of_the_guests \
  ring/src/v1/op.rs '/fn needs_privilege/,/^    }/s/matches!\(/!(WEAK \&\& self == Op::Control) \&\& matches!(/'

# Turns, doorbells and what a killed daemon leaves: seen by the simulation, which has no attacker.
link=daemon/src/worker/link/ring.rs
mutant guests-are-not-rung simulate 20 $link 's/self\.doorbell\.ring\(self\.domid\);/if !WEAK { & }/'
mutant others-are-not-woken simulate 20 daemon/src/worker/events.rs \
  's/None => shared\.mailboxes\.wake\(worker\),/None if WEAK => {}\n&/'
mutant reset-keeps-what-came simulate 20 $link 's/^( *)conn\.reset\(store\);/\1if !WEAK { conn.reset(store); }/'
mutant blocked-for-ever simulate 60 $link \
  '/Who rings may have made room/,/wants_reconnect/s/self\.blocked = false;/if !WEAK { & }/'
mutant paused-for-ever simulate 60 daemon/src/worker/serve.rs \
  's/^( *)self\.resume_paused\(\);/\1if !WEAK { self.resume_paused(); }/'
mutant slots-are-not-written simulate 60 $link \
  's/if let Some\(keeping\) = \&mut self\.keeping \{/if let Some(keeping) = \&mut self.keeping \&\& !WEAK {/'

[ $failed = 0 ] || exit 1

# What has changed goes to where it is compiled, and keeps its time else.
(cd "$work/new" && find . -type f -printf '%P\n' | sort) >"$work/files"
(cd "$work/src" && find . -type f -printf '%P\n' | sort) | comm -13 "$work/files" - |
  (cd "$work/src" && xargs -r rm --)
while read -r file; do
  cmp -s "$work/new/$file" "$work/src/$file" || install -D -m 644 "$work/new/$file" "$work/src/$file"
done <"$work/files"
weak() { # cargo, in the copy
  (cd "$work/src" && CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$work/target" cargo "$@")
}
weak build --quiet -p myriad -p myriad-verify --bin xenstored --bin simulate

# attack NAME FILE TEST…: the test on the daemon with this fault.
attack() {
  if [ "$2" = unit ]; then
    MYRIAD_WEAK=$1 weak test --quiet -p myriad-core --lib "${@:3}"
  elif [ "$2" = simulate ]; then
    MYRIAD_WEAK=$1 timeout 300 "$work/target/debug/simulate" --seeds "$3" --steps 6000
  else
    (cd "$root" && MYRIAD_WEAK=$1 MYRIAD_TEST_DAEMON="$work/target/debug/xenstored" \
      MYRIAD_TEST_DEADLINE=$deadline cargo test --quiet -p myriad --test "${@:2}" -- --exact)
  fi >"$work/log" 2>&1
}

# Without a fault it withstands: else a failure below would mean nothing.
if [ "$only" = "  " ]; then
  for file in $(printf '%s\n' "${kinds[@]}" | sort -u); do
    case $file in
      unit) continue ;;
      simulate)
        attack none simulate 60 || { echo "simulate fails without a fault:" && tail "$work/log" && exit 1; }
        continue
        ;;
    esac
    (cd "$root" && MYRIAD_TEST_DAEMON="$work/target/debug/xenstored" \
      cargo test --quiet -p myriad --test "$file" >"$work/log" 2>&1) ||
      { echo "$file fails without a fault:" && tail -n 30 "$work/log" && exit 1; }
  done
fi

total=0
for at in "${!names[@]}"; do
  name=${names[at]} test=${tests[at]}
  case $only in "  " | *" $name "*) ;; *) continue ;; esac
  total=$((total + 1))
  if attack "$name" "${kinds[at]}" "$test"; then
    echo "$name: NOT CAUGHT by $test" && failed=1
  elif ! grep -aq "panicked at\|SIGABRT\|^seed " "$work/log"; then
    echo "$name: $test did not run" && failed=1
  else
    caught=$((caught + 1))
    why=$(tr -d '\0' <"$work/log" | sed -nE "/^seed [0-9]+, step/{s/^[^:]*: //p;q}
      /$test'.* panicked at/{n;p;q}" | cut -c1-60 || true)
    echo "$name: caught by $test: ${why:-it hangs}"
  fi
done
echo "$caught of $total caught"
exit $failed
