#!/bin/sh
# The daemon is killed at once (SIGKILL) while guests, dom0's kernel and programs use the store, and
# started again as at boot, ROUNDS times (3). Nothing that was acknowledged may be missing. Guests, and
# what reaches the store by dom0's kernel (/dev/xen/xenbus: xenconsoled and waiting `xl create`s are
# made to), notice nothing but a delay; a transaction that was open begins again. Clients of the socket
# lose their connections. In the second round a domain dies while there is no daemon. Among the guests
# is, with LINUXES=1, one of Debian's kernel (the lab's option -l), which gets a disk from dom0's kernel
# after all that. Where `myriad` is given as a FILE, `myriad doctor` has to agree to each start.
. ./functions.sh

# What changes meanwhile, and the lines that `xenstore-ls` leaves of a node that has just gone: its
# name, its value or its permissions may be missing, each with or without the others.
CHANGING='^ *$|^ *\([nrwb][0-9nrwb,]*\)$'
CHANGING="$CHANGING"'|^/crash|/data/(spin|tx|made|command|answer)([ :]|$)|^/(local/domain|vm)/[^/]*/name '
ORDERS="spin tx remake"

# over_kernel COMMAND…: it reaches the store by dom0's kernel, not by the socket.
over_kernel() {
  (
    export XENSTORED_PATH=/dev/xen/xenbus
    "$@"
  )
}

# keep_on NAME COMMAND…: again and again, with a growing number, until there is a file `quiet`; those
# that succeeded are noted, and what the others said.
keep_on() {
  what=$1
  shift
  i=0
  until [ -e quiet ]; do
    i=$((i + 1))
    if "$@" $i >/dev/null 2>>"$what-failed"; then
      echo $i >>"$what-done"
    else
      echo "$* $i" >>"$what-failed"
    fi
  done
}

by_socket() {
  xenstore-write -s /crash/socket/"$round-$1" "$round $1"
}

# Made twice or removed twice, one of them fails.
by_kernel() {
  over_kernel xenstore-write /crash/kernel/"$round-$1" "$round $1" &&
    over_kernel xenstore-write /crash/made here &&
    over_kernel xenstore-rm /crash/made
}

rename_it() {
  over_kernel xl rename renamed passing && over_kernel xl rename passing renamed && sleep 1
}

list_all() {
  over_kernel xl list && sleep 1
}

# Whether the store is in use in both ways.
in_use() {
  for loop in by_socket by_kernel; do
    [ -e $loop-done ] && [ "$(wc -l <$loop-done)" -ge 3 ] || return 1
  done
}

begin_load() {
  rm -f quiet ./*-done ./*-failed
  loops=
  for loop in $LOOPS; do
    keep_on "$loop" "$loop" &
    loops="$loops $!"
  done
  for order in $ORDERS; do
    eval "domid=\$$order"
    xenstore-rm /local/domain/"$domid"/data/answer 2>/dev/null
    xenstore-write /local/domain/"$domid"/data/command "$order $TIMES" || fail "no write"
  done
  await 120 in_use || fail "no load: $(cat ./*-failed)"
}

end_load() {
  : >quiet
  for loop in $loops; do
    step "the end of loop $loop"
    wait "$loop"
  done
  for order in $ORDERS; do
    eval "domid=\$$order"
    await 120 xenstore-exists /local/domain/"$domid"/data/answer || fail "domain $domid is silent"
    answer=$(xenstore-read /local/domain/"$domid"/data/answer)
    say "domain $domid: $answer"
    case $answer in
      "$order $TIMES bad 0"*) ;;
      *) fail "domain $domid suffers: $answer" ;;
    esac
  done
}

listing() {
  step "the listing $1"
  # Nodes that go meanwhile are said to.
  xenstore-ls -s -fp / >"/out/$1.ls" 2>ls-failed || fail "xenstore-ls: $(cat ls-failed)"
  grep -vE "$CHANGING" "/out/$1.ls" >"$1"
}

has_ended() {
  [ ! -e /proc/"$1"/exe ]
}

crash() {
  for order in $ORDERS; do
    eval "domid=\$$order"
    ! xenstore-exists /local/domain/"$domid"/data/answer || fail "$order $TIMES is too little"
  done
  kill -9 "$(cat /run/daemon.pid)" || fail "no daemon"
  await 60 has_ended "$(cat /run/daemon.pid)" || fail "it doesn't end"
  say "killed"
}

come_back() {
  # As the unit of systemd does before.
  if [ -x ./myriad ]; then
    ./myriad doctor --xen --pid-file /run/daemon.pid >doctor.log 2>&1 ||
      fail "myriad doctor: $(cat doctor.log)"
  fi
  launch
  await 60 daemon_answers || fail "no daemon any more: $(tail -5 /out/xenstored.log)"
  came_back=$(grep "came back" /out/xenstored.log | tail -1)
  say "${came_back##*INFO}"
  [ "$(grep -c "came back" /out/xenstored.log)" = "$round" ] || fail "it hasn't come back"
}

# Whether what was acknowledged is there.
all_there() {
  for by in socket kernel; do
    count=0
    while read -r i; do
      count=$((count + 1))
      has_value /crash/$by/"$round-$i" "$round $i" || fail "lost: /crash/$by/$round-$i"
    done <by_$by-done
    say "$count of $by: all there"
  done
  for loop in by_kernel rename_it list_all; do
    [ ! -s $loop-failed ] || fail "$loop: $(cat $loop-failed)"
  done
}

console_has() {
  grep -q "$2" "$1"
}

checked() {
  xenstore-control check >/dev/null || fail "xenstore-control check"
  await 60 has_checked || fail "no check"
  ! grep -E "check_store|ERROR|panic" /out/xenstored.log || fail "the store is damaged"
}
has_checked() {
  [ "$(grep -c "Checking store complete: nothing found" /out/xenstored.log)" -ge "$round" ]
}

heard_mark() {
  [ "$(grep -c /crash/mark heard)" -gt "$marks" ]
}

# All that used the store does so still.
goes_on() {
  xl list >list || fail "xl list"
  for order in $ORDERS; do
    eval "domid=\$$order"
    expect "$domid" "tx 3" "tx 3 bad 0"
    expect "$domid" "events 5" "events 5 bad 0"
  done
  expect "$spin" "print round $round" "round $round"
  await 60 console_has open.log "round $round" || fail "the open console: $(cat open.log)"
  watch_console tx
  expect "$tx" "print round $round" "round $round"
  await 60 console_has console.log "round $round" || fail "xl console: $(cat console.log)"
  close_console
  if [ -n "$linux" ]; then
    expect "$linux" "round $round" "round $round"
    expect "$linux" "tx 3" "tx 3 bad 0"
  fi
  marks=$(grep -c /crash/mark heard)
  xenstore-write /crash/mark "$round" || fail "no write"
  await 60 heard_mark || fail "the watch over the kernel is gone"
  checked
}

# libxl was told of an end, and has found out whose it is. It leaves the nodes to whoever has destroyed
# the domain.
waits_no_more() {
  ! ps | grep -q "[x]l create .*mortal"
}

# What was the dead one's own is gone, and what it was allowed to read is so no more.
without_mortal() {
  ! grep -E "[nrwb]$mortal[,)]" 2-after || fail "domain $mortal is still known"
  for list in 2-before 2-after; do
    grep -vE "/(domain|console|libxl)/$mortal( |/)|/vm/$mortal_vm( |/)" $list >left
    mv left $list
  done
}

kill "$(cat /run/xen/xenconsoled.pid)" && await 60 has_ended "$(cat /run/xen/xenconsoled.pid)" ||
  fail "xenconsoled doesn't end"
over_kernel launch_consoles || fail "no xenconsoled"
LOOPS="by_socket by_kernel rename_it list_all" TIMES=${TIMES:-1000}
for order in $ORDERS; do
  domid=$(over_kernel create_nano "$order") || fail "no guest"
  eval "$order=$domid"
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "domain $domid is silent"
done
over_kernel create_nano renamed >/dev/null || fail "no guest"
mortal=$(over_kernel create_nano mortal) || fail "no guest"
await_value 60 /local/domain/"$mortal"/data/hello "from $mortal" || fail "the guest is silent"
linux=
if [ "${LINUXES:-0}" -gt 0 ]; then
  linux=$(over_kernel create_linux linux1) || fail "no Linux guest"
  await_value 240 /local/domain/"$linux"/data/hello "from $linux" || fail "domain $linux is silent"
fi
mortal_vm=$(basename "$(xenstore-read /local/domain/"$mortal"/vm)")
xenstore-write /crash/mark 0 || fail "no write"
: >heard
over_kernel xenstore-watch /crash/mark >>heard &
mkfifo open
over_kernel xl console spin <open >open.log 2>&1 &
exec 5>open
say "all are there"

for round in $(seq 1 "${ROUNDS:-3}"); do
  begin_load
  listing "$round-before"
  crash
  timeout 120 xl list >"list-$round" 2>&1 &
  lister=$!
  if [ "$round" = 2 ]; then
    destroy "$mortal" || fail "destroy: $?"
    say "domain $mortal was destroyed while there was no daemon"
  fi
  sleep 1
  come_back
  wait $lister || fail "xl list, begun when there was no daemon: $(cat "list-$round")"
  end_load
  all_there
  [ "$round" != 2 ] || await 60 waits_no_more || fail "the end of domain $mortal was not told"
  listing "$round-after"
  [ "$round" != 2 ] || without_mortal
  diff "$round-before" "$round-after" >difference || fail "changed: $(cat difference)"
  goes_on
  say "round $round: goes on"
done

late=$(create_nano late) || fail "no new guest"
await_value 60 /local/domain/"$late"/data/hello "from $late" || fail "the new guest is silent"
expect "$late" "tx 3" "tx 3 bad 0"
await 60 grep -q "nano: hello from $late" /out/guest-late.log || fail "its console is not logged"
watch_releases
released_by xl destroy late

# The kernels of dom0 and of the guest have waited for devices since before the first crash.
if [ -n "$linux" ]; then
  insmod /modules/block/brd.ko rd_nr=1 rd_size=16384 && insmod /modules/block/xen-blkback.ko ||
    fail "no disk"
  # Xen's own needs bash.
  cat >/etc/xen/scripts/block <<'SCRIPT'
#!/bin/sh
[ "$1" = add ] || exit 0
exec xenstore-write "$XENBUS_PATH/physical-device" 1:0 "$XENBUS_PATH/hotplug-status" connected
SCRIPT
  xl block-attach linux1 phy:/dev/ram0 xvda w || fail "xl block-attach"
  expect "$linux" disk "disk 16777216 bytes"
  has_value /local/domain/0/backend/vbd/"$linux"/51712/state 4 || fail "its backend isn't connected"
  say "Linux domain $linux has a disk"
  released_by xl shutdown -w linux1
fi
# libxl, which has waited since before the first crash, removes who shuts down.
for order in $ORDERS; do
  eval "domid=\$$order"
  xenstore-write /local/domain/"$domid"/data/command off || fail "no write"
  await 60 no_domain "$order" || fail "the end of $order was not told"
  ! xenstore-exists /local/domain/"$domid" || fail "domain $domid has left nodes"
done
say "passed"
