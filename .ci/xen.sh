#!/bin/bash
# Real Xen under QEMU: toolstack and guests with ours as with C xenstored, hostile guests, and a daemon
# that is killed.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=target/xen-runs

# What the lab itself would install; here, so that a machine where that can't be done says what.
.ci/packages.sh qemu-system-x86 cpio gcc binutils xz-utils util-linux
cargo build --release --locked --quiet -p myriad --bin xenstored

# lab NAME DAEMON SCRIPT [OPTION…]: one run, of which a failure leaves what is known of it.
lab() {
  local name=$1 daemon=$2 script=$3 begin=$SECONDS
  shift 3
  rm -rf "${runs:?}/$name"
  mkdir -p "$runs"
  echo "-- $script with $daemon"
  verify/xen/lab.sh -t 300 -o "$runs/$name" "$@" "$daemon" "verify/xen/scripts/$script.sh" || {
    echo "xen: $script with $daemon failed; consoles and logs are in $runs/$name" >&2
    exit 1
  }
  echo "-- 1 script passed in $((SECONDS - begin)) s"
}

ours=target/release/xenstored
lab guests-stock stock guests -l -e NANOS=3 -e LINUXES=1
lab guests-ours "$ours" guests -l -e NANOS=3 -e LINUXES=1
verify/xen/compare.sh "$runs/guests-stock" "$runs/guests-ours"
lab hostile "$ours" hostile
lab crash "$ours" crash -e ROUNDS=2
