#!/bin/bash
# Builds Myriad, starts xenstored on its simulated host (no Xen needed), and shows it answering.
set -euo pipefail
cd "$(dirname "$0")"
.ci/packages.sh gcc libc6-dev
cargo build --locked --package myriad --target-dir target

run=$(mktemp -d)
export XENSTORED_RUNDIR=$run XENSTORED_PATH=$run/socket PATH=$run:$PWD/target/debug:$PATH

end() {
  if pid=$(cat "$run/pid" 2>/dev/null) && kill "$pid" 2>/dev/null; then
    tail --pid="$pid" -f /dev/null
  fi
  rm -rf "$run"
}
trap end EXIT

show() { printf '\n$ %s\n' "$*"; "$@"; }

# It returns when the daemon serves.
show xenstored --pid-file "$run/pid" --trace-file "$run/log" --access-log "$run/access"

show tail -n 1 "$run/log"
show myriad control sim create 7
show myriad write /local/domain/7/name web /local/domain/7/memory/target 262144
show myriad read /local/domain/7/name
show myriad ls /local/domain
show myriad lookup web

printf '\n$ myriad watch /local/domain/7/memory &\n'
exec 3< <(exec myriad watch --count 2 /local/domain/7/memory)
read -r event <&3
echo "$event"
show myriad write /local/domain/7/memory/target 131072
read -r event <&3
echo "$event"

printf '\nThe clients that people use: xenstore-ls is the same program by another name.\n'
ln -s "$PWD/target/debug/myriad" "$run/xenstore-ls"
show xenstore-ls -f -p /local/domain/7
show grep -E 'write|commit|w event' "$run/access"
printf '\nIt remembers what was (written some tenths of a second later) ...\n'
until myriad log /local/domain/7/memory | grep -q 131072; do sleep 0.1; done
show myriad log /local/domain/7/memory

printf '\n... and, killed, comes back with all that anyone has seen.\n'
show kill -KILL "$(cat "$run/pid")"
show xenstored --pid-file "$run/pid" --trace-file "$run/log" --access-log "$run/access"
show myriad read /local/domain/7/memory/target
printf '\nThat was it: xenstored ends, and its folder goes.\n'
