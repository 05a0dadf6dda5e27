#!/bin/bash
# Installs Debian's packages that builds and tests use, and unpacks Xen's programs.
set -euo pipefail
cd "$(dirname "$0")/.."

# A linker, libFuzzer's compiler, and what the tests of allocators in benches build with.
packages="gcc g++ libc6-dev make"

missing=
for package in $packages; do
  dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "missing:$missing"
  root=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "run as root: apt-get install$missing" >&2; exit 1; }
    root=sudo
  fi
  $root apt-get -qq update
  # shellcheck disable=SC2086
  $root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $missing
fi

verify/peers/setup.sh
