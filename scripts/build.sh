#!/usr/bin/env bash
# Builds the three programs as they are shipped; the simulator can read the real sales.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

say "build: release profile (RocksDB takes some ten minutes the first time)"
cargo build --locked --release -p tentpole-node -p tentpole-control -p tentpole-simulations \
    --features tentpole-simulations/parquet
