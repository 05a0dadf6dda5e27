#!/bin/sh
# A daemon is started while another one serves: it says so, ends, and does the first no harm. And what
# `myriad doctor` says then, where `myriad` is given as a FILE.
. ./functions.sh

a=$(create_nano a) || fail "no guest"
await_value 60 /local/domain/"$a"/data/hello "from $a" || fail "the guest is silent"

second() {
  if [ "$daemon" = file ]; then
    timeout 60 ./xenstored
  else
    timeout 60 xenstored --no-fork --pid-file /run/xen/xenstored.pid
  fi
}

for time in first second; do
  step "another daemon, the $time time"
  second >second.log 2>&1
  status=$?
  [ $status != 124 ] && [ $status != 143 ] || fail "another daemon serves, too: $(cat second.log)"
  [ $status != 0 ] || fail "another daemon says nothing: $(cat second.log)"
  say "another daemon ends with $status: $(cat second.log)"
  expect "$a" "tx 3" "tx 3 bad 0"
  timeout 20 xenstore-ls -s >/dev/null || fail "the socket is not the first's any more"
done

if [ -x ./myriad ]; then
  step "myriad doctor"
  timeout 60 ./myriad doctor >doctor.log 2>&1
  say "myriad doctor ends with $?:"
  cat doctor.log
  expect "$a" "tx 3" "tx 3 bad 0"
fi

b=$(create_nano b) || fail "no guest after that"
await_value 60 /local/domain/"$b"/data/hello "from $b" || fail "the guest is silent"
xl destroy a && xl destroy b || fail "xl destroy"
await 60 no_domain a && await 60 no_domain b || fail "they are still there"
say "passed"
