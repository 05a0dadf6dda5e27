#!/bin/sh
# What toolstacks do seldom: domains that are introduced once more, or that have shut down, are dead
# or gone when they are introduced; RELEASE and RESUME by hand. The requests go over dom0's own ring.
# Each reply, and how often @releaseDomain has fired, is left in /out/introduced.ls, which has to be
# the same with each daemon (compare.sh).
. ./functions.sh

NOTES=introduced
INTRODUCE=8 RELEASE=9 IS_INTRODUCED=17 RESUME=18

# ask WHAT TYPE STRING…: sends a request, and notes the reply.
ask() {
  asked=$1
  shift
  note "$asked: $(raw "$@")"
}

introduce() {
  ask "$1" $INTRODUCE "$2" "$(cat ring-"$2")" "$(cat port-"$2")"
}

# guest NAME: one that stays when it has shut down; prints its domid.
guest() {
  domid=$(ON_SHUTDOWN=preserve create_nano "$1") || fail "no guest"
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest is silent"
  xenstore-read /local/domain/"$domid"/store/ring-ref >ring-"$domid"
  xenstore-read /local/domain/"$domid"/store/port >port-"$domid"
  echo "$domid"
}

# another_end: a domain comes and goes, so that the daemon looks at all of them.
another_end() {
  create_nano other >/dev/null || fail "no guest"
  released_by xl destroy other
}

order() {
  xenstore-write /local/domain/"$1"/data/command "$2"
}

shut_down() {
  xl list "$1" | grep -q ' --*s--* '
}

no_dead() {
  ! xl list | grep -q '(null)'
}

# folder DOMID: what a toolstack makes for it.
folder() {
  xenstore-write /local/domain/"$1"/data "" || fail "no write"
  xenstore-chmod /local/domain/"$1"/data "n$1" || fail "no chmod"
}

watch_releases

a=$(guest a) || fail "no guest"
order "$a" introduced
introduce "introduced again" "$a"
await_value 60 /local/domain/"$a"/data/answer introduced || fail "it is not connected any more"
expect "$a" "tx 3" "tx 3 bad 0"
expect "$a" "events 5" "events 5 bad 0"
note_releases

order "$a" introduced
ask "released" $RELEASE "$a"
ask "is it introduced" $IS_INTRODUCED "$a"
ask "released again" $RELEASE "$a"
note_releases
introduce "introduced, its ring in use" "$a"
ask "is it introduced" $IS_INTRODUCED "$a"
folder "$a"
await_value 60 /local/domain/"$a"/data/answer introduced || fail "it is not connected any more"
expect "$a" "tx 3" "tx 3 bad 0"
expect "$a" "spin 30" "spin 30 bad 0"
note_releases
say "a domain that is introduced once more goes on"

released_by order "$a" off
await 60 shut_down a || fail "it doesn't shut down"
note_releases
ask "resumed, though it has not" $RESUME "$a"
another_end
note_releases
ask "released, shut down" $RELEASE "$a"
note_releases
introduce "introduced, shut down" "$a"
ask "is it introduced" $IS_INTRODUCED "$a"
another_end
note_releases
another_end
note_releases
released_by xl destroy a
await 60 no_domain a || fail "it is still there"
note_releases
introduce "introduced, gone" "$a"
ask "is it introduced" $IS_INTRODUCED "$a"
say "a domain that has shut down is introduced and destroyed"

# xenconsoled has the console's page: what is destroyed while it stands still stays, as a dead domain.
b=$(guest b) || fail "no guest"
kill -STOP "$(cat /run/xen/xenconsoled.pid)"
released_by xl destroy b
note "dead, and still there: $(xl list | grep -c "(null)  *$b ")"
introduce "introduced, dead" "$b"
ask "is it introduced" $IS_INTRODUCED "$b"
note_releases
kill -CONT "$(cat /run/xen/xenconsoled.pid)"
another_end
await 60 no_dead || fail "the dead one is still there: $(xl list)"
note_releases
ask "introduced, never there" $INTRODUCE 999 1 1
c=$(guest c) || fail "no guest after all that"
expect "$c" "tx 3" "tx 3 bad 0"
released_by xl destroy c
await 60 no_domain c || fail "it is still there"
[ "$(xl list | wc -l)" = 2 ] || fail "not all are gone: $(xl list)"
xenstore-ls -fp >/out/introduced-end.ls
say "passed"
