#!/bin/bash
# Dumps many flows with portcullis and with ovs-ofctl in turn, from a private Open vSwitch that this script starts and ends.
# Prints for each the median of wall and processor seconds and the peak of memory, and the median of their ratios, pair by
# pair. Root (for a network namespace), openvswitch-switch and GNU time are needed.
#
#     benches/dump-flows.sh [FLOWS [RUNS]]          default: 100000 flows, 11 runs of each
#
# PORTCULLIS names the binary, by default target/release/portcullis.
set -euo pipefail

flows=${1:-100000}
runs=${2:-11}
here=$(dirname "$(readlink -f "$0")")
portcullis=${PORTCULLIS:-${CARGO_TARGET_DIR:-$here/../target}/release/portcullis}
[ -x "$portcullis" ] || { echo "$portcullis is not built: cargo build --release, or set PORTCULLIS" >&2; exit 1; }
portcullis=$(readlink -f "$portcullis")

. "$here/ovs.sh"

namespace
open_vswitch "$holder"
vsctl add-br many -- set bridge many "${bridge[@]}"

awk -v flows="$flows" 'BEGIN {
    for (i = 0; i < flows; i++) {
        printf "table=%d,priority=%d,cookie=%d,tcp,nw_src=10.%d.%d.%d,nw_dst=192.168.%d.0/24,tp_dst=%d,in_port=%d " \
               "actions=load:%d->NXM_NX_REG0[],output:%d,resubmit(,7)\n",
            i % 4, 100 + i % 50, i, int(i / 65536) % 256, int(i / 256) % 256, i % 256, int(i / 256) % 256,
            i % 60000 + 1, i % 200 + 1, i, i % 100 + 1
    }
}' >"$dir/flows"
ofctl --bundle add-flows many "$dir/flows"

# NAME COMMAND…: appends wall seconds, processor seconds and kilobytes of one run to the file NAME.
run() {
    local name=$1
    shift
    command time -a -o "$dir/$name" -f '%e %U %S %M' "$@" >"$dir/$name.out"
}
ours() { run ours "$portcullis" dump-flows many; }
# It warns on standard error where the machine is busy.
theirs() { run theirs ovs-ofctl -vconsole:off -O OpenFlow13 --names dump-flows many; }

# Once each to warm up, and to see that both print the same.
ours
theirs
if ! diff -q <(sed 's/duration=[0-9.]*s//' "$dir/ours.out") <(sed 's/duration=[0-9.]*s//' "$dir/theirs.out") >/dev/null; then
    echo "they do not print the same" >&2
    exit 1
fi
rm "$dir/ours" "$dir/theirs"

for ((i = 0; i < runs; i++)); do
    ours
    theirs
done

row() {
    local wall cpu memory
    wall=$(awk '{ print $1 }' "$dir/$2" | median)
    cpu=$(awk '{ print $2 + $3 }' "$dir/$2" | median)
    memory=$(awk '{ print $4 / 1024 }' "$dir/$2" | median)
    printf '%-10s %8.2f s wall %8.2f s processor %8.1f MiB peak\n' "$1" "$wall" "$cpu" "$memory"
}
echo "$flows flows, $(wc -c <"$dir/ours.out") bytes of text, $runs runs of each, medians:"
row portcullis ours
row ovs-ofctl theirs
paste "$dir/ours" "$dir/theirs" >"$dir/pairs"
printf '%-10s %8.2f   wall %8.2f   processor %8.3f     peak\n' ratio \
    "$(awk '{ print $1 / $5 }' "$dir/pairs" | median)" \
    "$(awk '{ print ($2 + $3) / ($6 + $7) }' "$dir/pairs" | median)" \
    "$(awk '{ print $4 / $8 }' "$dir/pairs" | median)"
