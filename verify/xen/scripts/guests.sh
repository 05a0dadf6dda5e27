#!/bin/sh
# What a toolstack does with many guests: NANOS small ones (50) and LINUXES of Debian's kernel (2;
# the lab's option -l). Leaves what `xenstore-ls -fp` prints at each stage in /out, for comparison
# between daemons (compare.sh).
. ./functions.sh

nanos_wanted=${NANOS:-50} linuxes_wanted=${LINUXES:-2}

snapshot() {
  step "the listing $1"
  xenstore-ls -fp >/out/"$1".ls || fail "xenstore-ls"
}

# listed NAME…: whether `xl list` shows dom0 and these, and no others.
listed() {
  step "xl list"
  xl list >/out/list.log || fail "xl list"
  for name in Domain-0 "$@"; do
    grep -q "^$name " /out/list.log || fail "xl list doesn't show $name: $(cat /out/list.log)"
  done
  [ "$(wc -l </out/list.log)" = $(($# + 2)) ] || fail "xl list shows others: $(cat /out/list.log)"
}

console_has() {
  grep -q "$1" console.log
}

# console NAME DOMID ORDER LINE: a guest that is told this writes that line to its console.
console() {
  watch_console "$1"
  tell "$2" "$3" >/dev/null || fail "$1 doesn't answer"
  await 60 console_has "$4" || fail "xl console $1 shows: $(cat console.log)"
  close_console
  say "xl console $1: $(tr -d '\r' <console.log | grep "$4" | tail -1)"
}

has_said_hello() {
  grep -q "nano: hello from $2" /out/guest-"$1".log
}

renamed() {
  [ "$(xl domid "$1")" = "$2" ] && [ "$(xl domname "$2")" = "$1" ] &&
    has_value /local/domain/"$2"/name "$1"
}

# What xen-init-dom0 and xenconsoled have done.
has_value /local/domain/0/name Domain-0 || fail "xen-init-dom0 has not named domain 0"
kill -0 "$(cat /run/xen/xenconsoled.pid)" || fail "xenconsoled doesn't run"
xl info >/out/info.log || fail "xl info"
grep -q '^xen_version *: 4\.' /out/info.log || fail "xl info: $(cat /out/info.log)"
listed
snapshot 0-empty

nanos= names=
for n in $(seq 1 "$nanos_wanted"); do
  domid=$(create_nano "n$n") || fail "guest $n can't be created"
  nanos="$nanos $domid" names="$names n$n"
done
say "created$nanos"
for domid in $nanos; do
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "domain $domid is silent"
done
for domid in $nanos; do
  for order in "tx 5" "watches 3" "events 5" "spin 5"; do
    expect "$domid" "$order" "$order bad 0"
  done
  # What they have written last is what others read.
  for node in tx seen spin; do
    has_value /local/domain/"$domid"/data/$node 4 || fail "domain $domid: data/$node is not 4"
  done
done
say "each has written, watched and transacted"
# shellcheck disable=SC2086 # a list of words
listed $names
n=0
for domid in $nanos; do
  n=$((n + 1))
  await 60 has_said_hello "n$n" "$domid" || fail "xenconsoled has not logged n$n"
done
console n1 "$(xl domid n1)" "print written to the console" "written to the console"
snapshot 1-nanos

if [ "$linuxes_wanted" -gt 0 ]; then
  linuxes=
  for n in $(seq 1 "$linuxes_wanted"); do
    domid=$(create_linux "linux$n") || fail "Linux guest $n can't be created"
    await_value 240 /local/domain/"$domid"/data/hello "from $domid" || fail "domain $domid is silent"
    answer=$(tell "$domid" list) || fail "domain $domid doesn't obey"
    case $answer in
      0* | "") fail "domain $domid lists nothing" ;;
      *lines) say "Linux domain $domid: $answer" ;;
      *) fail "domain $domid: $answer" ;;
    esac
    expect "$domid" "tx 5" "tx 5 bad 0"
    linuxes="$linuxes linux$n"
  done
  # shellcheck disable=SC2086
  listed $names $linuxes
  snapshot 2-linuxes
  console linux1 "$(xl domid linux1)" here "told here"

  step "saving"
  xl save linux1 saved >/out/save.log 2>&1 || fail "xl save: $(cat /out/save.log)"
  no_domain linux1 || fail "what was saved is still there"
  say "saved: $(wc -c <saved) bytes"
  snapshot 3-saved
  step "restoring"
  xl restore saved >/out/restore.log 2>&1 || fail "xl restore: $(cat /out/restore.log)"
  domid=$(xl domid linux1) || fail "the restored guest has no domain"
  rm saved
  # Its kernel connects again, and its process watches again.
  expect "$domid" hello hello
  expect "$domid" "tx 5" "tx 5 bad 0"
  say "restored as domain $domid"
  snapshot 4-restored

  xl rename linux1 other || fail "xl rename"
  renamed other "$domid" || fail "the name is not the new one"
  step "xl shutdown"
  xl shutdown -w other || fail "xl shutdown"
  # `xl create` waits in the background for the end, and then removes the domain.
  await 60 no_domain other || fail "what was shut down is still there"
  say "shut down"
fi

watch_releases
ends=1
for n in $(seq 1 $((nanos_wanted / 2))); do
  step "xl destroy n$n"
  xl destroy "n$n" || fail "xl destroy n$n"
  no_domain "n$n" || fail "n$n is still there"
  ends=$((ends + 1))
  await 60 in_releases $ends @releaseDomain || fail "the end of n$n was not told"
done
say "destroyed half of them"
for domid in $nanos; do
  xenstore-exists /local/domain/"$domid" || continue
  xenstore-write /local/domain/"$domid"/data/command off || fail "no write"
done
for n in $(seq 1 "$nanos_wanted"); do
  await 60 no_domain "n$n" || fail "n$n is still there"
done
say "the others shut down"
for n in $(seq 2 "$linuxes_wanted"); do
  xl destroy "linux$n" || fail "xl destroy linux$n"
done
for domid in $nanos; do
  ! xenstore-exists /local/domain/"$domid" || fail "domain $domid has left nodes"
done
listed
kill -0 "$(cat /run/xen/xenconsoled.pid)" || fail "xenconsoled doesn't run any more"
snapshot 5-end
say "passed"
