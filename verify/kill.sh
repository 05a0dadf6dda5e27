#!/bin/bash
# Kills xenstored under load at each of its named points and at random, as SPECIFICATION.md (K1)
# promises: 50 times at each point, 500 times at random; or `verify/kill.sh --kills 5 --random 50`.
set -euo pipefail
cd "$(dirname "$0")/.."

# A journal that is soon full, so that checkpoints and the reuse of segments are frequent.
exec cargo run --release --quiet -p myriad-verify --bin kill -- "$@" -- --journal-size 2M
