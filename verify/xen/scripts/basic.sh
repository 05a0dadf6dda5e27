#!/bin/sh
# The shortest life of guests: created, they write and transact, one shuts down, one is destroyed.
. ./functions.sh

a=$(create_nano a) || fail "no guest"
say "created domain $a"
await_value 60 /local/domain/"$a"/data/hello "from $a" || fail "the guest doesn't write"
xl list
tell "$a" "spin 50" || fail "no answer"
tell "$a" "tx 50" || fail "no answer"
tell "$a" "features" || fail "no answer"
b=$(create_nano b) || fail "no second guest"
await_value 60 /local/domain/"$b"/data/hello "from $b" || fail "the second guest doesn't write"
xenstore-ls -f >/out/ls.txt
xl rename b c
xl destroy c || fail "not destroyed"
await 60 no_domain c || fail "it is still there"
xenstore-write /local/domain/"$a"/data/command off
# libxl waits for @releaseDomain, and then removes the domain.
await 60 no_domain a || fail "the domain that shut down is still there"
await 10 sh -c "! xenstore-exists /local/domain/$a" || fail "its nodes are still there"
xl list
say "passed"
