#!/bin/sh
# Guests that break their rings, beside one that doesn't: it notices nothing, the daemon goes on,
# and each of them is gone when it is destroyed, or has shut down.
. ./functions.sh

good=$(create_nano good) || fail "no guest"
await_value 60 /local/domain/"$good"/data/hello "from $good" || fail "the guest is silent"

unharmed() {
  [ "$(tell "$good" "after $1")" = "after $1" ] || fail "the good guest suffers after $1"
  [ "$(tell "$good" "tx 3")" = "tx 3 bad 0 again 0" ] || fail "no transactions after $1"
  timeout 20 xenstore-ls -f >/dev/null || fail "the daemon doesn't answer after $1"
}

for order in bad-index bad-length half hang; do
  domid=$(create_nano "$order") || fail "no guest for $order"
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest is silent"
  xenstore-write /local/domain/"$domid"/data/command $order || fail "no write for $order"
  unharmed $order
  xl destroy $order || fail "xl destroy $order"
  await 60 no_domain $order || fail "the guest of $order is still there"
  unharmed "$order and the end"
  say "$order: harmless"
done

# These shut down by themselves: libxl removes them when @releaseDomain has told it.
for order in bad-index-off crash off; do
  domid=$(create_nano "$order") || fail "no guest for $order"
  await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest is silent"
  xenstore-write /local/domain/"$domid"/data/command $order || fail "no write for $order"
  await 60 no_domain $order || fail "the end of $order was not told"
  unharmed $order
  say "$order: gone"
done

say "reconnect: $(tell "$good" reconnect)" || fail "no answer to reconnect"
unharmed reconnect
say "passed"
