//! What a bridge notes, for the log, the metrics and the status.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use flows::Flow;
use ofproto::message::ErrorMsg;
use ofproto::message::monitor::MonitorEvent;
use ofproto::message::multipart::FlowStats;
use ofproto::{DatapathId, TableId};

use super::Compiled;
use crate::denied::Sample;

/// A change that nobody here made.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignChange {
    /// What happened to the flow.
    pub event: MonitorEvent,
    /// The flow.
    pub flow: Flow,
    /// The flow in ovs-ofctl's syntax, with the names that its ports have now.
    pub text: String,
}

/// Flows that a switch evicted, by table.
pub type Evicted = BTreeMap<u8, u64>;

/// Something worth noting, in order.
#[derive(Debug, Clone)]
pub enum Notice {
    /// The switch shows none of the flows that it took: what others change cannot be seen.
    Silent,
    /// The switch said which bridge it is.
    Identified {
        /// The bridge's name; its datapath id when it has no port of its own.
        bridge: String,
        /// Its datapath id.
        datapath: DatapathId,
        /// Whether the file says anything about its flows.
        owned: bool,
    },
    /// The switch has no flow monitor: its flows are read again and again.
    Unwatched(ErrorMsg),
    /// The switch has no bundles: its flows change one by one.
    Unbundled(ErrorMsg),
    /// The switch cannot forget connections so finely, or not at all.
    Unforgetting(ErrorMsg),
    /// Somebody else changed something.
    Foreign(ForeignChange),
    /// The ports that the file names and the bridge lacks changed.
    Missing(BTreeSet<String>),
    /// The ports that the file names and whose names several ports of the bridge have changed.
    Ambiguous(BTreeSet<String>),
    /// Some of the flows were read.
    ReadSome {
        /// The program that they are compared with.
        compiled: Arc<Compiled>,
        /// What the switch has.
        stats: Vec<FlowStats>,
        /// Whether these are the first of a read.
        first: bool,
    },
    /// Tells that a read of all flows is complete.
    Read {
        /// The program that they are compared with.
        compiled: Arc<Compiled>,
        /// The number of flows.
        flows: u64,
        /// How many learned flows it has evicted since the read before, by table.
        evicted: Evicted,
    },
    /// Changes were sent.
    Changing {
        /// So many.
        changes: usize,
        /// Among them what somebody else had changed.
        drift: usize,
    },
    /// The changes are in force.
    Changed {
        /// So many.
        changes: usize,
        /// Among them what somebody else had changed.
        drift: usize,
        /// From the request to read to the commit; from the change of what is desired where nothing had to be read.
        took: Duration,
    },
    /// Nothing is left to do, and something was before.
    Settled,
    /// A round failed.
    Failed(String),
    /// The switch refused something.
    Refused(ErrorMsg),
    /// A packet came to the controller.
    PacketIn(TableId),
    /// A packet was denied, and this is a sample of it.
    Denied(Box<Sample>),
    /// DHCP gave an address, and it is bound to the port.
    Leased {
        /// Who has it.
        party: String,
        /// The port's name.
        port_name: String,
        /// The address.
        address: IpAddr,
    },
    /// What DHCP said was not passed on, or nothing limits how much of it there is.
    NotLeased(String),
    /// The switch has no meters for samples: nothing is sampled.
    Unsampled(ErrorMsg),
}
