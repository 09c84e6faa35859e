#!/usr/bin/env bash
# Replays a year of sales through real daemons: see the README for what it shows.
# Runs what scripts/build.sh built. Environment: STORES (3), SKIP_STORES (0), DAYS (365);
# KEEP=1 leaves the daemons running, JSON=1 prints JSON.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

arguments=(--stores "${STORES:-3}" --days "${DAYS:-365}")
[ "${SKIP_STORES:-0}" = 0 ] || arguments+=(--skip-stores "$SKIP_STORES")
[ "${KEEP:-0}" = 0 ] || arguments+=(--keep)
[ "${JSON:-0}" = 0 ] || arguments+=(--json)

sales=$(scripts/sales.sh)
if [ -n "$sales" ]; then
    arguments+=(--sales "$sales")
else
    say "demo: using the built-in seeded market instead of the real sales"
fi

exec "$TARGET_DIR/release/tentpole-sim" replay "${arguments[@]}"
