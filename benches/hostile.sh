#!/bin/bash
# Measures whether hostile peers keep a release controller from its work, with one attack after another on loopback.
# Prints each measurement beside its mark, and fails if a mark is missed. Run nothing else meanwhile.
#
#     benches/hostile.sh [NAME…]          default: all; port-desc, dribble, unnamed, http, flapping, fairness, dump, bridges are some alone
#
# PORTCULLIS and HOSTILE name the binaries, by default those in target/release:
#     cargo build --release -p portcullis-cli -p portcullis-benches --bins
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
release=${CARGO_TARGET_DIR:-$here/../target}/release
portcullis=${PORTCULLIS:-$release/portcullis}
hostile=${HOSTILE:-$release/hostile}
for binary in "$portcullis" "$hostile"; do
    [ -x "$binary" ] || { echo "$binary is not built: cargo build --release -p portcullis-cli -p portcullis-benches --bins" >&2; exit 1; }
done
# The attackers need more descriptors than the controller allows them.
ulimit -n "$(ulimit -Hn)"
exec "$hostile" "$portcullis" "$@"
