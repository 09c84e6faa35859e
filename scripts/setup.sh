#!/usr/bin/env bash
# Makes a Debian machine with stable Rust ready to build; with `demo`, to fetch the sales too; with
# `test`, to look at the pages in a browser.
# Installs only what is missing, and names what it cannot install.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

RUST_MIN=1.90

# The development link only: the bare library comes without the headers that bindgen needs.
have_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return
    compgen -G '/usr/lib/llvm-*/lib/libclang.so' >/dev/null ||
        compgen -G '/usr/lib*/libclang.so' >/dev/null ||
        compgen -G '/usr/lib/*/libclang.so' >/dev/null
}

have_compiler() {
    command -v gcc >/dev/null 2>&1 && command -v g++ >/dev/null 2>&1
}

have_pip() {
    python3 -m pip --version >/dev/null 2>&1
}

have_browser() {
    command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1
}

# Prints the packages that are missing, one a line.
missing_required() {
    have_compiler || echo build-essential
    have_libclang || echo libclang-dev
}

missing_optional() {
    command -v ccache >/dev/null 2>&1 || echo ccache
    [ "${1:-}" != demo ] || have_pip || echo python3-pip
    [ "${1:-}" != test ] || have_browser || printf '%s\n' chromium chromium-driver
}

apt_install() {
    if ! command -v apt-get >/dev/null 2>&1; then
        say "setup: there is no apt-get here"
        return 1
    fi
    local root=()
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            say "setup: not root, and there is no sudo"
            return 1
        fi
        root=(sudo)
        # Without a terminal nobody could type a password.
        [ -t 0 ] || root=(sudo -n)
    fi
    say "setup: installing $*"
    "${root[@]}" apt-get -qq update || say "setup: the package lists could not be updated"
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 install "$@" >/dev/null
}

check_rust() {
    if ! command -v cargo >/dev/null 2>&1 || ! command -v rustc >/dev/null 2>&1; then
        say "setup: cargo and rustc are missing"
        say "setup: install stable Rust, $RUST_MIN or newer: https://rustup.rs"
        exit 1
    fi
    local found
    found=$(rustc --version | cut -d' ' -f2)
    if [ "$(printf '%s\n' "$RUST_MIN" "$found" | sort -V | head -n1)" != "$RUST_MIN" ]; then
        say "setup: rustc is $found and must be $RUST_MIN or newer; run: rustup update stable"
        exit 1
    fi
}

check_rust
# Apart, so that an optional package that cannot be had keeps none of the others away.
for kind in required optional; do
    mapfile -t wanted < <("missing_$kind" "${1:-}")
    if [ "${#wanted[@]}" -gt 0 ]; then
        apt_install "${wanted[@]}" || say "setup: could not install ${wanted[*]}"
    fi
done

mapfile -t missing < <(missing_required)
if [ "${#missing[@]}" -gt 0 ]; then
    say "setup: still missing, and needed to build: ${missing[*]}"
    say "setup: install them by hand: apt-get install ${missing[*]}"
    exit 1
fi
mapfile -t missing < <(missing_optional "${1:-}")
if [ "${#missing[@]}" -gt 0 ]; then
    say "setup: going on without: ${missing[*]}"
fi
