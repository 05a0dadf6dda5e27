#!/bin/bash
# Links libmyriad.so.0 and libxenstore.so.4 of the archive that cargo has built.
#
#   cargo build --release --package myriad-c
#   ring/c/link.sh target/release
#
# They are put beside the archive: libmyriad.so for linkers, and libxenstore below xenstore/, so
# that nothing finds it by accident. CC names another compiler driver than cc.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
dir=$(cd "$1" && pwd)
archive=$dir/libmyriad_c.a
[ -f "$archive" ] || {
  echo "link.sh: no $archive: cargo build --package myriad-c first" >&2
  exit 1
}

# link MAP SONAME FILE: what the map exports is kept, and what that needs.
link() {
  local undefined
  undefined=$(sed -n 's/^ *\([a-z][a-z0-9_]*\);$/-Wl,-u,\1/p' "$1")
  # shellcheck disable=SC2086 # a list of options
  "${CC:-cc}" -shared -fPIC -o "$3.$$" $undefined "$archive" \
    -Wl,-soname,"$2" -Wl,--version-script="$1" -Wl,--no-undefined-version -Wl,-z,defs \
    -Wl,-z,relro -Wl,-z,now -Wl,--gc-sections -Wl,--as-needed \
    -lgcc_s -lpthread -lm -ldl -lc
  mv "$3.$$" "$3" # whole, or not at all
}

mkdir -p "$dir/xenstore"
link "$here/libmyriad.map" libmyriad.so.0 "$dir/libmyriad.so.0"
ln -sfn libmyriad.so.0 "$dir/libmyriad.so"
link "$here/libxenstore.map" libxenstore.so.4 "$dir/xenstore/libxenstore.so.4"
ln -sfn libxenstore.so.4 "$dir/xenstore/libxenstore.so"
