//! The parts of a bridge's state.
//!
//! A bridge has three phases ([`Phase`](super::Phase)):
//! ```text
//!            read_at is due                    flows differ
//!   Idle ───────────────────► Reading ───────────────────────► Committing
//!    ▲ ▲                        │ │                                │
//!    │ └── nothing differs ─────┘ └── no answer: session closes    │
//!    └───────── barrier answered, or refused: read again ──────────┘
//! ```
//! A change of the policy goes from Idle to Committing at once where the installed flows are known.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use flows::Flow;
use flows::runtime::userspace_learn::LearnedFlowMirror;
use ofproto::{DatapathId, TableId, Xid};

use super::flapping::PortChanges;
use super::relay::Metering;
use super::userspace_learn::PendingAdditions;
use crate::bridge::crowded_ports::CrowdedPorts;
use crate::bridge::ct_flush::FlushSelector;
use crate::bridge::leases::Leases;
use crate::bridge::revoked_flows::Revoked;
use crate::bridge::{Compiled, Evicted, Ports};
use crate::mac_learning::LearningSwitch;

/// Holds what is known of the flows on the switch, and what they should be.
#[derive(Debug)]
pub(in crate::bridge) struct Knowledge {
    /// Flows that the policy asks for.
    pub(in crate::bridge) desired: Arc<Compiled>,
    /// Flows on the switch after the last successful round.
    pub(super) installed: Option<Arc<Compiled>>,
    /// Flows on the switch when no revoked flow was left.
    pub(super) acknowledged: Option<Arc<Compiled>>,
    /// True if the switch has the `installed` flows, by the last read and the reports since.
    pub(super) installed_is_known: bool,
    /// Visibility of installed flows in reads.
    pub(super) visibility: FlowVisibility,
    /// True if a foreign change was reported since the last read began.
    pub(super) foreign_reported: bool,
    /// Number of foreign changes that the monitor reported since the last read began.
    pub(super) foreign_changes: u32,
    /// Evictions since the last read.
    pub(super) evicted: Evicted,
    /// The flows installed before the last commit, and those that it deleted. Kept until the flows
    /// that they taught are deleted.
    pub(super) vanished_program: Option<(Arc<Compiled>, Vec<Flow>)>,
    /// The flows that recent changes revoked.
    pub(super) revoked_flows: Option<Revoked>,
}

/// Holds the deadlines of a bridge.
#[derive(Debug)]
pub(super) struct Timers {
    /// Next time at which the desired flows change by themselves, in seconds since 1970-01-01 UTC.
    pub(super) next_change_at: Option<u64>,
    /// Time of the next read.
    pub(super) read_at: Option<Instant>,
    /// Beginning of the last read.
    pub(super) last_read: Option<Instant>,
}

/// Counts rounds of reading and changing, and tells how the last one ended.
#[derive(Debug)]
pub(super) struct Rounds {
    pub(super) settled: bool,
    /// True if the desired flows changed, and the choice between a commit at once and a read first
    /// is open.
    pub(super) changed: bool,
    /// Consecutive rounds that failed or left something to do.
    pub(super) failed_rounds: u32,
    /// Consecutive rounds that deleted as much as one round may.
    pub(super) partial_rounds: u32,
    /// Set by a read whose program was no longer desired at its end, and that is repeated.
    pub(super) read_was_outdated: bool,
    pub(super) drift_repaired: u64,
    pub(super) last_error: Option<String>,
}

/// Tells which bridge it is, and whether it may be changed.
#[derive(Debug)]
pub(super) struct BridgeIdentity {
    pub(super) name: Option<String>,
    pub(super) datapath: DatapathId,
    pub(super) owned: bool,
    /// True if the session owns the bridge and may change its flows.
    pub(super) is_granted: bool,
}

/// Holds the flow monitor, and the tables of which it tells evictions.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) monitor: Monitor,
    /// The tables whose evictions the monitor reports, and the requests for the reports.
    pub(super) evictions: BTreeMap<TableId, Xid>,
}

/// Holds what the switch can do; each is assumed until it says no.
#[derive(Debug)]
pub(super) struct SwitchAbilities {
    /// True if the switch has bundles. This is assumed until the switch refuses one.
    pub(super) bundles: bool,
    pub(super) next_bundle: u32,
    /// The finest selector of connections that the switch can flush. The finest is assumed until
    /// refused.
    pub(super) forgets: FlushSelector,
}

/// Holds the ports of the bridge, as the file names them.
#[derive(Debug)]
pub(super) struct AttachedPorts {
    pub(super) ports: Ports,
    pub(super) port_changes: PortChanges,
    /// The ports that the file names and the bridge lacks.
    pub(super) missing_ports: BTreeSet<String>,
    /// The port names of the file that several ports of the bridge have.
    pub(super) ambiguous_ports: BTreeSet<String>,
}

/// Holds what the controller learns for the switch.
#[derive(Debug)]
pub(super) struct LearningState {
    /// The learning switch, if the file makes the bridge one.
    pub(super) learning_switch: Option<LearningSwitch>,
    /// The flows that the controller learned for the switch.
    pub(super) learned_flow_mirror: LearnedFlowMirror,
    /// Learned flows that were sent and that the switch may still refuse.
    pub(super) additions: PendingAdditions,
    /// The last noted reason why a packet was not learned from.
    pub(super) not_learned: Option<String>,
    /// Creation time, from which the learning switch's table counts seconds.
    pub(super) created_at: Instant,
}

/// Holds leases, and what is known of addresses that hosts get.
#[derive(Debug)]
pub(super) struct DhcpState {
    /// The DHCP leases, by address.
    pub(super) leases: Leases,
    /// Ports with the largest allowed number of IPv6 addresses.
    pub(super) crowded_ports: CrowdedPorts,
    /// Addresses whose lease ended, each with the time of the second check for flows learned for
    /// it.
    pub(super) ended_addresses: VecDeque<(Instant, (u16, IpAddr))>,
    /// The meters of DHCP relays.
    pub(super) metering: Metering,
    /// The last noted reason why a DHCP message was not relayed.
    pub(super) not_relayed: Option<String>,
}

/// Visibility of a switch's flows. Some switches that learn in hardware report none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowVisibility {
    /// No read has shown a flow yet.
    Unseen,
    /// A read has shown a flow.
    Seen,
    /// The switch reports none of the flows that it took, and this was noted.
    Hidden,
}

/// The state of the flow monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Monitor {
    /// Not requested: the session does not own the bridge, or the bridge is a learning switch.
    None,
    /// Requested, without an answer so far.
    Asked(Xid),
    /// Active: the switch reports changes.
    On,
    /// Refused: the switch has no flow monitor.
    Off,
}
