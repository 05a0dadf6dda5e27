#!/bin/bash
# All fuzz targets for a short while: long enough to fail at once on what is known.
set -euo pipefail
cd "$(dirname "$0")/.."
verify/fuzz.sh "${1:-12}" "${@:2}"
