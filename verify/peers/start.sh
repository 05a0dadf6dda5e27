#!/bin/bash
# Debian's C xenstored in the foreground, without Xen (tests start theirs by src/peer).
#
#   verify/peers/start.sh RUNDIR [OPTION...]
#
# It serves RUNDIR/socket. XENSHIM_DOMAINS (such as 1-20) says which domains exist. To change them
# while it runs: echo "destroy 5" > RUNDIR/control; the commands are listed in xenshim.c.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { sed -n '2,7p' "$0"; exit 2; }
"$here/setup.sh"
peers=$(cd "${MYRIAD_PEERS:-$here/../../target/peers}" && pwd)
mkdir -p "$1"
run=$(cd "$1" && pwd)
shift
libraries=$(echo "$peers"/root/usr/lib/*-linux-gnu)
exec env XENSTORED_RUNDIR="$run" XENSTORED_PATH="$run/socket" XENSHIM_CONTROL="$run/control" \
  LD_LIBRARY_PATH="$libraries" LD_PRELOAD="$peers/xenshim.so" \
  "$peers/root/usr/lib/xen-4.17/bin/xenstored" -N "$@"
