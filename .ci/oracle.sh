#!/bin/bash
# 200,000 random requests to C xenstored and to ours, most of them those of guests on their rings;
# every byte of every answer compared.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo run --release --locked --quiet -p myriad-verify --bin oracle -- --requests 200000 \
  --save target/oracle-failure.txt
# The same calls of the client library at ours in v2 and at C in v1.
cargo run --release --locked --quiet -p myriad-verify --bin oracle -- --v2 --requests 20000
