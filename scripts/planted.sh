#!/usr/bin/env bash
# Shows that the tests find bugs: plants each one of tests/planted in a copy of the sources, runs
# the test that is named to catch it, and prints a table. Exit 0 only if every bug is caught, and
# every named test passes without it. Arguments name some of the bugs; none means all.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

copy="$TENTPOLE_CACHE/planted"
# Not that of the sources: cargo tells copies of a workspace apart by time alone, and would take
# what was built from a planted bug for the real thing.
export CARGO_TARGET_DIR="$TENTPOLE_CACHE/planted-target"
export CARGO_TERM_PROGRESS_WHEN=never RUST_BACKTRACE=0
# What a planted bug made a property test write down must not outlive it.
export PROPTEST_DISABLE_FAILURE_PERSISTENCE=1

field() {
    sed -n "s/^$2: //p" "$1" | head -n1
}

# Runs tests of a package by their names; their output goes to a file.
run() {
    local package=$1
    shift
    (
        cd "$copy"
        # A planted bug may also never end.
        timeout 30m cargo test --quiet --locked -p "$package" --all-features --lib -- --exact "$@"
    ) >"$copy.log" 2>&1
}

patches=(tests/planted/*.patch)
if [ "$#" -gt 0 ]; then
    patches=()
    for name in "$@"; do patches+=("tests/planted/${name%.patch}.patch"); done
fi

rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z | xargs -0 cp --parents -t "$copy"
failed=0

# Without a bug every test passes: all of a package at once, so that each bug is one build.
caught_by() {
    for patch in "${patches[@]}"; do field "$patch" 'Caught by'; done
}
packages=$(caught_by | cut -d' ' -f1 | sort -u)
for package in $packages; do
    mapfile -t names < <(caught_by | sed -n "s/^$package //p" | sort -u)
    say "$package: ${#names[@]} tests without a bug"
    if ! run "$package" "${names[@]}" || ! grep -q "ok. ${#names[@]} passed" "$copy.log"; then
        cat "$copy.log" >&2
        say "$package: not every named test passes without a bug"
        exit 1
    fi
done

printf '%-28s %-8s %s\n' bug result 'caught by'
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    read -r package test <<<"$(field "$patch" 'Caught by')"
    if ! patch --quiet --dry-run --directory "$copy" --strip 1 <"$patch"; then
        result='DOES NOT APPLY' && failed=1
    else
        patch --quiet --directory "$copy" --strip 1 <"$patch"
        # A bug that does not compile proves nothing.
        if run "$package" "$test"; then
            result=MISSED && failed=1
        elif grep -q 'test result: FAILED' "$copy.log"; then
            result=caught
        else
            result='DOES NOT BUILD' && failed=1
        fi
        patch --quiet --directory "$copy" --strip 1 --reverse <"$patch"
    fi
    printf '%-28s %-8s %s\n' "$name" "$result" "$(field "$patch" 'Caught by')"
done
rm -rf "$copy" "$copy.log"
exit "$failed"
