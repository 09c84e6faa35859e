#!/usr/bin/env bash
# Everything that is checked without running the code.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

say "== format"
cargo fmt --all --check

say "== clippy"
cargo clippy --locked --workspace --all-targets --all-features -- -D warnings

say "== the simulator builds without RocksDB"
tree=$(cargo tree --locked -p tentpole-simulations --edges no-dev)
if grep rocksdb <<<"$tree"; then
    say "check: tentpole-simulations must not need rocksdb unless asked to;"
    say "check: find the way in with: cargo tree -p tentpole-simulations -i rocksdb"
    exit 1
fi

say "== dependencies"
scripts/tools.sh deny
checks=(bans licenses sources)
offline=()
# cargo-deny names its copy of the advisory database after the URL and a hash of it.
if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/crates" >/dev/null; then
    checks+=(advisories)
    offline=(--disable-fetch)
else
    say "check: no advisory database on this machine; advisories are not checked"
fi
cargo deny --locked --log-level error check "${offline[@]}" --hide-inclusion-graph "${checks[@]}"
