#!/bin/bash
# Xen 4.17's own programs, for tests to compare with, are unpacked in target/peers.
set -euo pipefail
cd "$(dirname "$0")/.."
verify/peers/setup.sh
