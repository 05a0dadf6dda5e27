#!/bin/sh
# What the devices do, seen without a daemon (DAEMON `none`) or beside one (`stock`): runs the
# example `xen_probe`, which is to be given as a FILE.
. ./functions.sh

if [ "$daemon" = none ]; then
  exec ./xen_probe
fi
domid=$(create_nano a) || fail "no guest"
await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest doesn't write"
./xen_probe "$domid" || fail "the probe"
say "while the guest is gone with its page unmapped:"
xl destroy a || fail "not destroyed"
await 30 no_domain a || fail "it is still there"
xl list
./xen_probe "$domid" && fail "a guest that is gone can't be looked at"
say "passed"
