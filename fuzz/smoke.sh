#!/usr/bin/env bash
# Runs every fuzz target for a few seconds (default 5): fuzz/smoke.sh [SECONDS [TARGET...]]
#
# Needs nothing but cargo and a C++ compiler. The flags are those by which cargo-fuzz instruments, without the address
# sanitizer: that wants an unstable compiler, and the crates under test forbid unsafe code. For a long hunt with it:
# RUSTC_BOOTSTRAP=1 cargo fuzz run TARGET
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-5}
all=(matches actions instructions frame message flow_text network_file session)
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")

# Of the whole workspace and with an example, so that what the crates stand on is built with the features that it has in the
# tests, and once for both.
RUSTC_WORKSPACE_WRAPPER=$PWD/instrument.sh CARGO_INCREMENTAL=0 \
    cargo build --quiet --locked --workspace --example seeds "${all[@]/#/--bin=}"

built=${CARGO_TARGET_DIR:-../target}/debug
"$built/examples/seeds" corpus

run() {
    local target=$1 log
    mkdir -p "corpus/$target" "artifacts/$target"
    log=$(mktemp)
    if ! "$built/$target" "corpus/$target" \
        -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -artifact_prefix="artifacts/$target/" 2>"$log"; then
        cat "$log" >&2
        echo "fuzz: $target failed; what it choked on is in fuzz/artifacts/$target/" >&2
        return 1
    fi
    echo "fuzz: $target: $(grep -o 'Done .*' "$log")"
    rm "$log"
}

# Two at a time: each is one thread.
export -f run
export seconds built
printf '%s\n' "${targets[@]}" | xargs -n 1 -P 2 bash -c 'run "$1"' run
