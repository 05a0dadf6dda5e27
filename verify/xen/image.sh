#!/bin/bash
# Makes the parts of the lab in a folder, from Debian 12's packages alone:
#   xen, vmlinuz   the hypervisor and the kernel (of dom0 and of Linux guests)
#   dom0.cpio      dom0's file system: busybox, Xen's tools, the libraries that they need
#   linux.cpio     the file system of a small Linux guest
#   nano.elf       a guest of 4 MB that speaks the ring itself
#   grub.elf       GRUB as a guest: a small one that somebody else has written
# Nothing is done again while these scripts stay as they are.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || { echo "usage: image.sh FOLDER" >&2; exit 1; }
mkdir -p "$1"
cd "$1"
work=$PWD

programs=(qemu-system-x86_64:qemu-system-x86 cpio:cpio gcc:gcc readelf:binutils xz:xz-utils)
packages=(
  xen-hypervisor-4.17-amd64 xen-utils-4.17 xen-utils-common xenstore-utils busybox-static strace
  grub-xen-host
  libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1
  libxenmisc4.17 libxenstore4 libxentoolcore1 libxentoollog1
  libbz2-1.0 libc6 libfdt1 libgcc-s1 liblzma5 liblzo2-2 libncurses6 libnl-3-200 libnl-route-3-200
  libtinfo6 libunwind8 libuuid1 libyajl2 libzstd1 zlib1g
)
xen_programs=(xl xenstored oxenstored xenconsoled xenconsole xen-init-dom0 xenstore-control
  libxl-save-helper lsevtchn test-xenstore)
modules=(xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs/xenfs)
# Loaded by scripts that want them: dom0's disk and its backend, and the guest's frontend.
block_modules=(brd xen-blkback/xen-blkback)
guest_modules=(xen-blkfront)

kernel_files=('./boot/vmlinuz-*' './lib/modules/*/kernel/drivers/xen/*'
  './lib/modules/*/kernel/drivers/block/*')

main() {
  exec 9>lock
  flock 9
  local stamp
  stamp=$(cat "$here/image.sh" "$here"/dom0/{init,destroy.c} "$here"/guests/linux-init \
    "$here"/guests/nano/* | sha256sum)
  [ "$(cat stamp 2>/dev/null)" != "$stamp" ] || return 0
  install_programs
  unpack_packages
  gunzip -c unpacked/xen-hypervisor-4.17-amd64/boot/xen-4.17-amd64.gz >xen
  cp unpacked/linux/boot/vmlinuz-* vmlinuz
  cp unpacked/grub-xen-host/usr/lib/grub-xen/grub-x86_64-xen.bin grub.elf
  make_dom0
  make_linux_guest
  make_nano
  echo "$stamp" >stamp
}

# The programs that this machine lacks.
install_programs() {
  local missing=() pair
  for pair in "${programs[@]}"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -eq 0 ] || as_root apt-get install -y -q --no-install-recommends \
    "${missing[@]}"
}

as_root() {
  local sudo=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "image: needs root or sudo for: $*" >&2; exit 1; }
    sudo=sudo
  fi
  export DEBIAN_FRONTEND=noninteractive
  [ -n "${refreshed:-}" ] || { $sudo apt-get update -q; refreshed=yes; }
  $sudo "$@"
}

# The packages of dom0, unpacked side by side; the kernel's is called `linux`.
unpack_packages() {
  mkdir -p packages unpacked
  local kernel package
  kernel=$(kernel_package)
  [ -n "$kernel" ] || { as_root true; kernel=$(kernel_package); }
  [ -n "$kernel" ] || { echo "image: no Debian kernel; are this Debian 12's sources?" >&2; exit 1; }
  local missing=()
  for package in "$kernel" "${packages[@]}"; do
    compgen -G "packages/${package}_*.deb" >/dev/null || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] || download "${missing[@]}"
  for package in "$kernel" "${packages[@]}"; do
    local to=unpacked/$package
    [ "$package" != "$kernel" ] || to=unpacked/linux
    # Which files of it are there, so that a folder of an older list is made again.
    local files=all
    [ "$package" != "$kernel" ] || files=${kernel_files[*]}
    [ "$(cat "$to/.done" 2>/dev/null)" != "$files" ] || continue
    rm -rf "$to"
    mkdir -p "$to"
    if [ "$to" = unpacked/linux ]; then # 400 MB, of which little is needed.
      dpkg-deb --fsys-tarfile packages/"${package}"_*.deb |
        tar -x -C "$to" --wildcards "${kernel_files[@]}"
    else
      dpkg-deb -x packages/"${package}"_*.deb "$to"
    fi
    echo "$files" >"$to/.done"
  done
}

kernel_package() {
  apt-cache depends linux-image-amd64 2>/dev/null |
    sed -n 's/.*Depends: *\(linux-image-[0-9].*\)/\1/p' | head -1
}

download() {
  echo "image: downloading ${#} packages"
  # apt gives up its rights for a download, and could not write into this folder then.
  local get="apt-get download -qq -o APT::Sandbox::User=root"
  (cd packages && $get "$@" 2>/dev/null) || {
    as_root true
    (cd packages && $get "$@") ||
      { echo "image: can't be downloaded (Debian 12 has them): $*" >&2; exit 1; }
  }
}

make_dom0() {
  local root=$work/dom0 from=$work/unpacked name
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,etc/xen,lib64,modules/block,out,proc,run,sys,tmp} \
    "$root"/usr/{bin,lib/xen-4.17/bin,lib/x86_64-linux-gnu} "$root"/var/{lib/xen,log/xen}
  ln -s ../run "$root/var/run"
  ln -s ../run/lock "$root/var/lock"
  cp "$from/busybox-static/bin/busybox" "$root/bin/"
  ln -s busybox "$root/bin/sh"
  for name in "${xen_programs[@]}"; do
    cp "$from/xen-utils-4.17/usr/lib/xen-4.17/bin/$name" "$root/usr/lib/xen-4.17/bin/"
  done
  cp -P "$from"/xenstore-utils/usr/bin/xenstore* "$from/strace/usr/bin/strace" "$root/usr/bin/"
  cp -a "$from/xen-utils-common/etc/xen/scripts" "$from/xen-utils-common/etc/xen/xl.conf" \
    "$from/xen-utils-common/etc/xen/oxenstored.conf" "$root/etc/xen/"
  for name in "${modules[@]}"; do
    cp "$from"/linux/lib/modules/*/kernel/drivers/xen/"$name.ko" "$root/modules/"
  done
  for name in "${block_modules[@]}"; do
    cp "$from"/linux/lib/modules/*/kernel/drivers/block/"$name.ko" "$root/modules/block/"
  done
  freestanding -o "$root/bin/destroy" "$here/dom0/destroy.c"
  echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  cp "$here/dom0/init" "$root/init"
  add_libraries "$root" libgcc_s.so.1 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1
  pack "$root" dom0.cpio
}

# Adds the named libraries, those that the programs of a root need, and those that they need.
add_libraries() {
  local root=$1 name found wanted
  shift
  local to=$root/usr/lib/x86_64-linux-gnu
  mkdir -p "$to" "$root/lib64"
  wanted=$*
  while :; do
    wanted="$wanted $(needed "$root")"
    local added=
    for name in $wanted; do
      [ "$name" != ld-linux-x86-64.so.2 ] && [ ! -e "$to/$name" ] || continue
      found=$(find unpacked -name "$name" -path '*/x86_64-linux-gnu/*' -print -quit)
      [ -n "$found" ] || { echo "image: no package of the list has $name" >&2; exit 1; }
      cp -L "$found" "$to/$name"
      added=yes
    done
    [ -n "$added" ] || break # Ends: each round adds one of finitely many libraries.
  done
  cp -L unpacked/libc6/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/lib64/"
}

needed() {
  # Scripts are among them, of which readelf complains.
  { find "$1" -type f \( -perm -100 -o -name '*.so*' \) -exec readelf -d {} + 2>/dev/null || true; } |
    sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u
}

make_linux_guest() {
  local root=$work/linux-guest name
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,proc,sbin,sys,usr/bin}
  cp "$work/unpacked/busybox-static/bin/busybox" "$root/bin/"
  ln -s busybox "$root/bin/sh"
  cp "$work/unpacked/xenstore-utils/usr/bin/xenstore" "$root/usr/bin/"
  for name in "${guest_modules[@]}"; do
    cp "$work"/unpacked/linux/lib/modules/*/kernel/drivers/block/"$name.ko" "$root/"
  done
  cp "$here/guests/linux-init" "$root/init"
  chmod +x "$root/init"
  add_libraries "$root"
  pack "$root" linux.cpio
}

make_nano() {
  (cd "$here/guests/nano" &&
    freestanding -Wl,--no-warn-rwx-segments -Wl,-T,nano.lds -o "$work/nano.elf" entry.S nano.c)
}

# A program that needs nobody, nor headers of a C library.
freestanding() {
  gcc -O2 -Wall -Wextra -Werror -std=gnu11 -ffreestanding -fno-builtin -fno-pic -fno-pie -no-pie \
    -static -nostdlib -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fcf-protection=none -Wl,--build-id=none "$@"
}

pack() {
  chmod +x "$1/init"
  (cd "$1" && find . | sort | cpio --quiet -o -H newc -R 0:0) >"$2"
  rm -rf "$1"
}

main
