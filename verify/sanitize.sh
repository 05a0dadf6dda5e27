#!/bin/bash
# ThreadSanitizer and AddressSanitizer (with leaks) over the tests in which threads meet: those of
# core, ring and history, and those in which a daemon is driven, which then is built with the
# sanitizer too. Prints a table; fails on any report and on any failed test.
#
#   verify/sanitize.sh thread|address [SUITE...]     core ring history daemon kill; all unless named
#
# Needs the nightly toolchain; ThreadSanitizer also the sources of the standard library, which is
# built with it: what it does inline (the counts of Arc) would be reported otherwise. What is
# missing rustup installs.
# In folders of its own below target/sanitize; the first run builds for some ten minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizer=${1:-}
case $sanitizer in
  thread | address) shift ;;
  *)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
    ;;
esac
suites=("$@")
[ $# -gt 0 ] || suites=(core ring history daemon kill)

root=$PWD
rustc +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
standard=()
if [ "$sanitizer" = thread ]; then
  standard=(-Zbuild-std)
  [ -d "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library" ] ||
    rustup component add rust-src --toolchain nightly
fi
target=$root/target/sanitize/$sanitizer
reports=$target/reports
mkdir -p "$reports"

# ThreadSanitizer doesn't know fences, and triomphe's Arc has one before it frees, where the standard
# library has a load under this sanitizer. So has triomphe here, in a copy; its test of uniqueness is
# a load already. All else is what Cargo.lock has.
cargo fetch --locked --quiet
version=$(awk '/^name = "triomphe"/ { getline; gsub(/"/, "", $3); print $3 }' Cargo.lock)
patched=$root/target/sanitize/triomphe-$version
fence='^        atomic::fence(Acquire);$'
# Once: what is newer than before would be built again, with all that uses it.
if [ ! -d "$patched" ]; then
  rm -rf "$patched.new"
  cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"triomphe-$version" "$patched.new"
  [ "$(grep -c "$fence" "$patched.new/src/arc.rs")" = 1 ] || {
    echo "sanitize.sh: triomphe $version is not as it was: look at its fences" >&2
    exit 2
  }
  sed -i "s/$fence/        self.inner().count.load(Acquire);/" "$patched.new/src/arc.rs"
  echo '[workspace]' >>"$patched.new/Cargo.toml"
  mv "$patched.new" "$patched"
fi
# A copy of the tree that takes it; what is not newer is not built again. (Another lock file by
# configuration would be the standard library's, too.)
tree=$root/target/sanitize/tree
rm -rf "$tree"
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard |
  tar --null --files-from=- --ignore-failed-read -c | tar -x -C "$tree"
printf '\n[patch.crates-io]\ntriomphe = { path = "%s" }\n' "$patched" >>"$tree/Cargo.toml"

# What sanitizers read; each suppression says why in its file.
options="suppressions=$root/verify/sanitizers/$sanitizer.txt:log_path=$reports/report"
export TSAN_OPTIONS="$options:halt_on_error=0:history_size=4"
export ASAN_OPTIONS="log_path=$reports/report:detect_leaks=1:abort_on_error=0"
export LSAN_OPTIONS="suppressions=$root/verify/sanitizers/$sanitizer.txt"
# Their threads read /proc and stop the process; confinement has tests of its own.
export XENSTORED_NO_CONFINEMENT=1
# Enough to name lines, and not as slow as without.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=line-tables-only
export RUST_BACKTRACE=0

# Left out: tests that measure the daemon's memory, which sanitizers use for themselves.
measuring=(
  reconnections_at_any_moment_leave_nothing_behind
  who_never_reads_its_answers_and_events_is_bounded_and_loses_no_answer
  guests_at_every_quota_leave_others_alone_and_memory_bounded
  more_history_is_bounded_and_none_of_the_guests
  xsa_326_bytes_without_end_in_transactions
  xsa_326_nodes_without_end_in_a_transaction
  xsa_330_watches_reset_in_a_loop
  xsa_416_a_slow_reader_pins_only_what_is_counted
  xsa_420_a_length_that_no_message_has
)
skip=()
for name in "${measuring[@]}"; do skip+=(--skip "$name"); done

# The daemon's tests but for those of packaging, of confinement, and of the tool on its own.
driven=()
for file in daemon/tests/*.rs; do
  name=$(basename "$file" .rs)
  case $name in
    packaging | confinement | refused_calls | doctor | tool_*) ;;
    *) driven+=(--test "$name") ;;
  esac
done

# cargo with the sanitizer; the arguments are cargo's.
instrumented() {
  local command=$1
  shift
  (cd "$tree" && RUSTFLAGS="-Zsanitizer=$sanitizer" cargo +nightly "$command" "${standard[@]}" \
    --target "$host" --target-dir "$target" "$@")
}

run() {
  case $1 in
    core | ring | history)
      instrumented test -p "myriad-$1" --lib --tests --no-fail-fast
      ;;
    daemon)
      instrumented test -p myriad --lib "${driven[@]}" --no-fail-fast -- "${skip[@]}"
      ;;
    kill)
      # Who kills it is as always; the daemon that is killed, and comes back, is instrumented. At
      # named points it would take another build of it.
      instrumented build -p myriad --bin xenstored
      MYRIAD_XENSTORED=$target/$host/debug/xenstored CARGO_PROFILE_DEV_OPT_LEVEL=0 \
        CARGO_PROFILE_DEV_DEBUG=full cargo test --locked -p myriad-verify --test kill -- \
        --skip at_each_of_its_points --skip forgets_everything
      ;;
    *)
      echo "sanitize.sh: there is no suite $1" >&2
      return 2
      ;;
  esac
}

bad=0 table=''
for suite in "${suites[@]}"; do
  rm -f "$reports"/report.*
  log=$target/$suite.log
  began=$SECONDS
  status=0
  run "$suite" >"$log" 2>&1 || status=$?
  ran=$(awk '/^test result: / { n += $4 + $6 } END { print n + 0 }' "$log")
  # What a test's own process reports may also be on its standard error.
  found=$({ cat "$reports"/report.* 2>/dev/null || true; cat "$log"; } |
    grep -cE '^(==[0-9]+==ERROR|WARNING: ThreadSanitizer|SUMMARY: .*(leaked|Leak))' || true)
  verdict=right
  [ "$found" -eq 0 ] || verdict="$found reports"
  [ "$status" -eq 0 ] || verdict="$verdict, fails"
  # A suite of which nothing ran would show nothing.
  [ "$ran" -gt 0 ] || verdict="nothing ran"
  if [ "$verdict" != right ]; then
    bad=1
    mkdir -p "$target/failed-$suite"
    cp "$log" "$reports"/report.* "$target/failed-$suite/" 2>/dev/null || true
    verdict="$verdict: see ${target#"$root"/}/failed-$suite"
  fi
  table+=$(printf '%-8s %-8s %6s %8s  %s' "$sanitizer" "$suite" "$ran" "$((SECONDS - began))" \
    "$verdict")$'\n'
done
printf '%-8s %-8s %6s %8s  %s\n' sanitizer suite tests seconds verdict
printf '%s' "$table"
exit "$bad"
