#!/bin/bash
# Publication, turns, the feed, pages, doorbells and the journal keep their rules in all
# interleavings of models.
#
# That the models would find a fault is shown by hand: verify/loom-mutants.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

# Flags and folder of their own, so that nothing else is built again. Whatever loom would read from
# the environment is set by the models, which end when there is no interleaving left.
export RUSTFLAGS="--cfg loom" RUST_BACKTRACE=0 CARGO_PROFILE_RELEASE_LTO=off \
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
models=$(cd verify/tests && ls loom_*.rs | sed 's/\.rs$//')
log=target/loom/log
mkdir -p target/loom

# shellcheck disable=SC2086,SC2046 # lists of words
cargo test --release --locked --quiet -p myriad-verify --target-dir target/loom \
  $(printf -- '--test %s ' $models) -- --nocapture >"$log" 2>&1 ||
  { tail -n 60 "$log"; echo "loom.sh: a model fails; all of its output: $log" >&2; exit 1; }

# A model that was left out would pass too. Each says how far it was explored, but for those that
# are broken and must panic.
there=$(cat verify/tests/loom_*.rs | grep -c '^#\[test\]')
broken=$(cat verify/tests/loom_*.rs | grep -c '^#\[should_panic' || true)
ran=$(grep -oE '^test result: ok\. [0-9]+' "$log" | awk '{ n += $4 } END { print n + 0 }')
explored=$(grep -c 'explored: ' "$log" || true)
[ "$there" -gt 0 ] && [ "$ran" = "$there" ] && [ "$explored" -ge $((there - broken)) ] ||
  { echo "loom.sh: of $there models $ran ran, to $explored ends; see $log" >&2; exit 1; }
grep -o 'explored: .*' "$log"
