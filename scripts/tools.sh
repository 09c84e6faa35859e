#!/usr/bin/env bash
# Installs the named cargo tools, `deny` or `nextest`, unless they are there already.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

version_of() {
    case "$1" in
        deny) echo 0.20.2 ;;
        nextest) echo 0.9.143 ;;
        *) say "tools: no tool is named $1; there are deny and nextest" && exit 2 ;;
    esac
}

for tool in "$@"; do
    version=$(version_of "$tool")
    command -v "cargo-$tool" >/dev/null 2>&1 && continue
    say "tools: building cargo-$tool $version, a few minutes, once"
    # Outside the workspace's target directory, which would keep its artefacts for ever.
    env -u CARGO_TARGET_DIR cargo install "cargo-$tool" --version "$version" --locked --quiet \
        --root "$TENTPOLE_CACHE/tools"
done
