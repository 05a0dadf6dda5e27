#!/bin/bash
# Breaks the daemon, one fault at a time, and sees `linear` find each. Works on a copy below
# target/linear-mutants; takes a minute or two a mutant.
# Found last, on two busy cores, after so many histories:
#   3: early-replies-late, replies-before-own-events, root-before-req-prod, rebase-with-a-stale-index
#   4: rebase-loses-siblings, rebase-without-events, replies-before-others-events
#   5: right-before-is-no-right
#   9: no-fact-presence, snapshot-is-the-present   19: no-fact-absence   25: no-fact-value
#   75: no-fact-listing   92: swap-always-wins   498: batch-checks-at-its-start
# With a client of v2 among them:
#   2: get-many-of-several-versions   6: snapshot-moves-on   7: condition-is-not-looked-at
#   23: commit-tells-each-change
#
#   verify/linear-mutants.sh           all mutants
#   verify/linear-mutants.sh NAME...   some
#   LINEAR=FILE HISTORIES=N verify/linear-mutants.sh
#                                      with a `linear` that is built already, of so many histories
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/target/linear-mutants
only=" $* "
histories=${HISTORIES:-3000}
failed=0 caught=0

# Cheap to build: what is looked for is no matter of optimisation.
export CARGO_TARGET_DIR=$work/target CARGO_PROFILE_RELEASE_LTO=off
export CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
export CARGO_PROFILE_RELEASE_DEBUG=0 RUSTFLAGS=--cap-lints=warn
mkdir -p "$work"
rm -rf "$work/tree"
mkdir "$work/tree"
for part in Cargo.toml Cargo.lock README.md core ring history daemon verify benches; do
  cp -r "$root/$part" "$work/tree/$part"
done
cd "$work/tree"
git init --quiet . && git add --all >/dev/null

build() { cargo build --release --locked --quiet -p "$1" --bin "$2" >"$work/log" 2>&1; }

# What `linear` says of the daemon that was built.
run() {
  MYRIAD_XENSTORED=$CARGO_TARGET_DIR/release/xenstored timeout 600 "$work/linear" \
    --histories "$histories" --save "$work/$1.json" >"$work/$1.txt" 2>&1
}

if [ -n "${LINEAR:-}" ]; then
  cp "$LINEAR" "$work/linear"
else
  build myriad-verify linear || { cat "$work/log" && exit 2; }
  cp "$CARGO_TARGET_DIR/release/linear" "$work/linear"
fi
if [ "$only" = "  " ]; then
  build myriad xenstored || { cat "$work/log" && exit 2; }
  run none || { echo "without a mutant: not right" && cat "$work/none.txt" && exit 1; }
  echo "without a mutant: $(head -n 1 "$work/none.txt"), all right"
fi

# mutant NAME FILE SED [FILE SED]...: the daemon so changed must be found.
mutant() {
  local name=$1 rc=0
  case $only in "  " | *" $name "*) ;; *) return 0 ;; esac
  shift
  git checkout --quiet .
  while [ $# -gt 0 ]; do
    sed -i -E "$2" "$1"
    git diff --quiet -- "$1" && echo "$name: $1 has changed, the mutant with it must" && failed=1 && return
    shift 2
  done
  if ! build myriad xenstored; then
    echo "$name: does not compile" && grep -m3 -A6 "^error" "$work/log"
    failed=1
    return
  fi
  run "$name" || rc=$?
  if [ $rc = 0 ]; then
    echo "$name: NOT CAUGHT in $histories histories" && failed=1
  elif [ $rc = 1 ] && grep -q "no order of its operations" "$work/$name.txt"; then
    caught=$((caught + 1))
    echo "$name: found in $(sed -n '1s/,.*//p' "$work/$name.txt")"
  else
    echo "$name: ended otherwise ($rc): $(tail -n 1 "$work/$name.txt")" && failed=1
  fi
}

# A version loaded too early or too late.
pin='thread_local! { static EARLY: std::cell::RefCell<Option<myriad_core::Snapshot>> = const { std::cell::RefCell::new(None) }; }\
/// Mutant.\
pub fn pin_early(store: \&myriad_core::Store) { EARLY.set(Some(store.snapshot())); std::thread::yield_now(); }\
/// Mutant.\
pub fn early(store: \&myriad_core::Store) -> myriad_core::Snapshot { EARLY.take().unwrap_or_else(|| store.snapshot()) }\
/// Mutant.\
pub fn not_early() { EARLY.take(); }'
mutant root-before-req-prod ring/src/lib.rs "\$a $pin" \
  ring/src/v1/connection/ops_tree.rs \
  '/fn read\(/,/^    }/s/let mut view = self.store.pin\(\);/let mut view = crate::early(self.store);/' \
  ring/src/v1/connection/ops.rs 's/^( *)(let origin = self.origin\(\);)/\1crate::not_early();\n\1\2/' \
  ring/src/v1/connection/batch.rs 's/^( *)(let outcome = store.edit)/\1crate::not_early();\n\1\2/' \
  daemon/src/worker/serve.rs \
  's/^( *)(if client.read\()/\1if guest.is_some() { myriad_ring::pin_early(\&self.shared.store); }\n\1\2/'
mutant snapshot-is-the-present core/src/transaction.rs \
  's/^( *)(\/\/\/ Says which request ends it.)/\1\/\/\/ Mutant.\n\1pub fn is_clean(\&self) -> bool { self.effects.is_empty() }\n\1\2/' \
  ring/src/v1/connection/ops_tree.rs \
  '/fn read\(/,/^    }/s/Some\(transaction\) => \{/Some(transaction) if !transaction.is_clean() => {/;/fn read\(/,/^    }/s/None => \{/_ => {/'
mutant swap-always-wins core/src/cell.rs \
  's/Arc::ptr_eq\(&before, current\)/{ let _ = before; true }/'

# Permissions.
lenient='thread_local! {\
    /// Mutant.\
    pub static LENIENT: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };\
}'
mutant batch-checks-at-its-start core/src/lib.rs "\$a $lenient" \
  core/src/state.rs \
  's/if who == Who::Control \{/if who == Who::Control || crate::LENIENT.get() {/;s/if !some \{/if !some \&\& !crate::LENIENT.get() {/' \
  ring/src/v1/connection/batch.rs \
  's/^( *)(let outcome = store.edit)/\1let may: Vec<bool> = batch.iter().map(|s| { let mut ok = false; let _ = store.edit(|e| -> Result<(), Error> { ok = s.apply(e, \&caller).is_ok(); Err(Error::NotFound) }); ok }).collect();\n\1\2/;s/let result = simple.apply\(edit, &caller\);/myriad_core::LENIENT.set(may.get(results.len()) == Some(\&true)); let result = simple.apply(edit, \&caller); myriad_core::LENIENT.set(false);/'
mutant right-before-is-no-right core/src/state.rs \
  's/let lists = \[before.map\(AclBuf::as_acl\), node/let lists = [before.filter(|_| false).map(AclBuf::as_acl), node/'

# Facts that are dropped.
mutant no-fact-value core/src/footprint.rs 's/fact.value.get_or_insert\(stamp\);/let _ = stamp;/'
mutant no-fact-absence core/src/footprint.rs 's/fact.absent.is_none\(\)$/true/'
mutant no-fact-presence core/src/footprint.rs 's/None => return false,/None => return true,/'
mutant no-fact-listing core/src/footprint.rs \
  's/fact.children = known.map\(.*\);/fact.children = None;/'
# What a rebase makes of it.
mutant rebase-loses-siblings core/src/prepared.rs \
  's/if base.seq == self.base_seq \{/if base.seq == self.base_seq || self.broken(\&base.state).is_none() {/'
mutant rebase-with-a-stale-index core/src/prepared.rs \
  's/^( *)(let touches = work.tx.take\(\);)/\1work.state.indices = self.state.indices.clone();\n\1\2/'
mutant rebase-without-events core/src/prepared.rs \
  's/let Some\(exact\) = touch.fire else/let Some(exact) = touch.fire.filter(|_| base.seq == self.base_seq) else/'

# Events.
mutant replies-before-own-events daemon/src/worker/serve.rs \
  '/fn answered/,/^    }/{s/^( *)self.deliver\(Some\(own\)\);//;s/^( *)client.conn.release\(self.now\);/&\n        }\n        self.deliver(Some(own));\n        if self.clients.get(number).is_some() {/}'
mutant replies-before-others-events daemon/src/worker/serve.rs \
  's/Own \{ up_to: seq.max\(committed\), number \}/Own { up_to: if seq.max(committed) > 1 { seq.max(committed) - 1 } else { 0 }, number }/'
mutant early-replies-late ring/src/v1/connection/output.rs 's/early.fires <= at/early.fires < at/'

# Protocol v2.
mutant condition-is-not-looked-at ring/src/v2/serve/commit.rs \
  's/edit.stat\(caller, self.path\)\?.value == self.value/edit.stat(caller, self.path).map(|_| true)?/'
mutant commit-tells-each-change ring/src/v2/serve/commit.rs 's/^ *edit.as_one\(nodes_max\);//;s/let nodes_max/let _nodes_max/'
mutant get-many-of-several-versions ring/src/v2/serve/read.rs \
  '/fn get_many/,/^    }/s/let put = put_node\(reads, /std::thread::yield_now();\n                    let mut view = around.store.pin();\n                    let _ = \&reads;\n                    let put = put_node(\&mut view, /'
mutant snapshot-moves-on ring/src/v2/serve/read.rs \
  '/fn get_many/,/^    }/s/self.reading\(get.snapshot.get\(\), /self.reading(0, /;/fn get\(/,/^    }/s/self.reading\(get.snapshot.get\(\), /self.reading(0, /'

echo "$caught caught"
exit $failed
