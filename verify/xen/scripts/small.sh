#!/bin/sh
# Small guests with other habits than Linux's: they ignore what the server offers, ring seldom, begin
# with a page that is zeroed or whose indices are not 0; and GRUB, whose own client of the store looks
# for disks.
. ./functions.sh

BIG=3000

# in_time DOMID COMMAND ANSWER: as `expect`, but nobody else asks the daemon anything meanwhile: what
# the guest waits for must come by itself.
in_time() {
  step "telling domain $1, and waiting in silence: $2"
  xenstore-write /local/domain/"$1"/data/answer "" || fail "no write"
  # Two events come at once, one when the command is written, one when the guest takes it, and one
  # with the answer.
  timeout 100 xenstore-watch -n 5 /local/domain/"$1"/data/answer /local/domain/"$1"/data/command \
    >events &
  watcher=$!
  await 60 grep -q command events || fail "no watch"
  xenstore-write /local/domain/"$1"/data/command "$2" || fail "no write"
  wait $watcher
  has_value /local/domain/"$1"/data/answer "$3" ||
    fail "domain $1: $2: $(xenstore-read /local/domain/"$1"/data/answer)"
}

big=$(printf '%*s' $BIG '' | tr ' ' x)
n=0
# The last begins 100 bytes before the indices' end, and passes it.
for habits in "" quiet zeroed "quiet zeroed" indices=1000 "quiet indices=4294967196"; do
  n=$((n + 1))
  domid=$(HABITS=$habits create_nano "small$n") || fail "no guest: $habits"
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "it is silent: $habits"
  xenstore-write /local/domain/"$domid"/data/big "$big" || fail "no write"
  expect "$domid" "spin 40" "spin 40 bad 0"
  expect "$domid" "tx 10" "tx 10 bad 0"
  expect "$domid" "events 10" "events 10 bad 0"
  # All in the ring, and one doorbell.
  in_time "$domid" "pipeline 35" "pipeline 35 bad 0"
  case $daemon,$habits in
    # C waits for the doorbell that such a guest doesn't ring, until somebody else asks for something.
    stock*,*quiet*) expect "$domid" big "big $BIG bad 0" ;;
    *) in_time "$domid" big "big $BIG bad 0" ;;
  esac
  say "${habits:-no habits}: served"
done
for n in $(seq 1 "$n"); do
  xl destroy "small$n" || fail "xl destroy small$n"
done

# GRUB lists its disks, writes its half of the handshake, asks in a loop whether the other half is
# there, and then goes on to what it was configured to do.
cat >grub.cfg <<CONFIG
name = "grub"
type = "pv"
memory = 64
vcpus = 1
kernel = "/lab/grub.elf"
CONFIG
step "creating grub"
xl create -q -p grub.cfg || fail "no grub"
domid=$(xl domid grub)
front=/local/domain/$domid/device/vbd/51712
back=/local/domain/0/backend/vbd/$domid/51712
xenstore-write "$back/dev" xvda "$back/state" 2 "$back/sectors" 2048 "$back/sector-size" 512 &&
  xenstore-chmod -r "$back" n0 "r$domid" &&
  xenstore-write "$front/backend" "$back" "$front/backend-id" 0 "$front/state" 1 &&
  xenstore-chmod -r "$front" "n$domid" r0 || fail "no write"
xl unpause grub || fail "xl unpause"
await_value 120 "$front/state" 3 || fail "grub doesn't begin its handshake"
for node in ring-ref event-channel protocol; do
  say "grub: $node = $(xenstore-read "$front/$node")" || fail "grub has not written $node"
done
xenstore-write "$back/state" 4 || fail "no write"
await 120 grep -q grub.cfg /out/guest-grub.log || fail "grub doesn't go on"
xl destroy grub || fail "xl destroy"
await 60 no_domain grub || fail "it is still there"
say "grub: has found its disk"
[ "$(xl list | wc -l)" = 2 ] || fail "not all are gone: $(xl list)"
say "passed"
