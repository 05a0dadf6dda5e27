#!/bin/bash
# Everything that shows Myriad right, one after the other, and a table of it: some 40 minutes on two
# cores, builds included. Goes on after a failure; exit code 1 where anything failed. What a check
# has printed is in target/all/CHECK.log.
#
#   verify/all.sh                 all of it
#   verify/all.sh loom simulate   only these
#   verify/all.sh mutants         what breaks the sources, one fault at a time, to see it found: hours
set -uo pipefail
cd "$(dirname "$0")/.."
logs=target/all
mkdir -p "$logs"
# Nothing here is built twice with a change between.
export CARGO_INCREMENTAL=0
passed='^test result: ok\. ([0-9]+) passed.*'

# check NAME UNIT NUMBER COMMAND…: what NUMBER finds in the lines of the log is summed up.
check() {
  local name=$1 unit=$2 number=$3 begin=$SECONDS verdict=passed cases
  shift 3
  case " $only " in "  " | *" $name "*) ;; *) return 0 ;; esac
  [ "$name" != mutants ] || [ -n "$only" ] || return 0
  printf '%-10s …' "$name" >&2
  "$@" >"$logs/$name.log" 2>&1 </dev/null || { verdict=FAILED failed=1; }
  cases=$(sed -nE "s/$number/\1/p" "$logs/$name.log" | awk '{ n += $1 } END { print n + 0 }')
  [ "$cases" -gt 0 ] || { verdict=FAILED failed=1; } # Nothing done is nothing shown.
  printf '\r' >&2
  printf '%-10s %11d %-28s %5d s  %s\n' "$name" "$cases" "$unit" $((SECONDS - begin)) "$verdict"
  [ "$verdict" = passed ] || tail -n 15 "$logs/$name.log" | sed 's/^/    /'
  done=$((done + 1))
}

mutants() {
  local status=0 script
  for script in verify/*mutants.sh verify/defences.sh; do
    "$script" || status=1
  done
  return $status
}

only=$* failed=0 done=0
.ci/packages.sh >"$logs/packages.log" 2>&1 && .ci/peers.sh >"$logs/peers.log" 2>&1 ||
  { tail -n 5 "$logs/packages.log" "$logs/peers.log" >&2; exit 1; }
check tests "tests" "$passed" cargo test --workspace --locked
check cell "tests, the other cell" "$passed" .ci/cell.sh
check paths "instructions, hot paths" '^[a-z][a-z0-9-]* +([0-9]+), expected.*' .ci/instructions.sh
check loom "interleavings" '.*explored: .* ([0-9]+) .*' .ci/loom.sh
check canary "loads, pinned arc-swap" '.*as released +right: ([0-9]+) loads.*' verify/canary.sh 10
check model "runs of random operations" '([0-9]+) runs.*' .ci/model.sh
check linear "histories" '([0-9]+) histories.*' .ci/linear.sh
check simulate "seeds" '([0-9]+) seeds.*' .ci/simulate.sh 500
check oracle "requests" '([0-9]+) requests.*' .ci/oracle.sh
check fuzz "executions" '^stat::number_of_executed_units: +([0-9]+)' verify/fuzz.sh 30
check kill "kills" '^[a-z_-]+ +([0-9]+) +[0-9]+ +[0-9]+ *$' verify/kill.sh --kills 8 --random 40
check threads "tests, ThreadSanitizer" '^thread +[a-z]+ +([0-9]+) .*' verify/sanitize.sh thread
check addresses "tests, AddressSanitizer" '^address +[a-z]+ +([0-9]+) .*' verify/sanitize.sh address
check xen "scripts on real Xen" '^-- ([0-9]+) script passed.*' .ci/xen.sh
check mutants "faults found" '^.*[^0-9]([0-9]+) caught.*' mutants
[ "$done" -gt 0 ] || { echo "all.sh: no check '$only'; see the file" >&2; exit 2; }
echo "all in $SECONDS s"
exit $failed
