#!/bin/bash
# Every figure beside the rivals', in one run, on the same machine: Debian's C xenstored and
# oxenstored 4.17, ours, and a floor that answers without doing anything.
#
#   benches/side-by-side.sh [--quick] [--out DIR] [--rounds N] [--only SCENARIO,...] [--keep-logs]
#
#   --quick       less than 4 minutes: smaller numbers of VMs, connections and rounds, no journal
#                 of its own column, a fifth of the nodes; else some 25, by estimate
#   --out DIR     where the results go (default target/side-by-side): SCENARIO.json, goals.md with
#                 the verdicts, all.md with every figure, pictures of cost against N, and log
#   --rounds N    how often each peer is measured, in turn (default 5; --quick 3)
#   --only ...    only these scenarios, separated by commas
#   --keep-logs   keep what the daemons wrote, in DIR/daemons
#
# Ours is there three times: `myriad` with neither journal nor history, `myriad-journal` with the
# journal, `myriad-history` with both, which is what it does by default.
#
# Each scenario has daemons of its own, on Unix sockets in a folder that goes at the end, as the
# daemons do. What Debian's programs need is in verify/peers/setup.sh (Debian 12, apt-get, gcc).
# MYRIAD_BIN: a folder with xenstored, myriad-load, floor-echo and floor-ring; unset, they are built.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)

fail() { echo "side-by-side.sh: $*" >&2; exit 1; }

quick= out=$root/target/side-by-side rounds= only= keep_logs=
while [ $# -gt 0 ]; do
  case $1 in
  --quick) quick=1 ;;
  --out | --rounds | --only)
    [ $# -ge 2 ] || fail "$1 takes a value"
    case $1 in --out) out=$2 ;; --rounds) rounds=$2 ;; --only) only=,$2, ;; esac
    shift ;;
  --keep-logs) keep_logs=1 ;;
  *) sed -n '5,20p' "$0"; exit 2 ;;
  esac
  shift
done
rounds=${rounds:-$([ -n "$quick" ] && echo 3 || echo 5)}

# ---- programs ----

if [ -z "${MYRIAD_BIN:-}" ]; then
  (cd "$root" && cargo build --release --quiet -p myriad -p myriad-benches --bins)
  MYRIAD_BIN=${CARGO_TARGET_DIR:-$root/target}/release
fi
for program in xenstored myriad-load floor-echo floor-ring; do
  [ -x "$MYRIAD_BIN/$program" ] || fail "there is no $MYRIAD_BIN/$program"
done
"$root/verify/peers/setup.sh"
peers=$(cd "${MYRIAD_PEERS:-$root/target/peers}" && pwd)
xen=$peers/root/usr/lib/xen-4.17/bin
libraries=$(echo "$peers"/root/usr/lib/*-linux-gnu)

mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/*.json "$out"/*.svg "$out/goals.md" "$out/all.md" "$out/log"
rm -rf "$out/daemons"

# Sockets, journals and history: in memory, where there is a file system that is.
memory=${TMPDIR:-/tmp}
[ ! -w /dev/shm ] || memory=/dev/shm
work=$(mktemp -d "$memory/side-by-side.XXXXXX")
pids=()
finish() {
  local status=$?
  stop_all
  [ -z "$keep_logs" ] || { mkdir -p "$out/daemons" && cp "$work"/*.log "$out/daemons/" || true; }
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

gcc -O2 -Wall -Wextra -Wno-unused-parameter -shared -fPIC -I"$peers/root/usr/include" \
  -o "$work/oxshim.so" "$here/peers/oxshim.c" || fail "oxshim.c did not compile"
ulimit -n "$(ulimit -Hn)" # ten thousand connections take as many descriptors

# ---- daemons: each in a folder of its own below $work ----

start() { # PEER [OPTION...]: the peer's kind is its name
  local name=$1
  shift
  local dir=$work/$name
  rm -rf "$dir"
  mkdir "$dir"
  # Each becomes the program, so that its id is that of the daemon.
  case $name in
  c)
    exec env XENSTORED_RUNDIR=$dir XENSTORED_PATH=$dir/socket LD_LIBRARY_PATH=$libraries \
      LD_PRELOAD=$peers/xenshim.so "$xen/xenstored" -N "$@" ;;
  ox)
    cat >"$dir/conf" <<END
pid-file = $dir/pid
xenstored-kva = /proc/xen/xsd_kva
xenstored-port = /proc/xen/xsd_port
xenstored-log-file = $dir/xenstored.log
quota-maxentity = 1000000
quota-maxwatch = 1000000
quota-transaction = 10000
quota-maxrequests = 100000
quota-maxoutstanding = 1000000
quota-maxwatchevents = 1000000
END
    exec env OXSHIM_DIR=$dir LD_LIBRARY_PATH=$libraries \
      LD_PRELOAD=$work/oxshim.so:$peers/xenshim.so "$xen/oxenstored" --config-file "$dir/conf" --no-fork --no-access-log "$@" ;;
  floor-echo)
    exec "$MYRIAD_BIN/floor-echo" "$dir/socket" ;;
  myriad*)
    local options=(--journal-size off --history-size off)
    case $name in
    myriad-journal) options=(--history-size off) ;;
    myriad-history) options=() ;;
    esac
    exec env XENSTORED_RUNDIR=$dir XENSTORED_ROOTDIR=$dir/lib TMPDIR=$work \
      "$MYRIAD_BIN/xenstored" -N --sim-domains 1-32000 "${options[@]}" "$@" ;;
  esac >>"$work/$name.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 200); do
    [ -S "$dir/socket" ] && return
    kill -0 "${pids[-1]}" 2>/dev/null || break
    sleep 0.05
  done
  fail "$name does not serve; it said: $(tail -5 "$work/$name.log")"
}

stop_all() { # and waits for their end
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  pids=()
}

# ---- runs ----

wanted() { [ -z "$only" ] || [[ $only == *",$1,"* ]]; }

# NAME "PEER..." SECONDS ROUNDS SCENARIO [OPTION...]: daemons of its own, all peers in turn.
run() {
  local name=$1 list=$2 seconds=$3 times=$4 peer
  shift 4
  wanted "$1" || return 0
  local addresses=()
  for peer in $list; do
    if [ "$peer" = floor-ring ]; then # it is started for each round
      addresses+=(--peer "$peer=$MYRIAD_BIN/floor-ring")
      continue
    fi
    # shellcheck disable=SC2086
    start "$peer" ${daemon_options:-}
    addresses+=(--peer "$peer=$work/$peer/socket,${pids[-1]}")
  done
  echo "== $name: $* ($(date +%T))" | tee -a "$out/log"
  "$MYRIAD_BIN/myriad-load" "${addresses[@]}" --rounds "$times" --seconds "$seconds" \
    --warm-up "$warm_up" --keep-going --out "$out/$name.json" "$@" >>"$out/log" 2>&1 &
  pids+=($!)
  # Waited for, and not run in front, so that a signal ends all of it at once.
  wait "${pids[-1]}" || echo "$name failed; $out/log says why"
  unset 'pids[-1]'
  stop_all
}

rivals="c ox"
began=$(date +%s)
if [ -n "$quick" ]; then
  warm_up=0.1 ours="myriad myriad-history"
  run read "$rivals floor-echo $ours" 0.4 "$rounds" read --nodes 20000
  run write "$rivals floor-echo $ours" 0.4 "$rounds" write --nodes 20000
  run list "$rivals floor-echo $ours" 0.3 "$rounds" list
  run transactions "$rivals floor-echo $ours" 0.3 "$rounds" transactions
  run counter "$rivals $ours" 0.7 "$rounds" counter
  run watches "$rivals $ours" 0.3 "$rounds" watches
  run events "$rivals $ours" 0.3 "$rounds" events
  run connections "$rivals $ours" 0.3 1 connections --counts 100,300
  run connections-many "myriad" 0.5 1 connections --counts 100,10000
  run parallel "$rivals floor-echo $ours" 0 1 parallel --clients 1,32 --vms 100 --most-seconds 10
  run storm "$rivals $ours" 0 1 storm --vms 100,300
  run storm-connections "$ours" 0 1 storm --vms 100,1000 --connection-each
  run memory "$rivals" 0 1 memory --vms 300
  run memory-many "$ours" 0 1 memory
  daemon_options="--workers 1" run rings "floor-ring $ours" 0.5 "$rounds" rings --hot --depth 1,16
else
  warm_up=0.3 ours="myriad myriad-journal myriad-history"
  run read "$rivals floor-echo $ours" 1 "$rounds" read
  run write "$rivals floor-echo $ours" 1 "$rounds" write
  run list "$rivals floor-echo $ours" 0.7 "$rounds" list
  run transactions "$rivals floor-echo $ours" 0.5 "$rounds" transactions
  run counter "$rivals $ours" 2 "$rounds" counter
  run watches "$rivals $ours" 0.7 "$rounds" watches
  run events "$rivals $ours" 0.7 "$rounds" events
  run connections "$rivals $ours" 1 1 connections --counts 100,1000
  run connections-many "$ours" 1 3 connections --counts 100,1000,10000
  run parallel "$rivals floor-echo $ours" 0 3 parallel --most-seconds 20
  run storm "$rivals $ours" 0 1 storm --vms 100,1000
  run storm-many "$ours" 0 3 storm --vms 100,1000,10000
  run storm-connections "$ours" 0 1 storm --vms 100,1000,10000 --connection-each
  run memory "$rivals" 0 1 memory --vms 1000
  run memory-many "$ours" 0 1 memory
  daemon_options="--workers 1" run rings "floor-ring $ours" 0.7 "$rounds" rings --depth 1,16
fi

files=("$out"/*.json)
[ -e "${files[0]}" ] || fail "nothing was measured"
"$MYRIAD_BIN/myriad-load" table "${files[@]}" >"$out/all.md"
"$MYRIAD_BIN/myriad-load" plot "${files[@]}" --dir "$out" >>"$out/log"
"$MYRIAD_BIN/myriad-load" table --goals "${files[@]}" | tee "$out/goals.md"
echo "$(($(date +%s) - began)) s; every figure: $out/all.md; JSON: $out/*.json"
