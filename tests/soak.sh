#!/usr/bin/env bash
# Soaks a controller: tests/soak.sh MINUTES. See tests/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || { echo "usage: tests/soak.sh MINUTES" >&2; exit 64; }
cargo build --locked --quiet --bin portcullis
PORTCULLIS_SOAK=$1 cargo test --locked --quiet -p portcullis-tests --test faults -- \
    --exact --nocapture soak::a_controller_does_not_grow_and_ends_as_its_file_says
