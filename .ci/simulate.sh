#!/bin/bash
# The daemon's workers under a scheduler that a seed repeats exactly: by default 300 seeds.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo run --release --locked --quiet -p myriad-verify --bin simulate -- --seeds "${1:-300}"
