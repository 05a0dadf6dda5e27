#!/bin/bash
# Licences, sources and duplicates of the dependencies are as deny.toml says.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
tools=${XDG_CACHE_HOME:-${HOME:-$PWD/target}/.cache}/myriad/cargo-deny-$version

# Built once, unoptimised (a minute on two cores), and kept outside the checkout.
if [ ! -x "$tools/bin/cargo-deny" ]; then
  CARGO_TARGET_DIR=$tools/target cargo install cargo-deny --version "$version" --locked --debug \
    --quiet --root "$tools"
  rm -rf "$tools/target"
fi
# Advisories change with the day, so they fail nobody's build: cargo deny check advisories.
"$tools/bin/cargo-deny" --locked check --hide-inclusion-graph bans licenses sources
