#!/bin/bash
# Compares what two runs of a script left (lab.sh -o): every listing must be the same but for what
# differs from run to run of the same daemon: UUIDs (numbered by their first appearance), machine
# frames, times, and which terminal xenconsoled got.
#
#   compare.sh FOLDER OTHER
#
# Exit status: 0 the same, 1 not, 2 nothing to compare.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# Spelled out: mawk knows no {8}.
h4=$(printf '[0-9a-f]%.0s' 1 2 3 4)
uuid=$h4$h4-$h4-$h4-$h4-$h4$h4$h4

normal() {
  awk -v uuid="$uuid" '
    {
      line = ""
      while (match($0, uuid)) {
        found = substr($0, RSTART, RLENGTH)
        if (!(found in seen)) seen[found] = "uuid-" ++count
        line = line substr($0, 1, RSTART - 1) seen[found]
        $0 = substr($0, RSTART + RLENGTH)
      }
      print line $0
    }' "$1" |
    sed -E -e 's#(/(ring-ref|mfn|start_time|tty) = )"[^"]*"#\1"…"#' \
      -e 's#(/image/[a-z-]*pid = )"[^"]*"#\1"…"#'
}

shopt -s nullglob
status=2
for file in "$1"/*.ls; do
  name=$(basename "$file")
  [ -e "$2/$name" ] || { echo "$name: only in $1"; status=1; continue; }
  [ $status != 2 ] || status=0
  if diff -u --label "$1/$name" --label "$2/$name" <(normal "$file") <(normal "$2/$name"); then
    echo "$name: the same, $(wc -l <"$file") lines"
  else
    status=1
  fi
done
for file in "$2"/*.ls; do
  name=$(basename "$file")
  [ -e "$1/$name" ] || { echo "$name: only in $2"; status=1; }
done
[ $status != 2 ] || echo "compare: no listing in $1" >&2
exit $status
