#!/bin/bash
# 10,000 random concurrent histories on the daemon, over sockets and rings; each must be explained by
# one order of its operations.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo run --release --locked --quiet -p myriad-verify --bin linear -- "$@"
