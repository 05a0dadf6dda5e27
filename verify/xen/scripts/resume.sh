#!/bin/sh
# A Linux guest (the lab's option -l) that is suspended and then goes on in the same domain
# (`xl save -c`: RESUME), twice; its later shutdown is noticed all the same. Then what was saved is
# restored, resumed once more, and destroyed. How often @releaseDomain has fired is left in
# /out/resume.ls, which has to be the same with each daemon (compare.sh).
. ./functions.sh

NOTES=resume

# checkpoint NAME: saved, and it goes on.
checkpoint() {
  step "xl save -c $1"
  rm -f saved
  xl save -c "$1" saved >save.log 2>&1 || fail "xl save -c $1: $(cat save.log)"
}

# goes_on DOMID: it reads, writes, transacts and hears its watch.
goes_on() {
  expect "$1" hello hello
  expect "$1" "tx 3" "tx 3 bad 0"
  # It is not taken for one that is shut down, or dying.
  xl list "$1" >list || fail "xl list $1"
  ! grep -q ' --*[sd]--* ' list || fail "it doesn't run: $(cat list)"
}

order() {
  xenstore-write /local/domain/"$1"/data/command "$2"
}

shut_down() {
  xl list "$1" | grep -q ' --*s--* '
}

watch_releases
domid=$(create_linux linux1) || fail "no guest"
await_value 240 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest is silent"
note_releases
for time in first second; do
  released_by checkpoint linux1
  goes_on "$domid"
  note "the $time time it goes on as domain $(xl domid linux1)"
  note_releases
done
xenstore-ls -fp >/out/resume-1.ls

# It is told, and libxl is not there to remove it: `xl create` waits for the first end, which was that
# of the suspension.
released_by order "$domid" off
await 60 shut_down linux1 || fail "it doesn't shut down"
note_releases
released_by xl destroy linux1
await 60 no_domain linux1 || fail "it is still there"
! xenstore-exists /local/domain/"$domid" || fail "it has left nodes"
note_releases
say "it has shut down, and is gone"

step "xl restore"
xl restore saved >restore.log 2>&1 || fail "xl restore: $(cat restore.log)"
domid=$(xl domid linux1) || fail "the restored guest has no domain"
goes_on "$domid"
note "restored as domain $domid"
released_by checkpoint linux1
goes_on "$domid"
note_releases
released_by xl destroy linux1
await 60 no_domain linux1 || fail "it is still there"
! xenstore-exists /local/domain/"$domid" || fail "it has left nodes"
note_releases
[ "$(xl list | wc -l)" = 2 ] || fail "not all are gone: $(xl list)"
xenstore-ls -fp >/out/resume-2.ls
say "passed"
