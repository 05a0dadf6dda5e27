#!/bin/sh
# Breaks publication and the feed, one fault at a time, and sees the models of verify/tests/loom_*
# catch each. Works on a copy in a temporary directory; needs loom in cargo's cache or a network.
#
#   verify/loom-mutants.sh          all mutants
#   verify/loom-mutants.sh NAME     one
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
work=${MUTANTS_DIR:-$(mktemp -d)}
only=${1:-}
failed=0

# A package of the models alone: the same relative places, loom as the one dependency.
mkdir -p "$work/verify/src" "$work/core"
: > "$work/verify/src/lib.rs"
cat > "$work/verify/Cargo.toml" <<TOML
[package]
name = "mutants"
version = "0.0.0"
edition = "2024"
[workspace]
[dev-dependencies]
loom = "0.7"
[lints.rust]
unexpected_cfgs = "allow"
TOML

run() {
    (cd "$work/verify" && RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="$work/target" \
        RUST_BACKTRACE=0 cargo test --release --quiet --test "$1" > "$work/log" 2>&1)
}

# mutant NAME MODEL FILE SED: the model must fail on the file so changed.
mutant() {
    [ -z "$only" ] || [ "$only" = "$1" ] || return 0
    rm -rf "$work/core/src" "$work/verify/tests"
    cp -r "$root/core/src" "$work/core/src"
    mkdir "$work/verify/tests"
    cp -r "$root"/verify/tests/loom_* "$work/verify/tests/"
    sed -i -E "$4" "$work/core/src/$3"
    if cmp -s "$root/core/src/$3" "$work/core/src/$3"; then
        echo "$1: the source has changed, the mutant with it must"
        failed=1
    elif run "$2"; then
        echo "$1: NOT CAUGHT"
        failed=1
    elif grep -q "could not compile" "$work/log"; then
        echo "$1: does not compile"
        failed=1
    else
        echo "$1: caught, $(grep -m1 -A1 "panicked at" "$work/log" | tail -n 1 | cut -c1-70)"
    fi
}

# Publication.
mutant swap-always-wins loom_publish cell.rs 's/Arc::ptr_eq\(&before, current\)/{ let _ = before; true }/'
mutant slot-before-base loom_publish publish.rs \
    '/let base = self.cell.load\(\);/{N;N;s/(.*base.*)\n(.*)\n(.*slot.*)/\2\n\3\n\1/}'
mutant helps-what-is-applied loom_publish publish.rs 's/&& first.id != base.applied\(\)/\&\& first.id != 0/'
mutant nobody-helps loom_publish publish.rs 's/&& first.id != base.applied\(\)/\&\& first.id == 0/'
mutant owner-does-not-look loom_publish publish.rs 's/if base.applied\(\) == id \{/if base.applied() == id + 1 {/'
mutant owner-takes-any-result loom_publish publish.rs 's/if base.applied\(\) == id \{/if base.applied() >= 1 {/'
mutant withdraws-at-once loom_publish publish.rs \
    's/^( *)(\/\/ Ends: every failed swap)/\1self.slot.replace(\&mine, \&Arc::new(None));\n\1\2/'
mutant pushes-another-aside loom_publish publish.rs 's/if empty.is_some\(\) \{/if empty.is_some() \&\& id == 0 {/'
mutant never-withdraws loom_publish publish.rs 's/self.slot.replace\(&mine, &Arc::new\(None\)\);//'

# The feed.
mutant base-not-linked loom_feed publish.rs 's/hooks.building_on\(base\);//'
mutant base-linked-late loom_feed publish.rs \
    '/hooks.building_on\(base\);/d;s/(let won = self.cell.replace.*)/\1\n        hooks.building_on(base);/'
mutant links-over-newer loom_feed feed.rs 's/is_none_or\(\|s\| s < record.seq\)/is_none_or(|_| true)/'
mutant takes-newer-for-wanted loom_feed feed.rs 's/found.seq == wanted/found.seq >= wanted/'
mutant takes-older-for-wanted loom_feed feed.rs 's/found.seq == wanted/found.seq <= wanted/'
mutant link-not-released loom_feed feed.rs 's/compare_exchange\(current, next, Release, Relaxed/compare_exchange(current, next, Relaxed, Relaxed/'
mutant get-not-acquired loom_feed feed.rs \
    '/pairs with the Release in/{n;s/slot.load\(Acquire/slot.load(Relaxed/}'
mutant retires-what-it-lost-to loom_feed feed.rs 's/^( *)(new = Some\(lost.new\);)/\1retire(current, \&guard);\n\1\2/'

exit $failed
