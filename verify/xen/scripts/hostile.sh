#!/bin/sh
# Guests that break their rings, beside two that don't: these write, transact and take events all
# the while and notice nothing, clients of the socket notice nothing, and each broken guest is gone
# when it is destroyed, or has shut down.
. ./functions.sh

# bystander NAME: a guest that is in order; prints its domid.
bystander() {
  domid=$(create_nano "$1") || fail "no guest"
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest is silent"
  echo "$domid"
}

# set_going: both work while something else is done.
set_going() {
  for bystander in $good $better; do
    xenstore-rm /local/domain/"$bystander"/data/answer 2>/dev/null
  done
  xenstore-write /local/domain/"$good"/data/command "spin $SPINS" || fail "no write"
  xenstore-write /local/domain/"$better"/data/command "events $SPINS" || fail "no write"
}

# unharmed WHAT: what they were set to do is done, with every answer right, and all goes on.
unharmed() {
  await_value 60 /local/domain/"$good"/data/answer "spin $SPINS bad 0" ||
    fail "the good guest suffers from $1"
  await_value 60 /local/domain/"$better"/data/answer "events $SPINS bad 0" ||
    fail "the other guest suffers from $1"
  expect "$good" "tx 3" "tx 3 bad 0 again 0"
  expect "$better" "after $1" "after $1"
  step "xenstore-ls after $1"
  timeout 20 xenstore-ls -f >/dev/null || fail "the daemon doesn't answer after $1"
}

# broken NAME: a guest that is given the order of this name.
broken() {
  step "creating $1"
  domid=$(create_nano "$1") || fail "no guest for $1"
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest is silent"
  set_going
  xenstore-write /local/domain/"$domid"/data/command "$1" || fail "no write for $1"
}

console_says() {
  grep -q "$2" /out/guest-"$1".log
}

SPINS=100
good=$(bystander good) || fail "no bystander"
better=$(bystander better) || fail "no bystander"
features=$(tell "$good" features) || fail "no answer to features"
say "$features"
watch_releases

ends=1
for order in bad-index bad-length half hang; do
  broken $order
  unharmed $order
  case "$order,$features" in
    # It has seen the guest's fault, and tells it where it has said that it would (ERROR, 2).
    bad-index,server\ [2367]*)
      await 60 console_says $order "ring error 2" || fail "the fault was not told to the guest"
      ;;
  esac
  set_going
  step "xl destroy $order"
  xl destroy $order || fail "xl destroy $order"
  await 60 no_domain $order || fail "the guest of $order is still there"
  ends=$((ends + 1))
  expect_releases $ends
  unharmed "$order and the end"
  ! xenstore-exists /local/domain/"$domid" || fail "the guest of $order has left nodes"
  say "$order: harmless"
done

# These shut down by themselves: libxl removes them when @releaseDomain has told it. Each end is told
# twice, once when the domain shuts down, and once when it is gone.
for order in bad-index-off crash off; do
  broken $order
  await 60 no_domain $order || fail "the end of $order was not told"
  ends=$((ends + 2))
  expect_releases $ends
  unharmed $order
  ! xenstore-exists /local/domain/"$domid" || fail "the guest of $order has left nodes"
  say "$order: gone"
done

answer=$(tell "$good" reconnect) || fail "no answer to reconnect"
case "$answer,$features" in
  reconnected,server\ [1357]* | "not offered,server "[0246]*) say "reconnect: $answer" ;;
  *) fail "reconnect: $answer, with $features" ;;
esac
set_going
unharmed reconnect
say "passed"
