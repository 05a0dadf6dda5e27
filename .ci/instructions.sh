#!/bin/bash
# No hot path takes over 5 % more instructions than benches/instructions.toml says.
#
#   .ci/instructions.sh             compares
#   .ci/instructions.sh --update    writes what was counted as what is expected from now on
#
# Counted by callgrind, so that neither load nor clock matters; the compiler does.
set -euo pipefail
cd "$(dirname "$0")/.."
expected=benches/instructions.toml
percent=5
case ${1:-} in
  '' | --update) ;;
  *) echo "instructions.sh: it takes --update or nothing, not '$1'" >&2; exit 2 ;;
esac

.ci/packages.sh valgrind
cargo build --release --locked --quiet -p myriad-benches --bin hot-paths
program=${CARGO_TARGET_DIR:-target}/release/hot-paths
found=$(mktemp)
log=$(mktemp)
trap 'rm -f "$found" "$log"' EXIT

"$program" >"$log"
mapfile -t paths <"$log"
for path in "${paths[@]}"; do
  read -r name ops <<<"$path"
  # An environment of one length: it lies on the stack.
  env -i PATH=/usr/bin:/bin valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    --collect-atstart=no '--toggle-collect=*hot*measured*' "$program" "$name" 2>"$log" ||
    { cat "$log"; echo "instructions.sh: $name can't be counted" >&2; exit 1; }
  total=$(awk '/Collected :/ { print $4 }' "$log")
  [ "${total:-0}" -ge "$ops" ] ||
    { cat "$log"; echo "instructions.sh: nothing was counted of $name" >&2; exit 1; }
  echo "$name $((total / ops))" >>"$found"
done

compiler=$(rustc --version)
if [ "${1:-}" = --update ]; then
  {
    echo "# Instructions of one run of each hot path (benches/src/hot.rs), as callgrind counts them."
    echo "# Written by .ci/instructions.sh --update; the commit says why they have changed."
    echo "compiler = \"$compiler\""
    echo
    echo "[instructions]"
    awk '{ print $1 " = " $2 }' "$found"
  } >"$expected"
  cat "$expected"
  exit
fi

awk -v percent=$percent '
  NR == FNR { if ($2 == "=" && $3 + 0 > 0) expected[$1] = $3; next }
  !($1 in expected) { print $1 ": " $2 " instructions, and none expected"; bad = 1; next }
  {
    more = ($2 / expected[$1] - 1) * 100
    verdict = more > percent ? "TOO MANY" : more < -percent ? "fewer: --update keeps that" : ""
    printf "%-15s %9d, expected %9d  %+6.2f %%  %s\n", $1, $2, expected[$1], more, verdict
    if (more > percent) bad = 1
    delete expected[$1]
  }
  END { for (name in expected) { print name ": expected, and not counted"; bad = 1 }; exit bad }
' "$expected" "$found" || {
  grep -qF "\"$compiler\"" "$expected" ||
    echo "instructions.sh: they were counted with another compiler: $(grep compiler $expected)" >&2
  echo "instructions.sh: over $percent % more. Find out why; on purpose: $0 --update" >&2
  exit 1
}
