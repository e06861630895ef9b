//! Reads the identity of each bridge, and its controllers, from Open vSwitch's database.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ofproto::DatapathId;

use super::database::{DatabaseRow, DatabaseTable};
use crate::address::ListenAddress;

/// Port of a target without one: IANA's for OpenFlow (ovs-vsctl(8)).
const PORT: u16 = 6653;
/// Interval of Open vSwitch's updates of connection states, unless another one is configured
/// (ovs-vswitchd.conf.db(5), stats-update-interval).
const UPDATES: Duration = Duration::from_secs(5);

/// The bridges of an Open vSwitch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    /// The bridges by name.
    pub bridges: BTreeMap<String, Identity>,
    /// Largest age of a controller's connection state in the database.
    pub delay: Duration,
}

/// The identity of a bridge, and its controllers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The datapath id; none until ovs-vswitchd has made the bridge.
    pub datapath: Option<DatapathId>,
    /// The bridge's controllers.
    pub controllers: Vec<ControllerRow>,
}

/// A controller of a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerRow {
    /// The target, as `ovs-vsctl set-controller` takes it.
    pub target: String,
    /// True if the bridge is connected to the controller.
    pub is_connected: bool,
}

impl Identities {
    pub(super) fn new(
        bridges: &DatabaseTable,
        controllers: &DatabaseTable,
        settings: &DatabaseTable,
    ) -> Self {
        let interval = |row: &DatabaseRow| row.key("other_config", "stats-update-interval")?.parse().ok();
        let interval = settings.rows().find_map(interval).map_or(UPDATES, Duration::from_millis);
        let bridge = |row: &DatabaseRow| {
            let id = row.value("datapath_id").and_then(|id| u64::from_str_radix(&id, 16).ok());
            let controller = |row: &DatabaseRow| ControllerRow {
                target: row.value("target").unwrap_or_default(),
                is_connected: row.value("is_connected").as_deref() == Some("true"),
            };
            let controllers = controllers.with_ids(&row.values("controller")).map(controller).collect();
            (row.value("name").unwrap_or_default(), Identity { datapath: id.map(DatapathId), controllers })
        };
        Self { bridges: bridges.rows().map(bridge).collect(), delay: interval.max(UPDATES) }
    }
}

impl Identity {
    /// Returns the targets to which the bridge is connected.
    pub fn connected(&self) -> impl Iterator<Item = &str> + Clone {
        self.controllers.iter().filter(|row| row.is_connected).map(|row| &*row.target)
    }
}

/// Returns whether a connection to `target` can arrive at `local`, a listener or the controller's
/// end of it.
pub fn target_reaches(target: &str, local: &ListenAddress) -> bool {
    match (target.split_once(':'), local) {
        (Some(("tcp", at)), ListenAddress::Tcp(local)) => {
            let (host, port) = host_and_port(at);
            let ip = local.ip().to_canonical();
            // A host name may stand for any address, and a listener may cover all addresses.
            let is_there = |host: IpAddr| ip.is_unspecified() || host.to_canonical() == ip;
            port == local.port() && host.parse().map_or(true, is_there)
        }
        (Some(("unix", path)), ListenAddress::Unix(local)) => is_same(Path::new(path), local),
        _ => false,
    }
}

/// Splits `HOST[:PORT]`; an IPv6 address is in brackets.
fn host_and_port(at: &str) -> (&str, u16) {
    let (host, port) = match at.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => at.split_once(':').map_or((at, None), |(host, port)| (host, Some(port))),
    };
    (host, port.and_then(|port| port.parse().ok()).unwrap_or(PORT))
}

/// Returns whether both paths name one socket. Open vSwitch looks for relative paths in its run
/// directory.
fn is_same(theirs: &Path, ours: &Path) -> bool {
    if !theirs.is_absolute() {
        return theirs.file_name() == ours.file_name();
    }
    // /var/run is /run.
    let real = |path: &Path| -> PathBuf { path.canonicalize().unwrap_or_else(|_| path.to_owned()) };
    theirs == ours || real(theirs) == real(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_leads_to_the_end_of_its_connection_alone() {
        let tcp = |text: &str| ListenAddress::Tcp(text.parse().unwrap());
        let unix = |path: &str| ListenAddress::Unix(path.into());
        for (target, local) in [
            ("tcp:127.0.0.1:6653", tcp("127.0.0.1:6653")),
            ("tcp:127.0.0.1", tcp("127.0.0.1:6653")),
            ("tcp:127.0.0.1:6653", tcp("[::ffff:127.0.0.1]:6653")),
            ("tcp:[::1]:16653", tcp("[::1]:16653")),
            ("tcp:[::1]", tcp("[::1]:6653")),
            ("tcp:192.0.2.1", tcp("0.0.0.0:6653")),
            ("tcp:controller.example:6653", tcp("192.0.2.1:6653")),
            ("unix:/var/run/openvswitch/p.sock", unix("/var/run/openvswitch/p.sock")),
            ("unix:p.sock", unix("/var/run/openvswitch/p.sock")),
        ] {
            assert!(target_reaches(target, &local), "{target} {local}");
        }
        for (target, local) in [
            ("tcp:127.0.0.1:6654", tcp("127.0.0.1:6653")),
            ("tcp:127.0.0.2:6653", tcp("127.0.0.1:6653")),
            ("tcp:127.0.0.1:6653", unix("/run/p.sock")),
            ("unix:/run/p.sock", tcp("127.0.0.1:6653")),
            ("unix:/run/q.sock", unix("/run/p.sock")),
            ("ptcp:6653", tcp("127.0.0.1:6653")),
            ("punix:/run/p.sock", unix("/run/p.sock")),
            ("", tcp("127.0.0.1:6653")),
        ] {
            assert!(!target_reaches(target, &local), "{target} {local}");
        }
        // The paths may differ and still name one file.
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("run")).unwrap();
        std::os::unix::fs::symlink("run", dir.path().join("var")).unwrap();
        std::fs::write(dir.path().join("run/p.sock"), "").unwrap();
        let target = format!("unix:{}", dir.path().join("var/p.sock").display());
        assert!(target_reaches(&target, &ListenAddress::Unix(dir.path().join("run/p.sock"))));
    }
}
