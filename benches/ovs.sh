# For the scripts beside it, which source it: an Open vSwitch of their own in the folder $dir, and what all of them need. Both
# end with the script, as do the processes whose pids are in `started`.

dir=$(mktemp -d)
export OVS_RUNDIR=$dir
started=()
end() {
    local pid daemon
    # A pipeline's end is its last process; its first one goes with the file.
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for daemon in vswitchd ovsdb; do
        if [ -s "$dir/$daemon.pid" ]; then
            kill "$(cat "$dir/$daemon.pid")" 2>/dev/null || true
        fi
    done
    rm -rf "$dir"
}
trap end EXIT

namespace() { # makes a network namespace, which lasts as long as the process in it: $holder
    unshare --net sleep infinity &
    holder=$!
    started+=("$holder")
    until [ "$(readlink "/proc/$holder/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
}
into() { nsenter --net="/proc/$1/ns/net" "${@:2}"; } # PID COMMAND…

open_vswitch() { # PID OPTION…: in the namespace of that process
    local quiet=(-vconsole:off -vsyslog:off)
    ovsdb-tool create "$dir/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$dir/conf.db" --remote="punix:$dir/db.sock" --pidfile="$dir/ovsdb.pid" --detach "${quiet[@]}"
    vsctl --no-wait init
    into "$1" ovs-vswitchd "unix:$dir/db.sock" --pidfile="$dir/vswitchd.pid" --detach --disable-system "${quiet[@]}" \
        "${@:2}"
}
vsctl() { ovs-vsctl --db="unix:$dir/db.sock" "$@"; }
# It warns on standard error where the machine is busy.
ofctl() { ovs-ofctl -vconsole:off -O OpenFlow13 "$@"; }
# What a bridge is made of beside its name.
bridge=(datapath_type=netdev protocols=OpenFlow13 fail_mode=secure)

median() { sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
