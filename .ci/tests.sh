#!/bin/bash
# Every test of the workspace, with the real clients and servers that verify starts.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --workspace --locked
