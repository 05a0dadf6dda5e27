#!/bin/bash
# No warning in any target: libraries, programs, tests, benches, fuzz targets.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
cargo clippy -p myriad-fuzz --features libfuzzer --bins --locked --quiet -- -D warnings
