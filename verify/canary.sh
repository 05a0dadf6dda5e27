#!/bin/bash
# Shows that the stress of verify/canary finds what was wrong with arc-swap before 1.9.5, and finds
# nothing in the release that the workspace pins: so an update that brings it back is noticed.
#
#   verify/canary.sh [SECONDS]     60: how long each is tried at most
#
# Each release runs as it is, and once more with its window held open: with a yield on either side
# of the place where a reader claims what it has seen. What was wrong shows as released within
# seconds on a busy machine, and with the window open at once.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/target/canary
seconds=${1:-60}
old=1.9.1
pinned=$(sed -n 's/^arc-swap = "=\(.*\)"$/\1/p' "$root/Cargo.toml")
[ -n "$pinned" ] || { echo "canary.sh: no release of arc-swap is pinned in Cargo.toml" >&2; exit 1; }

# package NAME DEPENDENCY
package() {
  mkdir -p "$work/$1/src"
  cp "$root"/verify/canary/*.rs "$work/$1/src/"
  cat >"$work/$1/Cargo.toml" <<TOML
[package]
name = "canary"
version = "0.0.0"
edition = "2024"
[dependencies]
arc-swap = $2
[workspace]
TOML
}

build() {
  (cd "$work/$1" && CARGO_TARGET_DIR="$work/$1/target" cargo build --release --quiet)
}

for release in "$old" "$pinned"; do
  package "$release" "\"=$release\""
  build "$release"
  rm -rf "$work/$release-open"
  package "$release-open" '{ path = "arc-swap" }'
  (cd "$work/$release" && cargo vendor --quiet "$work/$release-open/vendor" >/dev/null)
  mv "$work/$release-open/vendor/arc-swap" "$work/$release-open/arc-swap"
  sed -i -E 's/^( *)(let ptr = storage\.load\(SeqCst\);)/\1\2 std::thread::yield_now();/
    s/^( *)(let confirm = storage\.load\(SeqCst\);)/\1std::thread::yield_now(); \2/' \
    "$work/$release-open/arc-swap/src/strategy/hybrid.rs"
  [ "$(grep -c yield_now "$work/$release-open/arc-swap/src/strategy/hybrid.rs")" = 2 ] ||
    { echo "canary.sh: the source of arc-swap $release has changed, this script must" >&2; exit 1; }
  build "$release-open"
done

failed=0
# run RELEASE LABEL must|may|never: whether something wrong has to be found.
run() {
  local found=found
  said=$("$work/$1/target/release/canary" "$seconds") && found=nothing
  case $found,$3 in
    nothing,must | found,never) verdict=WRONG failed=1 ;;
    *) verdict=right ;;
  esac
  printf '%-28s %s: %s\n' "$2" "$verdict" "$said"
}

run "$old" "$old, as released" may
run "$old-open" "$old, its window open" must
run "$pinned" "$pinned, as released" never
run "$pinned-open" "$pinned, its window open" never
exit $failed
