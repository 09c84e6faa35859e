# Sourced by the scripts beside it: where tools and caches lie, and the compiler cache.
# shellcheck shell=bash

TENTPOLE_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/tentpole"
TARGET_DIR="${CARGO_TARGET_DIR:-target}"
export PATH="$TENTPOLE_CACHE/tools/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

# RocksDB is ten minutes of C++, the same in every profile: ccache makes it one minute again.
use_ccache() {
    if command -v ccache >/dev/null 2>&1; then
        export CC="${CC:-ccache gcc}" CXX="${CXX:-ccache g++}"
    fi
}
use_ccache

say() {
    printf '%s\n' "$*" >&2
}
