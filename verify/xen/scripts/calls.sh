#!/bin/sh
# How many system calls the daemon makes for a request: GUESTS small guests (3) each write and read
# SPINS times (300) while strace counts. One processor: a guest runs only while the daemon doesn't.
. ./functions.sh

guests=
for n in $(seq 1 "${GUESTS:-3}"); do
  domid=$(create_nano "n$n") || fail "no guest"
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest is silent"
  guests="$guests $domid"
done

case $daemon in
  file) pid=$(pgrep -o -f '^\./xenstored') ;;
  *) pid=$(cat /run/xen/xenstored.pid) ;;
esac
strace -c -f -o /out/calls.log -p "$pid" 2>attached &
strace=$!
await 60 grep -q attached attached || fail "strace can't be attached: $(cat attached)"

# One process waits for all of them, so that it asks the daemon for nothing meanwhile.
paths=
for domid in $guests; do
  paths="$paths /local/domain/$domid/data/answer"
done
# shellcheck disable=SC2086 # a list of words
timeout 300 xenstore-watch -n $((2 * ${GUESTS:-3})) $paths >events &
watcher=$!
for domid in $guests; do
  xenstore-write /local/domain/"$domid"/data/command "spin ${SPINS:-300}" || fail "no write"
done
step "guests at work"
wait $watcher
kill -INT $strace
wait $strace
for domid in $guests; do
  has_value /local/domain/"$domid"/data/answer "spin ${SPINS:-300} bad 0" || fail "domain $domid"
done
requests=$((2 * ${GUESTS:-3} * ${SPINS:-300}))
cat /out/calls.log
say "$requests requests of guests; calls in all, for each of them:"
awk -v n=$requests '$NF == "total" {
  printf "%.2f, of which failed %s\n", $4 / n, NF > 5 ? $5 : 0 }' /out/calls.log
for domid in $(seq 1 "${GUESTS:-3}"); do
  xl destroy "n$domid" || fail "xl destroy"
done
say "passed"
