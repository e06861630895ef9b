#!/bin/bash
# What one container more costs the controller on a bridge with Pantheon's 256 projects: its processor time from the API's
# call to the answer, which it gives when the bundle with the container's flows is committed. Open vSwitch is a private one,
# which this script starts and ends. Root, openvswitch-switch and curl are needed.
#
#     benches/container.sh [CONTAINERS]          default: 20
#
# Processor time is what the scheduler counted for all threads of the controller (/proc/PID/task/*/schedstat), user and
# system: child processes such as ovs-vsctl are not in it, and the veth pair is (the controller asks the kernel for it by
# netlink). The same container on a bridge with nothing else is made in turn, so that what a container costs anyway can be
# told from what the size of the bridge costs. After the answer the controller reads the bridge again to see that all is as
# it should be; what it does of that before the answer is out counts too.
#
# PORTCULLIS names the binary, by default target/release/portcullis.
set -euo pipefail

count=${1:-20}
here=$(dirname "$(readlink -f "$0")")
portcullis=${PORTCULLIS:-${CARGO_TARGET_DIR:-$here/../target}/release/portcullis}
[ -x "$portcullis" ] || { echo "$portcullis is not built: cargo build --release --bins" >&2; exit 1; }
# Devices and addresses of this machine stay as they are.
[ "${PORTCULLIS_BENCH_NETNS:-}" ] || exec env PORTCULLIS_BENCH_NETNS=1 unshare --net "$0" "$@"
ip link set lo up

dir=$(mktemp -d)
export OVS_RUNDIR=$dir
controller=
end() {
    [ -z "$controller" ] || kill "$controller" 2>/dev/null || true
    for daemon in vswitchd ovsdb; do
        if [ -s "$dir/$daemon.pid" ]; then
            kill "$(cat "$dir/$daemon.pid")" 2>/dev/null || true
        fi
    done
    rm -rf "$dir"
}
trap end EXIT

range() { # NETWORK PREFIX CLIENT PORT
    printf '\n[network.%s.containers]\nids = "100-199"\nport = "%s{id}"\naddresses = ["%s.{id}"]\nclients = ["%s"]\n' \
        "$1" "$4" "$2" "$3"
}
{
    sed 's/^instances = "1-3"$/instances = "all"/' "$here/../flows/networks/pantheon.toml"
    range main 10.0.1 backend veth
    printf '\n[network.small]\nbridge = "small"\nsubnets = ["10.77.0.0/24"]\n[endpoint.client]\n'
    printf 'attach = [{ network = "small", port = "client", addresses = ["10.77.0.1"] }]\n'
    range small 10.77.0 client little
} >"$dir/network.toml"

ovsdb-tool create "$dir/conf.db" /usr/share/openvswitch/vswitch.ovsschema
quiet=(-vconsole:off -vsyslog:off)
ovsdb-server "$dir/conf.db" --remote="punix:$dir/db.sock" --pidfile="$dir/ovsdb.pid" --detach "${quiet[@]}"
vsctl() { ovs-vsctl --db="unix:$dir/db.sock" "$@"; }
vsctl --no-wait init
# Ports at which nobody is: devices of the kind that Open vSwitch has for its own tests cost nothing.
ovs-vswitchd "unix:$dir/db.sock" --pidfile="$dir/vswitchd.pid" --detach --disable-system --enable-dummy "${quiet[@]}"
ports() { # BRIDGE PORT…
    local bridge=$1 words=()
    shift
    for port in "$@"; do words+=(-- add-port "$bridge" "$port" -- set interface "$port" type=dummy); done
    vsctl add-br "$bridge" -- set bridge "$bridge" datapath_type=netdev protocols=OpenFlow13 fail_mode=secure \
        other-config:disable-in-band=true "${words[@]}" -- set-controller "$bridge" "unix:$dir/openflow"
}
projects=()
for n in {0..255}; do projects+=("vm$n" "shared$n" "tools$n" "backend$n"); done
ports pantheon backend keycloak postgres frontend tools host0 "${projects[@]}"
ports small client

"$portcullis" run "$dir/network.toml" --listen "unix:$dir/openflow" --metrics "unix:$dir/metrics" \
    --api-listen "unix:$dir/api" --state "$dir/state" --db "unix:$dir/db.sock" --no-audit 2>"$dir/log" &
controller=$!
api() { curl -sS --fail-with-body --unix-socket "$dir/api" "$@"; }
settled() {
    for _ in {1..600}; do
        status=$(curl -sS --unix-socket "$dir/metrics" http://localhost/api/status 2>/dev/null || true)
        if [ "$(grep -o '"settled":true' <<<"$status" | wc -l)" = 2 ]; then return; fi
        sleep 0.1
    done
    echo "not settled: $status" >&2
    cat "$dir/log" >&2
    exit 1
}
settled
flows=$(ovs-ofctl -vconsole:off -O OpenFlow13 dump-aggregate pantheon | grep -o 'flow_count=[0-9]*')
echo "pantheon: $flows"

# Nanoseconds on a processor until now.
spent() {
    local sum=0 ns rest
    for task in /proc/"$controller"/task/*/schedstat; do
        read -r ns rest <"$task" && sum=$((sum + ns))
    done
    total=$sum
}
make() { # NETWORK NAME: appends microseconds to the file NETWORK
    local before
    spent; before=$total
    api -X POST -H 'content-type: application/json' http://localhost/api/containers/create \
        -d "{\"name\":\"$2\",\"network\":\"$1\",\"services\":[{\"name\":\"web\",\"protocol\":\"tcp\",\"port\":80}]}" >"$dir/made"
    spent; echo $(((total - before) / 1000)) >>"$dir/$1"
    settled
    sleep 0.5
    spent; echo $(((total - before) / 1000)) >>"$dir/$1.all"
}
for n in $(seq "$count"); do
    make small "s$n"
    make main "m$n"
done
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for network in small main; do
    echo "$network: $(median "$dir/$network") us of processor time from call to answer (median of $count);" \
        "$(median "$dir/$network.all") us with the read that follows and half a second more"
done
echo "difference: $(($(median "$dir/main") - $(median "$dir/small"))) us"
