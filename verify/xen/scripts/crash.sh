#!/bin/sh
# The daemon is killed at once (SIGKILL) while guests, dom0's kernel and programs use the store, and
# started again as at boot, ROUNDS times (3). Nothing that was acknowledged may be missing. Guests, and
# what reaches the store by dom0's kernel (/dev/xen/xenbus), notice nothing but a delay; a transaction
# that was open begins again. In the second round a domain dies while there is no daemon. Clients of the
# socket lose their connections, and xenconsoled ends at that, as with C: it is started again.
# In the end a guest of Debian's kernel (the lab's option -l) gets a disk from dom0's kernel.
. ./functions.sh

# What changes meanwhile.
CHANGING='^/crash|/data/(spin|tx|made|command|answer)( |$)|/console/tty |^/(local/domain|vm)/[^/]*/name '
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
  over_kernel xl rename renamed passing && over_kernel xl rename passing renamed
}

list_all() {
  over_kernel xl list
}

# Whether all loops have come round so many times.
have_done() {
  for loop in $LOOPS; do
    [ -e "$loop-done" ] && [ "$(wc -l <"$loop-done")" -ge "$1" ] || return 1
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
  await 240 have_done 1 || fail "no load: $(cat ./*-failed)"
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
  grep -q "$1" console.log
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
  watch_console spin
  expect "$spin" "print round $round" "round $round"
  await 60 console_has "round $round" || fail "xl console: $(cat console.log)"
  close_console
  marks=$(grep -c /crash/mark heard)
  xenstore-write /crash/mark "$round" || fail "no write"
  await 60 heard_mark || fail "the watch over the kernel is gone"
  checked
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
mortal_vm=$(basename "$(xenstore-read /local/domain/"$mortal"/vm)")
xenstore-write /crash/mark 0 || fail "no write"
: >heard
over_kernel xenstore-watch /crash/mark >>heard &
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
  sleep 2
  come_back
  wait $lister || fail "xl list, begun when there was no daemon: $(cat "list-$round")"
  end_load
  all_there
  if [ "$round" = 2 ]; then
    await 60 no_domain mortal || fail "the end of domain $mortal was not told"
  fi
  listing "$round-after"
  if [ "$round" = 2 ]; then
    grep -vE "/domain/$mortal( |/)|/vm/$mortal_vm( |/)" 2-before >left && mv left 2-before
  fi
  diff "$round-before" "$round-after" >difference || fail "changed: $(cat difference)"
  goes_on
  say "round $round: goes on"
done

# After all that, dom0's kernel notices a new disk, and makes it up with the guest's.
if [ "${LINUXES:-0}" -gt 0 ]; then
  insmod /modules/block/brd.ko rd_nr=1 rd_size=16384 && insmod /modules/block/xen-blkback.ko ||
    fail "no disk"
  # Xen's own needs bash.
  cat >/etc/xen/scripts/block <<'SCRIPT'
#!/bin/sh
[ "$1" = add ] || exit 0
exec xenstore-write "$XENBUS_PATH/physical-device" 1:0 "$XENBUS_PATH/hotplug-status" connected
SCRIPT
  domid=$(DISK="'phy:/dev/ram0,xvda,w'" create_linux linux1) || fail "no Linux guest"
  await_value 240 /local/domain/"$domid"/data/hello "from $domid" || fail "domain $domid is silent"
  expect "$domid" disk "disk 16777216 bytes"
  has_value /local/domain/0/backend/vbd/"$domid"/51712/state 4 || fail "its backend isn't connected"
  say "Linux domain $domid has a disk"
  watch_releases
  released_by xl destroy linux1
fi

# libxl, which has waited since before the first crash, removes who shuts down.
for order in $ORDERS; do
  eval "domid=\$$order"
  xenstore-write /local/domain/"$domid"/data/command off || fail "no write"
  await 60 no_domain "$order" || fail "the end of $order was not told"
  ! xenstore-exists /local/domain/"$domid" || fail "domain $domid has left nodes"
done
say "passed"
