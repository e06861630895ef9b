#!/bin/bash
# What one container more costs the controller on a bridge with Pantheon's 256 projects: its processor time from the API's
# call to the commit of the bundle with the container's flows, which its log tells of. Open vSwitch is a private one, which
# this script starts and ends. Root, openvswitch-switch and curl are needed.
#
#     benches/container.sh [CONTAINERS]          default: 20
#
# Processor time is what the scheduler counted for all threads of the controller (/proc/PID/task/*/schedstat), user and
# system: child processes such as ovs-vsctl are not in it, and the veth pair is (the controller asks the kernel for it by
# netlink). In turn with it the same container is made by a second controller that has a file and a bridge with one endpoint,
# so that what a container costs anyway (devices, database, API) can be told from what the size costs. After the commit the
# controller reads the bridge again to see that all is as it should be; a little of that may be counted in before this script
# has seen the line in the log.
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

. "$here/ovs.sh"
declare -A controller

range() { # NETWORK PREFIX CLIENT PORT
    printf '\n[network.%s.containers]\nids = "100-199"\nport = "%s{id}"\naddresses = ["%s.{id}"]\nclients = ["%s"]\n' \
        "$1" "$4" "$2" "$3"
}
{
    sed 's/^instances = "1-3"$/instances = "all"/' "$here/../flows/networks/pantheon.toml"
    range main 10.0.1 backend veth
} >"$dir/pantheon.toml"
{
    printf '[network.main]\nbridge = "small"\nsubnets = ["10.77.0.0/24"]\n[endpoint.client]\n'
    printf 'attach = [{ network = "main", port = "client", addresses = ["10.77.0.1"] }]\n'
    range main 10.77.0 client little
} >"$dir/small.toml"

# Ports at which nobody is: devices of the kind that Open vSwitch has for its own tests cost nothing.
open_vswitch $$ --enable-dummy
ports() { # BRIDGE PORT…
    local name=$1 words=()
    shift
    for port in "$@"; do words+=(-- add-port "$name" "$port" -- set interface "$port" type=dummy); done
    vsctl add-br "$name" -- set bridge "$name" "${bridge[@]}" other-config:disable-in-band=true "${words[@]}" \
        -- set-controller "$name" "unix:$dir/$name.openflow"
}
projects=()
for n in {0..255}; do projects+=("vm$n" "shared$n" "tools$n" "backend$n"); done
ports pantheon backend keycloak postgres frontend tools host0 "${projects[@]}"
ports small client

settled() { # NAME
    for _ in {1..600}; do
        status=$(curl -sS --unix-socket "$dir/$1.metrics" http://localhost/api/status 2>/dev/null || true)
        if grep -q '"settled":true' <<<"$status"; then return; fi
        sleep 0.1
    done
    echo "$1 is not settled: $status" >&2
    cat "$dir/$1.log" >&2
    exit 1
}
for name in pantheon small; do
    "$portcullis" run "$dir/$name.toml" --listen "unix:$dir/$name.openflow" --metrics "unix:$dir/$name.metrics" \
        --api-listen "unix:$dir/$name.api" --state "$dir/$name.state" --db "unix:$dir/db.sock" --no-audit \
        2>"$dir/$name.log" &
    controller[$name]=$!
    started+=($!)
    settled "$name"
    flows=$(ofctl dump-aggregate "$name" | grep -o 'flow_count=[0-9]*')
    echo "$name: $flows"
done

# Nanoseconds of a controller on a processor until now.
spent() { # NAME
    local ns rest task
    total=0
    for task in /proc/"${controller[$1]}"/task/*/schedstat; do
        read -r ns rest <"$task" && total=$((total + ns))
    done
}
for name in pantheon small; do
    tail -n 0 -F "$dir/$name.log" 2>/dev/null | while read -r line; do
        case $line in *"flows changed"*) spent "$name"; echo "$total" >>"$dir/$name.commits" ;; esac
    done &
    started+=($!)
done
make() { # NAME NUMBER: appends microseconds to the files NAME.commit and NAME.all
    local before body
    body="{\"name\":\"c$2\",\"network\":\"main\",\"services\":[{\"name\":\"web\",\"protocol\":\"tcp\",\"port\":80}]}"
    spent "$1"; before=$total
    curl -sS --fail-with-body --unix-socket "$dir/$1.api" -X POST -H 'content-type: application/json' \
        http://localhost/api/containers/create -d "$body" >/dev/null
    settled "$1"
    sleep 0.5
    echo $((($(tail -n 1 "$dir/$1.commits") - before) / 1000)) >>"$dir/$1.commit"
    spent "$1"; echo $(((total - before) / 1000)) >>"$dir/$1.all"
}
for n in $(seq "$count"); do
    make small "$n"
    make pantheon "$n"
done
for name in small pantheon; do
    echo "$name: $(median <"$dir/$name.commit") us from call to commit," \
        "$(median <"$dir/$name.all") us with the read that follows and half a second more (medians of $count)"
done
echo "difference: $(($(median <"$dir/pantheon.commit") - $(median <"$dir/small.commit"))) us"
