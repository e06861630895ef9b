//! What a command means by TARGET: a bridge's name, `unix:PATH` or `tcp:ADDRESS:PORT`.

use std::path::PathBuf;

use crate::net::{Address, Client};

/// Where Open vSwitch has its sockets, unless `$OVS_RUNDIR` says otherwise.
const RUNDIR: &str = "/var/run/openvswitch";

/// The address of a target. A name is that of a bridge, whose management socket is in the run directory.
pub(super) fn address(target: &str) -> Address {
    if let Some(address) = ["tcp:", "unix:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
        .then(|| target.parse::<Address>().ok())
        .flatten()
    {
        return address;
    }
    if target.contains('/') {
        return Address::Unix(PathBuf::from(target));
    }
    let rundir = std::env::var_os("OVS_RUNDIR").filter(|d| !d.is_empty());
    let rundir = rundir.map_or_else(|| PathBuf::from(RUNDIR), PathBuf::from);
    Address::Unix(rundir.join(format!("{target}.mgmt")))
}

/// Calls a target.
pub(super) fn connect(target: &str) -> Result<Client, miette::Report> {
    let address = address(target);
    Client::connect(&address).map_err(|error| {
        miette::miette!(
            help = "a TARGET is a bridge's name (its socket is looked for in $OVS_RUNDIR), unix:PATH or \
                    tcp:ADDRESS:PORT",
            "{target}: {error}"
        )
    })
}
