# What scripts of the lab share; to be sourced (`. ./functions.sh`) by a POSIX shell in dom0.

# say TEXT…: a line with dom0's uptime in seconds.
say() {
  echo "# $(cut -d' ' -f1 /proc/uptime) $*"
}

# step TEXT…: what is done now. Shown if it takes too long.
step() {
  echo "$*" >/run/step
  echo "@step $*" >"$port"
}

# fail TEXT…: ends the script with status 1.
fail() {
  say "FAILED: $*"
  exit 1
}

# launch: starts the daemon under test, at boot and afterwards.
launch() {
  # shellcheck disable=SC2086 # a list of words
  ./xenstored --no-fork --pid-file /run/daemon.pid ${arguments:-} >>/out/xenstored.log 2>&1 \
    </dev/null &
}

# daemon_answers: whether it does. A client that finds no socket takes /dev/xen/xenbus, and then waits
# in the kernel until a daemon is there: so none may start before the socket is there, and this one
# insists on it (-s).
daemon_answers() {
  [ -S /run/xenstored/socket ] && timeout 5 xenstore-read -s / >/dev/null 2>&1
}

# launch_consoles: starts xenconsoled.
launch_consoles() {
  xenconsoled --pid-file=/run/xen/xenconsoled.pid --log=guest --log-dir=/out
}

# await SECONDS COMMAND…: until the command succeeds; fails after that many seconds.
await() {
  await_until=$(($(cut -d. -f1 /proc/uptime) + $1))
  shift
  step "waiting for: $*"
  until "$@"; do
    [ "$(cut -d. -f1 /proc/uptime)" -lt $await_until ] || return 1
    sleep 0.1
  done
}

# await_value SECONDS PATH VALUE: until a node has that value.
await_value() {
  await "$1" has_value "$2" "$3" && return
  say "$2 is '$(xenstore-read "$2" 2>&1)', not '$3'"
  return 1
}

has_value() {
  [ "$(xenstore-read "$1" 2>/dev/null)" = "$2" ]
}

# no_domain NAME: whether no domain has this name.
no_domain() {
  ! xl domid "$1" >/dev/null 2>&1
}

# create_nano NAME: starts the small guest, prints its domid. Its habits are in the variable HABITS.
create_nano() {
  step "creating $1"
  cat >"./$1.cfg" <<CONFIG
name = "$1"
type = "pv"
memory = 4
vcpus = 1
kernel = "/lab/nano.elf"
extra = "${HABITS:-}"
on_poweroff = "${ON_SHUTDOWN:-destroy}"
on_crash = "${ON_SHUTDOWN:-destroy}"
CONFIG
  xl create -q "./$1.cfg" >&2 && xl domid "$1"
}

# create_linux NAME: starts a Linux guest (needs the lab's option -l), prints its domid.
create_linux() {
  step "creating $1"
  cat >"./$1.cfg" <<CONFIG
name = "$1"
type = "pv"
memory = 160
vcpus = 1
kernel = "/lab/vmlinuz"
ramdisk = "/lab/linux.cpio"
extra = "console=hvc0 quiet mitigations=off"
CONFIG
  xl create -q "./$1.cfg" >&2 && xl domid "$1"
}

# tell DOMID COMMAND: gives a guest a command, and waits for its answer, which it prints.
tell() {
  step "telling domain $1: $2"
  tell_home=/local/domain/$1/data
  xenstore-rm "$tell_home/answer" 2>/dev/null
  xenstore-write "$tell_home/command" "$2"
  await 60 xenstore-exists "$tell_home/answer" || return 1
  xenstore-read "$tell_home/answer"
}

# expect DOMID COMMAND ANSWER: the guest answers so, or something that begins so.
expect() {
  expect_answer=$(tell "$1" "$2") || fail "domain $1 doesn't answer to: $2"
  case $expect_answer in
    "$3"*) ;;
    *) fail "domain $1: $2: $expect_answer" ;;
  esac
}

# watch_releases: begins to write each event of @releaseDomain to a file, the first at once.
watch_releases() {
  : >releases
  xenstore-watch @releaseDomain /lab-mark >>releases &
  await 60 in_releases 1 /lab-mark || fail "@releaseDomain can't be watched"
}

# in_releases N EVENT: whether there were so many of these, or more.
in_releases() {
  [ "$(grep -c "^$2" releases)" -ge "$1" ]
}

# count_releases: how often @releaseDomain has fired, the first event among them; later ones than this
# was called are not.
count_releases() {
  # An event of ours comes after all that were there before.
  count_marks=$(grep -c /lab-mark releases)
  xenstore-write /lab-mark here || fail "no write"
  await 60 in_releases $((count_marks + 1)) /lab-mark || fail "the watch has gone"
  xenstore-rm /lab-mark
  grep -c @ releases
}

# expect_releases N: it has fired so many times, or will soon, and no more.
expect_releases() {
  await 60 in_releases "$1" @releaseDomain ||
    fail "@releaseDomain: $(grep -c @ releases) events, not $1"
  [ "$(count_releases)" = "$1" ] || fail "@releaseDomain: $(grep -c @ releases) events, not $1"
}

# released_by COMMAND…: what it does makes @releaseDomain fire.
released_by() {
  released_before=$(count_releases)
  "$@" || fail "failed: $*"
  await 60 in_releases $((released_before + 1)) @releaseDomain || fail "not told of: $*"
}

# note TEXT…: what has to be the same with each daemon, for compare.sh; the variable NOTES names it.
note() {
  say "$*"
  echo "$*" >>/out/"$NOTES".ls
}

# note_releases: how often @releaseDomain has fired so far.
note_releases() {
  note "@releaseDomain: $(count_releases)"
}

# watch_console NAME: lets `xl console` write to console.log until close_console.
watch_console() {
  rm -f keys
  mkfifo keys
  xl console "$1" <keys >console.log 2>&1 &
  console=$!
  exec 3>keys
}

close_console() {
  exec 3>&-
  # It doesn't end by itself, and there can be one for each guest.
  kill $console 2>/dev/null
  wait $console
}

# raw TYPE STRING…: sends a request of that number over dom0's own ring, and prints the reply: OK, or
# what it holds, or the error.
raw() {
  raw_type=$1
  shift
  raw_len=0
  for raw_string in "$@"; do
    raw_len=$((raw_len + ${#raw_string} + 1))
  done
  step "request $raw_type: $*"
  {
    {
      le32 "$raw_type" && le32 1 && le32 0 && le32 $raw_len
      [ $# = 0 ] || printf '%s\0' "$@"
    } >raw-request
    cat raw-request >&4
    # Type, number, transaction, length.
    # shellcheck disable=SC2046
    set -- $(dd bs=16 count=1 <&4 2>/dev/null | od -An -tu4)
    [ "$4" = 0 ] || dd bs="$4" count=1 <&4 2>/dev/null | tr -d '\0'
    echo
  } 4<>/dev/xen/xenbus
}

# le32 N: as four bytes.
le32() {
  # shellcheck disable=SC2059
  printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) \
    $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"
}
