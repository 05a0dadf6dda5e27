#!/bin/bash
# The store against the reference model: by default 4,000 random runs of each kind.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-4000}
# As optimised as what is released: it is the number of runs that counts here.
PROPTEST_CASES=$runs cargo test --release --locked -p myriad-verify --test model
kinds=$(grep -c '^    fn ' verify/tests/model.rs || true)
echo "$((runs * kinds)) runs"
