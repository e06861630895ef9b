#!/usr/bin/env bash
# Runs every fuzz target for a few seconds (default 5): fuzz/smoke.sh [SECONDS [TARGET...]]
#
# Needs nothing but cargo and a C++ compiler. The flags are those by which cargo-fuzz instruments, without the address
# sanitizer: that wants an unstable compiler, and the crates under test forbid unsafe code. For a long hunt with it:
# RUSTC_BOOTSTRAP=1 cargo fuzz run TARGET
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-5}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(matches actions instructions frame message flow_text network_file session)

cargo run --quiet --locked --no-default-features --features seeds --bin seeds -- corpus

host=$(rustc -vV | sed -n 's/^host: //p')
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
# With --target the flags spare build scripts, which have no fuzzer to link.
INSTRUMENT=$flags RUSTC_WRAPPER=$PWD/instrument.sh RUSTFLAGS="--cfg fuzzing" \
    cargo build --quiet --locked --release --target "$host" --bins

for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    log=$(mktemp)
    if ! "${CARGO_TARGET_DIR:-target}/$host/release/$target" "corpus/$target" \
        -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -artifact_prefix="artifacts/$target/" 2>"$log"; then
        cat "$log" >&2
        echo "fuzz: $target failed; what it choked on is in fuzz/artifacts/$target/" >&2
        exit 1
    fi
    echo "fuzz: $target: $(grep -o 'Done .*' "$log")"
    rm "$log"
done
