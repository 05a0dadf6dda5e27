#!/bin/bash
# Installs Myriad's xenstored beside Xen's own. Starts, stops and selects nothing: README.md here
# says how it is selected, and it says so itself at the end.
#
#   install.sh [--dry-run] [--links] [--no-unit] [--from DIR]
#   install.sh --remove [--dry-run]
#
#   --dry-run   say what would be done, and do nothing
#   --links     also link xenstore-read, xenstore-ls and so on to myriad
#   --no-unit   no systemd unit
#   --from DIR  where the programs are (target/release of this clone)
#   --remove    remove what was installed here before
#
#   PREFIX      where to (/usr/local);  DESTDIR  a root to put before it, for packages
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=${PREFIX:-/usr/local}
destdir=${DESTDIR:-}
from=$here/../../target/release
dry_run='' links='' unit=yes remove=''

fail() {
  echo "install.sh: $1" >&2
  exit "${2:-1}"
}

while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry_run=yes ;;
    --links) links=yes ;;
    --no-unit) unit='' ;;
    --remove) remove=yes ;;
    --from)
      [ $# -gt 1 ] || fail "--from needs a folder" 2
      from=$2
      shift
      ;;
    --help | -h)
      sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
      exit
      ;;
    *) fail "unknown option $1; see --help" 2 ;;
  esac
  shift
done
case $prefix in
  /*) ;;
  *) fail "PREFIX must begin with /, and is $prefix" 2 ;;
esac

bindir=$prefix/bin sbindir=$prefix/sbin man=$prefix/share/man data=$prefix/share/myriad
units=$prefix/lib/systemd/system
manifest=$destdir$data/installed

# Runs a command, or only shows it.
run() {
  if [ "$dry_run" ]; then echo "would: $*"; else "$@"; fi
}

# Whether a path was installed by this script.
is_ours() {
  [ -f "$manifest" ] && grep -qxF -- "$1" "$manifest"
}

if [ "$remove" ]; then
  [ -f "$manifest" ] || fail "nothing was installed below $destdir$prefix: no $manifest"
  while IFS= read -r path; do
    run rm -f -- "$destdir$path"
  done <"$manifest"
  run rm -f -- "$manifest"
  run rmdir --ignore-fail-on-non-empty -- "$destdir$data"
  exit
fi

for program in xenstored myriad; do
  [ -x "$from/$program" ] || fail "$from has no $program: cargo build --release --package myriad, \
or name another folder by --from"
done

# What goes where: mode, target, source; a link's mode is 'link' and its source what it names.
plan=()
add() { plan+=("$1|$2|$3"); }
add 0755 "$sbindir/xenstored" "$from/xenstored"
add 0755 "$bindir/myriad" "$from/myriad"
add 0644 "$man/man8/xenstored.8" "$here/../man/xenstored.8"
add 0644 "$man/man1/myriad.1" "$here/../man/myriad.1"
add 0644 "$data/README.md" "$here/README.md"
add 0644 "$data/xencommons" "$here/xencommons.in"
if [ "$unit" ]; then
  add 0644 "$units/myriad-xenstored.service" "$here/myriad-xenstored.service.in"
fi
if [ "$links" ]; then
  for name in '' -read -write -rm -list -ls -exists -chmod -watch -control; do
    add link "$bindir/xenstore$name" myriad
  done
fi

# All is looked at before anything is done: what another package owns stays as it is.
for entry in "${plan[@]}"; do
  IFS='|' read -r _ target _ <<<"$entry"
  if { [ -e "$destdir$target" ] || [ -L "$destdir$target" ]; } && ! is_ours "$target"; then
    fail "$destdir$target is there, and is not of this script: take another PREFIX, or move it away"
  fi
done

installed=()
for entry in "${plan[@]}"; do
  IFS='|' read -r mode target source <<<"$entry"
  run install -d -m 0755 "$(dirname "$destdir$target")"
  case $mode:$source in
    link:*) run ln -sfn "$source" "$destdir$target" ;;
    *.in)
      if [ "$dry_run" ]; then
        echo "would: fill in $source as $destdir$target"
      else
        # A new file in its place: never half a file, and never through a link.
        sed -e "s|@BINDIR@|$bindir|g" -e "s|@SBINDIR@|$sbindir|g" "$source" >"$destdir$target.new"
        chmod "$mode" "$destdir$target.new"
        mv -f "$destdir$target.new" "$destdir$target"
      fi
      ;;
    *) run install -m "$mode" "$source" "$destdir$target" ;;
  esac
  installed+=("$target")
done
if [ "$dry_run" ]; then
  echo "would: list these in $manifest"
else
  # What an earlier run had installed and this one didn't is still ours to remove.
  { printf '%s\n' "${installed[@]}"; cat "$manifest" 2>/dev/null || true; } | sort -u \
    >"$manifest.new"
  mv -f "$manifest.new" "$manifest"
fi

cat <<END

Nothing was started or selected. What to do next:
  1. $bindir/myriad doctor    says whether it could serve this host
  2. select it, by one of
     a. the lines of $data/xencommons in the file that it names
END
if [ "$unit" ]; then
  echo "     b. systemctl enable myriad-xenstored.service, where xenstored.service is a unit"
fi
cat <<END
  3. reboot: the store of a running host can't change hands
To go back: take the lines out again${unit:+, or systemctl disable myriad-xenstored.service}; \
reboot.
Then PREFIX=$prefix${destdir:+ DESTDIR=$destdir} ${BASH_SOURCE[0]} --remove
More: $data/README.md
END
