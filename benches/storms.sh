#!/bin/bash
# Whether one sender cuts others off: floods against a lab of its own, and who is still served. Prints a table of what was
# seen beside the mark, and fails if one is missed. Root, openvswitch-switch, iproute2 and ethtool are needed.
#
#     benches/storms.sh [PERCENT]          default: 100, the whole floods; less for a quick look
#
# PORTCULLIS and STORMS name the binaries, by default those in target/release:
#     cargo build --release -p portcullis-cli -p portcullis-tests --bins
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
release=${CARGO_TARGET_DIR:-$here/../target}/release
storms=${STORMS:-$release/storms}
[ -x "$storms" ] || { echo "$storms is not built: cargo build --release -p portcullis-cli -p portcullis-tests --bins" >&2; exit 1; }
exec "$storms" "${1:-100}"
