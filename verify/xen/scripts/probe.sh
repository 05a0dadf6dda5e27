#!/bin/sh
# What the devices do, seen without a daemon (DAEMON `none`) or beside one (`stock`): runs the
# example `xen_probe`, which is to be given as a FILE.
. ./functions.sh

if [ "$daemon" = none ]; then
  ./xen_probe own || fail "the probe"
  say "passed"
  exit
fi

create_kept() {
  ON_SHUTDOWN=preserve create_nano "$1"
}

# ask LINE: gives the follower a line, and prints what it answers.
ask() {
  asked=$(wc -l <answers)
  echo "$1" >&3
  await 20 answered || fail "no answer to $1"
  tail -1 answers
}
answered() {
  [ "$(wc -l <answers)" -gt "$asked" ]
}

# expect LINE TEXT: the answer to the line has the text.
expect() {
  answer=$(ask "$1")
  echo "$1 -> $answer"
  case $answer in
    *"$2"*) ;;
    *) fail "$1 was to answer $2" ;;
  esac
}

domid=$(create_kept a) || fail "no guest"
await_value 60 /local/domain/"$domid"/data/hello "from $domid" || fail "the guest doesn't write"
./xen_probe guest "$domid" || fail "the probe"

mkfifo lines
: >answers
./xen_probe follow <lines >>answers 2>&1 &
exec 3>lines
expect look "Appeared(Domain { domid: DomId($domid)"
expect look "changes: []"
echo "map $domid" >&3
xenstore-write /local/domain/"$domid"/data/command off
# libxl sees the shutdown by @releaseDomain, and then tells the state.
await 30 sh -c 'xl list a | grep -q "s-"' || fail "the guest doesn't shut down"
expect look "shutdown: Some(PowerOff), dead: false }"
expect look "changes: []"
xl destroy a || fail "not destroyed"
say "destroyed, with its page still mapped:"
xl list
expect look "changes: [Gone { domid: DomId($domid)"
expect look "changes: []"
xl list | grep -q "(null)" || fail "the page didn't keep the domain: was it mapped?"
expect unmap "true"
await 30 sh -c '! xl list | grep -q "(null)"' || fail "the page was not given back"
say "gone once its page was unmapped:"
xl list
expect look "changes: []"
b=$(create_nano b) || fail "no second guest"
xl destroy b || fail "not destroyed"
expect look "changes: []"
exec 3>&-
./xen_probe guest "$b" && fail "a guest that is gone can't be looked at"
say "passed"
