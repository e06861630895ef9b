//! Audits the file's bridges for settings that break the promises of the flows.
//!
//! Flows isolate only the packets that pass through them. In-band control adds hidden flows above
//! all others. Standalone mode replaces all flows. A second controller may change them. A mirror
//! copies packets past them. OpenFlow shows none of this, so the audit uses `ovs-vsctl`.

use std::fmt;
use std::path::Path;

use flows::network::NetworkFile;

use super::attach::not_run;
use super::database::{DatabaseRow, DatabaseTable};
use super::eviction;
use super::identity::Identities;
use super::vsctl::{Database, complaint};

/// Deadline of the database for an answer, in seconds.
const TIMEOUT: u32 = 3;
/// ARPHRD_ETHER, the type of Ethernet devices in /sys/class/net/NAME/type (linux/if_arp.h).
const ETHERNET: &str = "1";
const DEVICES: &str = "/sys/class/net";

/// A setting that breaks isolation, or lets one sender cut others off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// In-band control: hidden flows pass ARP and TCP of the controller's address, forged or not.
    InBand,
    /// Not `fail_mode=secure`: without a controller the bridge switches freely.
    NotSecure,
    /// A second controller or manager may change the flows.
    SecondController,
    /// A port that is a member of VLANs, which the file does not describe.
    VlanPort,
    /// A port of the file whose device has no Ethernet.
    NotEthernet,
    /// A mirror copies packets to a port past the flows.
    Mirror,
    /// The session that owns the bridge belongs to another switch.
    Impostor,
    /// No bound and no fair eviction for learned flows: one sender may take the room of all others.
    Unbounded,
}

impl FaultKind {
    /// All kinds, for metrics that name each.
    pub const ALL: [Self; 8] = [
        Self::InBand,
        Self::NotSecure,
        Self::SecondController,
        Self::VlanPort,
        Self::NotEthernet,
        Self::Mirror,
        Self::Impostor,
        Self::Unbounded,
    ];

    /// Returns the name in logs and metrics, which never changes.
    pub const fn label(self) -> &'static str {
        match self {
            Self::InBand => "in-band",
            Self::NotSecure => "not-secure",
            Self::SecondController => "second-controller",
            Self::VlanPort => "vlan-port",
            Self::NotEthernet => "not-ethernet",
            Self::Mirror => "mirror",
            Self::Impostor => "impostor",
            Self::Unbounded => "unbounded",
        }
    }

    /// Returns whether packets may cross that the flows would drop.
    pub const fn breaks_isolation(self) -> bool {
        !matches!(self, Self::Unbounded)
    }

    /// Returns the verdict on the bridge, for people.
    pub const fn verdict(self) -> &'static str {
        if self.breaks_isolation() { "NOT ISOLATED" } else { "NOT BOUNDED" }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A fault of one bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsolationFault {
    /// The bridge.
    pub bridge: String,
    /// The kind of fault.
    pub kind: FaultKind,
    /// The finding.
    pub detail: String,
    /// The remedy.
    pub remedy: String,
}

impl fmt::Display for IsolationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.kind.verdict();
        write!(f, "{}: {verdict} ({}): {}; {}", self.bridge, self.kind, self.detail, self.remedy)
    }
}

/// A failure of the audit. It says nothing about the bridges.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// There is no ovs-vsctl, or its database does not answer.
    #[error("the bridges' settings cannot be looked at: {0}")]
    Unreachable(String),
    /// The database answered with something other than tables.
    #[error("ovs-vsctl answered something unexpected: {0}")]
    Unexpected(String),
}

/// The result of one audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Faults in the settings of the file's bridges.
    pub faults: Vec<IsolationFault>,
    /// Identities of the bridges.
    pub identities: Identities,
}

struct AuditTables {
    bridges: DatabaseTable,
    controllers: DatabaseTable,
    managers: DatabaseTable,
    ports: DatabaseTable,
    mirrors: DatabaseTable,
    flow_tables: DatabaseTable,
    settings: DatabaseTable,
}

/// Audits every bridge of the file that this Open vSwitch has. Blocks for at most three seconds.
///
/// # Errors
/// [`AuditError::Unreachable`] if the database cannot be reached, [`AuditError::Unexpected`] if its
/// answer is malformed.
pub fn audit(file: &NetworkFile, database: &Database) -> Result<Audit, AuditError> {
    audit_with(file, database, Path::new(DEVICES))
}

/// Audits with the devices of another network namespace: its /sys/class/net.
pub(super) fn audit_with(
    file: &NetworkFile,
    database: &Database,
    devices: &Path,
) -> Result<Audit, AuditError> {
    let tables = read(database)?;
    let mut faults = Vec::new();
    for row in tables.bridges.rows() {
        let name = row.value("name").unwrap_or_default();
        if file.bridges.iter().any(|b| b.name == name || b.name == "*") {
            let mut bridge = Audited { name, faults: &mut faults };
            bridge.control(row, &tables);
            bridge.ports(row, &tables);
            bridge.devices(file, devices);
            bridge.eviction(file, row, &tables);
        }
    }
    faults.sort_by(|a, b| (&a.bridge, a.kind).cmp(&(&b.bridge, b.kind)));
    let identities = Identities::new(&tables.bridges, &tables.controllers, &tables.settings);
    Ok(Audit { faults, identities })
}

fn read(database: &Database) -> Result<AuditTables, AuditError> {
    let mut words = vec!["--no-wait", "--format=json"];
    for table in ["bridge", "controller", "manager", "port", "mirror", "flow_table", "open_vswitch"] {
        words.extend(["--", "list", table]);
    }
    let output = database
        .run(&database.arguments(TIMEOUT, &words))
        .map_err(|e| AuditError::Unreachable(not_run(&e)))?;
    if !output.status.success() {
        return Err(AuditError::Unreachable(complaint(&output)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let tables = DatabaseTable::read_all(&text).map_err(|e| AuditError::Unexpected(e.to_string()))?;
    let [bridges, controllers, managers, ports, mirrors, flow_tables, settings] =
        <[DatabaseTable; 7]>::try_from(tables)
            .map_err(|t| AuditError::Unexpected(format!("{} tables, not 7", t.len())))?;
    Ok(AuditTables { bridges, controllers, managers, ports, mirrors, flow_tables, settings })
}

struct Audited<'a> {
    name: String,
    faults: &'a mut Vec<IsolationFault>,
}

/// Returns whether a row of Controller or Manager makes Open vSwitch add in-band flows. It does for
/// peers over a network, unless configured otherwise (ovs-vswitchd.conf.db(5), connection_mode).
fn wants_in_band(row: &DatabaseRow) -> bool {
    let target = row.value("target").unwrap_or_default();
    let remote = target.starts_with("tcp:") || target.starts_with("ssl:");
    remote && row.value("connection_mode").as_deref() != Some("out-of-band")
}

impl Audited<'_> {
    fn found(&mut self, kind: FaultKind, detail: String, remedy: String) {
        self.faults.push(IsolationFault { bridge: self.name.clone(), kind, detail, remedy });
    }

    fn control(&mut self, row: &DatabaseRow, tables: &AuditTables) {
        let name = self.name.clone();
        let controllers: Vec<_> = tables.controllers.with_ids(&row.values("controller")).collect();
        let disabled = row.key("other_config", "disable-in-band").as_deref() == Some("true");
        let callers = || controllers.iter().copied().chain(tables.managers.rows());
        // Without a controller, the setting still decides about the first controller's in-band
        // flows.
        if !disabled && (controllers.is_empty() || callers().any(wants_in_band)) {
            self.found(
                FaultKind::InBand,
                "in-band control passes forged packets of the controller's address past every flow"
                    .to_owned(),
                format!("ovs-vsctl set bridge {name} other-config:disable-in-band=true"),
            );
        }
        let mode = row.value("fail_mode");
        if mode.as_deref() != Some("secure") {
            self.found(
                FaultKind::NotSecure,
                format!(
                    "fail_mode is {}: without a controller the bridge switches freely",
                    mode.as_deref().unwrap_or("not set")
                ),
                format!("ovs-vsctl set bridge {name} fail_mode=secure"),
            );
        }
        if controllers.len() > 1 {
            let mut targets: Vec<_> = controllers.iter().filter_map(|c| c.value("target")).collect();
            targets.sort();
            self.found(
                FaultKind::SecondController,
                format!("{} controllers may change its flows: {}", targets.len(), targets.join(", ")),
                format!("leave one: ovs-vsctl set-controller {name} TARGET"),
            );
        }
        for mirror in tables.mirrors.with_ids(&row.values("mirrors")) {
            let mirror = mirror.value("name").unwrap_or_default();
            self.found(
                FaultKind::Mirror,
                format!("mirror {mirror:?} copies packets past the flows"),
                format!("ovs-vsctl clear bridge {name} mirrors"),
            );
        }
    }

    fn ports(&mut self, row: &DatabaseRow, tables: &AuditTables) {
        for port in tables.ports.with_ids(&row.values("ports")) {
            let settings: Vec<_> = ["tag", "trunks", "cvlans", "vlan_mode"]
                .into_iter()
                .filter(|c| !port.values(c).is_empty())
                .map(|c| format!("{c}={}", port.values(c).join(",")))
                .collect();
            if settings.is_empty() {
                continue;
            }
            let name = port.value("name").unwrap_or_default();
            self.found(
                FaultKind::VlanPort,
                format!("port {name} has {}, which the network file does not describe", settings.join(" ")),
                format!("ovs-vsctl clear port {name} tag trunks cvlans vlan_mode"),
            );
        }
    }

    fn devices(&mut self, file: &NetworkFile, devices: &Path) {
        // LOCAL is the bridge itself. A name with a slash is no device, and must not lead out of
        // the directory.
        let named = |p: &&str| *p != "LOCAL" && !p.contains('/') && !p.starts_with('.');
        for port in file.bridge_ports(&self.name).into_iter().filter(named) {
            // The device is missing or in another namespace, so its type is unknown.
            let Ok(kind) = std::fs::read_to_string(devices.join(port).join("type")) else { continue };
            let kind = kind.trim();
            if kind != ETHERNET {
                self.found(
                    FaultKind::NotEthernet,
                    format!("{port} is no Ethernet device (its type is {kind}): what it carries is no frame"),
                    format!(
                        "put {port} into a namespace that routes to a veth, and the veth's end on {}",
                        self.name
                    ),
                );
            }
        }
    }

    fn eviction(&mut self, file: &NetworkFile, row: &DatabaseRow, tables: &AuditTables) {
        let missing = eviction::missing(row, &tables.flow_tables);
        if eviction::learns(file, &self.name) && !missing.is_empty() {
            self.found(
                FaultKind::Unbounded,
                format!("learned flows are not evicted fairly (tables {})", missing.join(", ")),
                eviction::command(&self.name),
            );
        }
    }
}
