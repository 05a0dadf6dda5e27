#!/bin/bash
# The tests of core, ring, history and daemon on the alternative cell (feature `epoch-cell`).
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --locked -p myriad-core -p myriad-ring -p myriad-history -p myriad \
  --features myriad-core/epoch-cell
