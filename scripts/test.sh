#!/usr/bin/env bash
# All tests. Ends with the runner's own summary; arguments go to the runner.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

if ! command -v chromedriver >/dev/null 2>&1; then
    say "test: without chromedriver the pages are not looked at; 'scripts/setup.sh test' gets it"
fi

# The end-to-end suite starts the daemons, which a test run alone would not build.
cargo build --workspace --all-targets --all-features
cargo test --quiet --doc --workspace --all-features

if cargo nextest --version >/dev/null 2>&1; then
    profile=default
    [ -z "${CI:-}" ] || profile=ci
    exec cargo nextest run --workspace --all-features --profile "$profile" "$@"
fi
say "test: no cargo-nextest here, using cargo test; 'scripts/tools.sh nextest' installs it"
exec cargo test --workspace --all-features --all-targets --no-fail-fast "$@"
