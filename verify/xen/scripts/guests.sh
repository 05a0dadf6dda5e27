#!/bin/sh
# What a toolstack does with many guests: NANOS small ones (50) and LINUXES of Debian's kernel (2;
# the lab's option -l). Leaves what `xenstore-ls -fp` prints at each stage in /out, for comparison
# between daemons (compare.sh).
. ./functions.sh

snapshot() {
  xenstore-ls -fp >/out/"$1".ls || fail "xenstore-ls"
}

console_shows() {
  tell "$domid_of_console" here >/dev/null && grep -q 'told here' console.log
}

answers() {
  [ "$(tell "$1" hello)" = hello ]
}

xl info >/out/info.log || fail "xl info"
snapshot 0-empty

nanos=
for n in $(seq 1 "${NANOS:-50}"); do
  domid=$(create_nano "n$n") || fail "guest $n can't be created"
  nanos="$nanos $domid"
done
say "created$nanos"
for domid in $nanos; do
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "domain $domid is silent"
done
for domid in $nanos; do
  for order in "tx 5" "watches 3" "spin 5"; do
    case $(tell "$domid" "$order") in
      "$order bad 0"*) ;;
      *) fail "domain $domid: $order: $(xenstore-read /local/domain/"$domid"/data/answer)" ;;
    esac
  done
done
say "each has written, watched and transacted"
xl list >/out/list.log || fail "xl list"
[ "$(wc -l </out/list.log)" = $((${NANOS:-50} + 2)) ] || fail "xl list shows others"
snapshot 1-nanos

if [ "${LINUXES:-2}" -gt 0 ]; then
  for n in $(seq 1 "${LINUXES:-2}"); do
    domid=$(create_linux "linux$n") || fail "Linux guest $n can't be created"
    await_value 240 /local/domain/"$domid"/data/hello "from $domid" || fail "domain $domid is silent"
    say "Linux domain $domid: $(tell "$domid" list)" || fail "domain $domid doesn't obey"
  done
  snapshot 2-linuxes

  domid_of_console=$(xl domid linux1)
  mkfifo keys
  xl console linux1 <keys >console.log 2>&1 &
  exec 3>keys
  await 60 console_shows || fail "xl console shows nothing: $(cat console.log)"
  exec 3>&-
  say "xl console: $(tr -d '\r' <console.log | grep told | tail -1)"

  xl save linux1 saved >/out/save.log 2>&1 || fail "xl save"
  say "saved: $(wc -c <saved) bytes"
  snapshot 3-saved
  xl restore saved >/out/restore.log 2>&1 || fail "xl restore"
  domid=$(xl domid linux1) || fail "the restored guest has no domain"
  rm saved
  await 60 answers "$domid" || fail "the restored guest doesn't obey"
  say "restored as domain $domid"
  snapshot 4-restored

  xl rename linux1 renamed || fail "xl rename"
  [ "$(xl domname "$domid")" = renamed ] || fail "the name is not the new one"
  xl shutdown -w renamed || fail "xl shutdown"
  say "shut down"
fi

for n in $(seq 1 $((${NANOS:-50} / 2))); do
  xl destroy "n$n" || fail "xl destroy n$n"
done
say "destroyed half of them"
for domid in $nanos; do
  xenstore-exists /local/domain/"$domid" || continue
  xenstore-write /local/domain/"$domid"/data/command off || fail "no write"
done
for n in $(seq 1 "${NANOS:-50}"); do
  await 60 no_domain "n$n" || fail "n$n is still there"
done
say "the others shut down"
for n in $(seq 2 "${LINUXES:-2}"); do
  xl destroy "linux$n" || fail "xl destroy linux$n"
done
xl list
[ "$(xl list | wc -l)" = 2 ] || fail "not all are gone"
snapshot 5-end
say "passed"
