#!/bin/bash
# Installs libmyriad, its headers and myriad.pc; libxenstore.so.4 only where it is asked for.
#
#   ring/c/install.sh [--xenstore] [--from DIR]
#
#   --xenstore  also libxenstore.so.4, in LIBDIR/myriad: a program finds it there by
#               LD_LIBRARY_PATH, and Xen's own library stays what it is
#   --from DIR  where link.sh has put the libraries (target/release of this clone)
#
#   PREFIX      where to (/usr/local);  LIBDIR  the libraries (PREFIX/lib);
#   DESTDIR     a root to put before them, for packages
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
destdir=${DESTDIR:-}
from=$here/../../target/release
xenstore=''

while [ $# -gt 0 ]; do
  case $1 in
    --xenstore) xenstore=yes ;;
    --from)
      [ $# -gt 1 ] || { echo "install.sh: --from needs a folder" >&2; exit 2; }
      from=$2
      shift
      ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
  shift
done
for place in "$prefix" "$libdir"; do
  case $place in
    /*) ;;
    *) echo "install.sh: PREFIX and LIBDIR must begin with /, and one is $place" >&2; exit 2 ;;
  esac
done
[ -f "$from/libmyriad.so.0" ] || {
  echo "install.sh: $from has no libmyriad.so.0: cargo build --release --package myriad-c, then" \
    "ring/c/link.sh target/release" >&2
  exit 1
}

version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml")
install -d "$destdir$libdir/pkgconfig" "$destdir$prefix/include"
install -m 0755 "$from/libmyriad.so.0" "$destdir$libdir/libmyriad.so.0"
ln -sfn libmyriad.so.0 "$destdir$libdir/libmyriad.so"
install -m 0644 "$here/../include/myriad.h" "$here/../include/myriad-v2.h" "$destdir$prefix/include"
sed -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$libdir|g" -e "s|@VERSION@|$version|g" \
  "$here/myriad.pc.in" >"$destdir$libdir/pkgconfig/myriad.pc"
chmod 0644 "$destdir$libdir/pkgconfig/myriad.pc"
if [ "$xenstore" ]; then
  install -d "$destdir$libdir/myriad"
  install -m 0755 "$from/xenstore/libxenstore.so.4" "$destdir$libdir/myriad/libxenstore.so.4"
fi
[ -n "$destdir" ] || echo "installed; ldconfig makes the library known, where $libdir is searched"
