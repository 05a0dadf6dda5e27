#!/bin/bash
# All fuzz targets, a minute each, by libFuzzer on stable Rust.
#
#   .ci/fuzz.sh [SECONDS [TARGET...]]     such as: .ci/fuzz.sh 3600 connection
#
# What is found grows verify/fuzz/corpus; an input that fails lies in verify/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
targets=${*:2}
host=$(rustc -vV | sed -n 's/^host: //p')

# With --target these flags reach what is fuzzed, and no build script.
export RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
CARGO_PROFILE_RELEASE_LTO=off cargo build --release --locked --quiet -p myriad-fuzz \
  --features libfuzzer --bin fuzz-codec --bin fuzz-connection --bin fuzz-page \
  --target "$host" --target-dir target/fuzz

for target in ${targets:-codec connection page}; do
  corpus=verify/fuzz/corpus/$target
  artifacts=verify/fuzz/artifacts/$target
  mkdir -p "$corpus" "$artifacts"
  echo "$target, $seconds s:"
  log=$artifacts/log
  "target/fuzz/$host/release/fuzz-$target" "$corpus" "verify/fuzz/seeds/$target" \
    -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$artifacts/" -print_final_stats=1 >"$log" 2>&1 ||
    { tail -n 60 "$log"; echo "fuzz.sh: $target fails; the input is named above" >&2; exit 1; }
  grep -E 'INITED|^Done|^stat::' "$log"
done
