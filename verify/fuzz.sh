#!/bin/bash
# Fuzz targets by libFuzzer on stable Rust, each for so many seconds.
#
#   verify/fuzz.sh [SECONDS [TARGET...]]     such as: verify/fuzz.sh 3600 connection
#
# Without targets all of them run: codec, connection, v2, page, store, history, recovery, migration.
# They start from verify/fuzz/seeds and verify/fuzz/corpus; what is found grows target/fuzz/corpus,
# and an input that fails lies in verify/fuzz/artifacts. With MINIMISE=1 verify/fuzz/corpus is made
# anew afterwards: of inputs of at most 2 KiB, as few as reach what all such do.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
all="codec connection v2 page store history recovery migration"
targets=${*:2}
host=$(rustc -vV | sed -n 's/^host: //p')
programs=target/fuzz/$host/release

# With --target these flags reach what is fuzzed, and no build script.
export RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
  cargo build --release --locked --quiet -p myriad-fuzz --features libfuzzer \
  $(printf -- '--bin fuzz-%s ' $all) \
  --target "$host" --target-dir target/fuzz

# fuzz TARGET: leaves a file `failed` beside its log where an input fails.
fuzz() {
  local found=target/fuzz/corpus/$1 corpus=verify/fuzz/corpus/$1 artifacts=verify/fuzz/artifacts/$1
  mkdir -p "$found" "$corpus" "$artifacts"
  rm -f "$artifacts/failed"
  "$programs/fuzz-$1" "$found" "$corpus" "verify/fuzz/seeds/$1" \
    -max_total_time="$seconds" -max_len=16384 -timeout=60 -rss_limit_mb=2048 \
    -artifact_prefix="$artifacts/" -print_final_stats=1 >"$artifacts/log" 2>&1 ||
    : >"$artifacts/failed"
}

# As many at a time as there are cores: each has one thread.
for target in ${targets:-$all}; do
  while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do wait -n; done
  fuzz "$target" &
done
wait

for target in ${targets:-$all}; do
  corpus=verify/fuzz/corpus/$target
  log=verify/fuzz/artifacts/$target/log
  echo "$target, $seconds s:"
  [ ! -e "verify/fuzz/artifacts/$target/failed" ] ||
    { tail -n 60 "$log"; echo "fuzz.sh: $target fails; the input is named above" >&2; exit 1; }
  grep -E 'INITED|^Done|^stat::' "$log"
  if [ -n "${MINIMISE:-}" ]; then
    small=$(mktemp -d)
    "$programs/fuzz-$target" "$small" "target/fuzz/corpus/$target" "$corpus" \
      -merge=1 -max_len=2048 >>"$log" 2>&1
    rm -r "$corpus"
    cp -r "$small" "$corpus"
    rm -r "$small"
    du -sh --apparent-size "$corpus"
  fi
done
