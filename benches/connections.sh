#!/bin/bash
# What the dual-socket pipeline costs TCP: connections opened and closed per second, and bulk megabytes per second, from the
# MCP server to the op-dbus API through vmbr1, in turn with a bridge that has one NORMAL flow. Both on one private Open
# vSwitch, which this script starts and ends. Prints the medians and the median of the ratios, pair by pair.
# Root, openvswitch-switch and ethtool are needed.
#
#     benches/connections.sh [RUNS [SECONDS]]          default: 5 runs of each, 3 seconds
#
# PORTCULLIS and CONNECTIONS name the binaries, by default those in target/release. FILE is another network file whose
# vmbr1 has the same places.
set -euo pipefail

runs=${1:-5}
seconds=${2:-3}
here=$(dirname "$(readlink -f "$0")")
release=${CARGO_TARGET_DIR:-$here/../target}/release
portcullis=${PORTCULLIS:-$release/portcullis}
connections=${CONNECTIONS:-$release/connections}
file=${FILE:-$here/../flows/networks/dual-socket.toml}
for binary in "$portcullis" "$connections"; do
    [ -x "$binary" ] || { echo "$binary is not built: cargo build --release --workspace --bins" >&2; exit 1; }
done

. "$here/ovs.sh"

namespace; switch=$holder
namespace; mcp=$holder
namespace; api=$holder
host() { # PID NAME ADDRESS: a place at port NAME of the switch
    into "$switch" ip link add "$2" type veth peer name eth0 netns "$1"
    into "$switch" ip link set "$2" up
    into "$1" ip link set lo up
    into "$1" ip address add "$3/24" dev eth0
    into "$1" ip link set eth0 up
    # The userspace datapath passes frames on as they are: their checksums have to be there.
    into "$1" ethtool -K eth0 tx off >/dev/null 2>&1
}
host "$mcp" veth200 10.1.0.200
host "$api" veth201 10.1.0.201

open_vswitch "$switch"
vsctl add-br vmbr1 -- set bridge vmbr1 "${bridge[@]}" -- add-port vmbr1 veth200 -- add-port vmbr1 veth201
# The file's other ports: nobody is there.
for port in veth202 from-mgmt to-health; do
    vsctl add-port vmbr1 "$port" -- set interface "$port" type=internal
done
"$portcullis" compile "$file" vmbr1 >"$dir/pipeline"
echo 'actions=NORMAL' >"$dir/normal"

# Not by the function: its process is to be the server itself, which is ended by its pid.
nsenter --net="/proc/$api/ns/net" "$connections" serve 10.1.0.201:9573 &
started+=($!)

# KIND WORK: appends the result of one run to the file KIND.WORK.
measure() {
    ofctl --bundle replace-flows vmbr1 "$dir/$1"
    sleep 1
    # Once to warm up: the two resolve each other.
    into "$mcp" "$connections" open 10.1.0.201:9573 1 >/dev/null
    into "$mcp" "$connections" "$2" 10.1.0.201:9573 "$seconds" >>"$dir/$1.$2"
    if [ "$1" = pipeline ]; then
        ofctl dump-flows vmbr1 table=1 2>/dev/null | grep -c priority=110 >>"$dir/learned.$2" || true
    fi
}
for ((i = 0; i < runs; i++)); do
    for work in open send; do
        measure normal $work
        measure pipeline $work
    done
done

row() { # WORK UNIT
    printf '%-14s %10.0f %10.0f %8.2f   %s\n' "$2" "$(median <"$dir/normal.$1")" "$(median <"$dir/pipeline.$1")" \
        "$(paste "$dir/pipeline.$1" "$dir/normal.$1" | awk '{ print $1 / $2 }' | median)" "$(median <"$dir/learned.$1")"
}
echo "$runs runs of $seconds s of each, in turn, medians:"
printf '%-14s %10s %10s %8s   %s\n' '' NORMAL pipeline ratio 'learned flows'
row open connections/s
row send MB/s
