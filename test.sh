#!/bin/bash
# Runs every check, one script of .ci after the other, and stops at the first that fails.
#
#   ./test.sh             all of them
#   ./test.sh fmt tests   only these
#
# Debian's packages that the checks use are installed when they are missing.
set -euo pipefail
cd "$(dirname "$0")"
all="packages peers fmt clippy tests instructions loom doc deny oracle linear simulate fuzz xen"

for check in ${*:-$all}; do
  [ -x ".ci/$check.sh" ] || { echo "test.sh: no check '$check'; there are: $all" >&2; exit 2; }
  echo "==> $check: $(sed -n '2s/^# //p' ".ci/$check.sh")"
  begin=$SECONDS
  ".ci/$check.sh" || { echo "==> $check FAILED; again: ./test.sh $check" >&2; exit 1; }
  echo "==> $check passed in $((SECONDS - begin)) s"
done
echo "==> all passed in $SECONDS s"
