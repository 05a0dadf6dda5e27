#!/bin/bash
# Fuzz targets by libFuzzer on stable Rust, each for so many seconds.
#
#   verify/fuzz.sh [SECONDS [TARGET...]]     such as: verify/fuzz.sh 3600 connection
#
# Without targets all of them run: codec, connection, page, store, history, recovery. What is found
# grows verify/fuzz/corpus; an input that fails lies in verify/fuzz/artifacts. With MINIMISE=1 the
# corpus of each target is cut down afterwards, to inputs of at most 4 KiB that reach what all of
# them reach: that is what is committed.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
targets=${*:2}
host=$(rustc -vV | sed -n 's/^host: //p')
programs=target/fuzz/$host/release

# With --target these flags reach what is fuzzed, and no build script.
export RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
  cargo build --release --locked --quiet -p myriad-fuzz --features libfuzzer --bins \
  --target "$host" --target-dir target/fuzz

for target in ${targets:-codec connection page store history recovery}; do
  corpus=verify/fuzz/corpus/$target
  artifacts=verify/fuzz/artifacts/$target
  mkdir -p "$corpus" "$artifacts"
  echo "$target, $seconds s:"
  log=$artifacts/log
  "$programs/fuzz-$target" "$corpus" "verify/fuzz/seeds/$target" \
    -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$artifacts/" -print_final_stats=1 >"$log" 2>&1 ||
    { tail -n 60 "$log"; echo "fuzz.sh: $target fails; the input is named above" >&2; exit 1; }
  grep -E 'INITED|^Done|^stat::' "$log"
  if [ -n "${MINIMISE:-}" ]; then
    small=$(mktemp -d)
    "$programs/fuzz-$target" "$small" "$corpus" -merge=1 -max_len=4096 >>"$log" 2>&1
    rm -r "$corpus" && mv "$small" "$corpus"
    du -sh --apparent-size "$corpus"
  fi
done
