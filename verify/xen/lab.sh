#!/bin/bash
# Boots the real Xen with a real dom0 under QEMU, and runs a script there. README.md says more.
#
#   lab.sh [option…] DAEMON SCRIPT [FILE…]
#
# DAEMON: a program that stays in the foreground, or `stock` (Debian's C xenstored), `stock-ocaml`,
#         or `none`.
# SCRIPT: runs in dom0 in a folder where the FILEs, `nano.elf`, `grub.elf` and `functions.sh` are.
#   -a ARGUMENTS  of the daemon          -e NAME=VALUE  a variable of the script's (repeatable)
#   -o FOLDER     gets what the script leaves in /out, and the consoles
#   -t SECONDS    for all of it (600); a little earlier dom0 ends the script, says at which step it
#                 stood, and hands over /out, and in the end QEMU is ended
#   -m MEGABYTES  dom0's memory (1024)
#   -M MEGABYTES  the machine's memory (4096)            -l  the files of a Linux guest, too
#   -x FILE       another hypervisor, unpacked (the tools stay 4.17's, so DAEMON is `none`)
# Environment: XENLAB_DIR, for what is kept (target/xenlab); XEN_ARGS, for Xen's command line.
# One run at a time in that folder: another waits, for at most as long as it may take itself.
# Exit status: the script's; 120 nothing booted, 121 the daemon didn't answer, 122 the toolstack's
#              own programs failed, 123 another run didn't end, 124 it took too long.
set -euo pipefail
{ # Read to its end before it runs: it may be edited meanwhile.
here=$(cd "$(dirname "$0")" && pwd)
work=${XENLAB_DIR:-$(cd "$here/../.." && pwd)/target/xenlab}

arguments= variables=() out= seconds=600 dom0_memory=1024 memory=4096 linux= hypervisor=$work/xen
while getopts a:e:o:t:m:M:lx: option; do
  case $option in
    a) arguments=$OPTARG ;;
    e) variables+=("$OPTARG") ;;
    o) out=$OPTARG ;;
    t) seconds=$OPTARG ;;
    m) dom0_memory=$OPTARG ;;
    M) memory=$OPTARG ;;
    l) linux=yes ;;
    x) hypervisor=$OPTARG ;;
    *) exit 120 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 120; }
daemon=$1 script=$2
shift 2
for file in "$script" "$@"; do
  [ -f "$file" ] || { echo "lab: no file $file" >&2; exit 120; }
done
case $daemon in
  stock | stock-ocaml | none) ;;
  *) [ -f "$daemon" ] || { echo "lab: no daemon $daemon; build it, or say stock" >&2; exit 120; } ;;
esac
trap 'echo "lab: line $LINENO failed" >&2; exit 120' ERR

run= qemu=
finish() {
  [ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
  [ -z "$run" ] || rm -rf "$run"
}
trap finish EXIT
trap 'exit 120' HUP INT TERM

# Held until this shell ends, and by no program that it starts.
mkdir -p "$work"
exec 8>>"$work/running"
if ! flock -n 8; then
  echo "lab: $(cat "$work/running") in $work; waiting for its end" >&2
  flock -w "$seconds" 8 || { echo "lab: it didn't end in $seconds s; see to it" >&2; exit 123; }
fi
echo "process $$ runs $script with $daemon" >"$work/running"
"$here/image.sh" "$work" >&2 8>&- || { echo "lab: no image, see above" >&2; exit 120; }
# What runs that were killed have left: theirs was the lock that we have now.
rm -rf "$work"/run.*
run=$(mktemp -d "$work/run.XXXXXX")

# What this run adds to dom0's image.
payload=$run/payload/lab
mkdir -p "$payload/lib"
cp "$script" "$payload/script"
chmod +x "$payload/script"
cp "$here/dom0/functions.sh" "$work/nano.elf" "$work/grub.elf" "$payload/"
[ -z "$linux" ] || cp "$work/vmlinuz" "$work/linux.cpio" "$payload/"
[ $# -eq 0 ] || cp "$@" "$payload/"
kind=$daemon
case $daemon in
  stock | stock-ocaml | none) ;;
  *)
    kind=file
    cp "$daemon" "$payload/xenstored"
    chmod +x "$payload/xenstored"
    ;;
esac
{
  printf 'export daemon=%q arguments=%q\nlimit=%q\n' "$kind" "$arguments" $((seconds * 9 / 10 - 20))
  for variable in "${variables[@]}"; do
    printf 'export %s=%q\n' "${variable%%=*}" "${variable#*=}"
  done
} >"$payload/settings"
(cd "$run/payload" && find . | cpio --quiet -o -H newc -R 0:0) >"$run/payload.cpio"
cat "$work/dom0.cpio" "$run/payload.cpio" >"$run/initrd"

# Emulated, SMAP crashes dom0, and XSAVE and AVX lose registers when domains are switched; a second
# processor makes all slower.
: >"$run/script.log"
# Should this shell be killed, QEMU is too.
setpriv --pdeathsig KILL qemu-system-x86_64 -accel tcg -cpu max,-smap,-xsave,-xsaveopt,-avx,-avx2 \
  -machine pc -smp 1 -m "$memory" -nodefaults -display none -monitor none -no-reboot \
  -serial "file:$run/console.log" -serial "file:$run/script.log" \
  -kernel "$hypervisor" \
  -append "console=com1 com1=115200,8n1 noreboot bootscrub=0 spec-ctrl=no \
loglvl=warning guest_loglvl=warning dom0_mem=${dom0_memory}M,max:${dom0_memory}M ${XEN_ARGS:-}" \
  -initrd "$work/vmlinuz console=hvc0 quiet panic=1 mitigations=off,$run/initrd" \
  </dev/null >"$run/qemu.log" 2>&1 8>&- &
qemu=$!

# What the script was about when it was last heard of.
last_step() {
  tr -d '\r' <"$run/script.log" | sed -n 's/^@step //p' | tail -1 | grep . || echo "booting"
}

# What the script says, while it says it.
tail -n +1 -F -s 0.2 --pid="$qemu" "$run/script.log" 2>/dev/null 8>&- |
  sed -u -n -e 's/\r$//' -e '/^@lab begin/,/^@lab exit/{/^@\(lab\|step\) /!p}' 8>&- &
tail=$!
began=$SECONDS status=
while kill -0 "$qemu" 2>/dev/null; do
  sleep 0.5
  if [ $((SECONDS - began)) -ge "$seconds" ]; then
    echo "lab: ended after $seconds s, at the step: $(last_step)" >&2
    status=124
    break
  fi
  if grep -qE 'Panic on CPU|Kernel panic|not rebooting' "$run/console.log" 2>/dev/null; then
    echo "lab: Xen or dom0 crashed" >&2
    break
  fi
done
kill "$qemu" 2>/dev/null || true
wait "$qemu" 2>/dev/null || true
qemu=
wait "$tail" 2>/dev/null || true

if [ -n "$out" ]; then
  mkdir -p "$out"
  cp "$run/console.log" "$run/qemu.log" "$out/"
  tr -d '\r' <"$run/script.log" | sed -n '/^@lab files/,/^@lab end/p' | grep -v '^@' |
    base64 -d 2>/dev/null | tar -C "$out" -xzf - 2>/dev/null || true
fi
[ -n "$status" ] ||
  status=$(tr -d '\r' <"$run/script.log" | sed -n 's/^@lab exit \([0-9]*\)$/\1/p' | tail -1)
if [ -z "$status" ]; then
  echo "lab: no result; the end of the console:" >&2
  tail -40 "$run/console.log" >&2 || true
  grep -v 'TCG doesn' "$run/qemu.log" >&2 || true
  exit 120
fi
exit "$status"
}
