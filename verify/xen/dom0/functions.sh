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

# expect_releases N: @releaseDomain has fired so many times, the first event among them, and no more.
expect_releases() {
  await 60 in_releases "$1" @releaseDomain ||
    fail "@releaseDomain: $(grep -c @ releases) events, not $1"
  # An event of ours, which comes after all that were there before.
  expect_marks=$(grep -c /lab-mark releases)
  xenstore-write /lab-mark here || fail "no write"
  await 60 in_releases $((expect_marks + 1)) /lab-mark || fail "the watch has gone"
  xenstore-rm /lab-mark
  [ "$(grep -c @ releases)" = "$1" ] || fail "@releaseDomain: $(grep -c @ releases) events, not $1"
}

# watch_console NAME: lets `xl console` write to console.log until close_console.
watch_console() {
  rm -f keys
  mkfifo keys
  xl console "$1" <keys >console.log 2>&1 &
  exec 3>keys
}

close_console() {
  exec 3>&-
}
