#!/bin/bash
# Debian's packages that builds and tests use are there; what is missing is installed.
#
#   .ci/packages.sh [PACKAGE...]
set -euo pipefail

# A linker; libFuzzer's compiler; jemalloc's tools, for the benches that compare allocators; git,
# which exports of the history go to.
packages=${*:-gcc libc6-dev g++ make git}

missing=
for package in $packages; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "to be installed:$missing"
root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "as root: apt-get install$missing" >&2; exit 1; }
  root=sudo
fi
$root apt-get -qq update
# shellcheck disable=SC2086 # a list of words
$root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $missing
