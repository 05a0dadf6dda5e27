#!/bin/bash
# Unpacks Debian's Xen 4.17 programs into one folder and builds the shim they run over.
#
#   verify/peers/setup.sh [DIR]     DIR: else $MYRIAD_PEERS, else target/peers
#
# Nothing is installed: the packages are downloaded and unpacked below DIR, which then holds
#   root/          the packages' files, such as root/usr/lib/xen-4.17/bin/xenstored
#   xenshim.so     what C xenstored is preloaded with (xenshim.c)
# A folder that is complete is left as it is, without asking the network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-${MYRIAD_PEERS:-$here/../../target/peers}}
packages="xen-utils-4.17 xenstore-utils libxenstore4 libxenmisc4.17 libxenevtchn1 libxengnttab1
  libxencall1 libxenforeignmemory1 libxentoollog1 libxentoolcore1 libxendevicemodel1 libxenhypfs1
  libxen-dev"

fail() { echo "setup.sh: $*" >&2; exit 1; }

mkdir -p "$dir/deb" "$dir/root"
cd "$dir"
exec 9>lock
flock 9 # tests may call this at the same time

version=$( (echo "$packages"; cat "$here/xenshim.c") | sha256sum)
[ "$(cat ready 2>/dev/null)" != "$version" ] || exit 0

for tool in apt-get dpkg gcc; do
  command -v $tool >/dev/null ||
    fail "$tool is needed: this takes Debian 12 and 'apt-get install gcc libc6-dev'"
done

missing=
for package in $packages; do
  compgen -G "deb/${package}_*.deb" >/dev/null || missing="$missing $package"
done
if [ -n "$missing" ]; then
  # Not only where nothing is known of them: old lists name old packages.
  apt-get -qq update || echo "setup.sh: apt-get update failed (it needs root); going on" >&2
  # apt gives up its rights for a download, and could not write into this folder then.
  (cd deb && apt-get -qq -o APT::Sandbox::User=root download $missing) ||
    fail "these packages could not be downloaded:$missing (Debian 12 has them)"
fi
# Older ones than Debian's security update die of requests that the comparison sends (XSA-484).
oldest=4.17.7
version_of() { dpkg-deb -f deb/xen-utils-4.17_*.deb Version; }
dpkg --compare-versions "$(version_of)" ge "$oldest" || {
  found=$(version_of)
  rm deb/*.deb
  fail "Xen $found is too old, $oldest is needed: enable bookworm-security, run apt-get update"
}
for deb in deb/*.deb; do
  dpkg -x "$deb" root
done

gcc -O2 -Wall -Wextra -Wno-unused-parameter -shared -fPIC -Iroot/usr/include \
  -o xenshim.so.new "$here/xenshim.c" || fail "the shim did not compile"
mv xenshim.so.new xenshim.so
echo "$version" >ready
echo "Xen's programs are ready in $dir"
