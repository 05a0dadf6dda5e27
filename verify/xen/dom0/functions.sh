# What scripts of the lab share; to be sourced (`. ./functions.sh`) by a POSIX shell in dom0.

# say TEXT…: a line with dom0's uptime in seconds.
say() {
  echo "# $(cut -d' ' -f1 /proc/uptime) $*"
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

# create_nano NAME: starts the small guest, prints its domid.
create_nano() {
  cat >"./$1.cfg" <<CONFIG
name = "$1"
type = "pv"
memory = 4
vcpus = 1
kernel = "/lab/nano.elf"
on_poweroff = "${ON_SHUTDOWN:-destroy}"
on_crash = "${ON_SHUTDOWN:-destroy}"
CONFIG
  xl create -q "./$1.cfg" >&2 && xl domid "$1"
}

# create_linux NAME: starts a Linux guest (needs the lab's option -l), prints its domid.
create_linux() {
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
  tell_home=/local/domain/$1/data
  xenstore-rm "$tell_home/answer" 2>/dev/null
  xenstore-write "$tell_home/command" "$2"
  await 60 xenstore-exists "$tell_home/answer" || return 1
  xenstore-read "$tell_home/answer"
}
