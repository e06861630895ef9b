//! The notices of a bridge, for the log, the metrics and the status.

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

/// A change that the controller did not make.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignChange {
    /// The kind of change.
    pub event: MonitorEvent,
    /// The flow.
    pub flow: Flow,
    /// The flow in ovs-ofctl's syntax, with the present names of its ports.
    pub text: String,
}

/// Flows that a switch evicted, by table.
pub type Evicted = BTreeMap<u8, u64>;

/// A notice of a bridge, in order.
#[derive(Debug, Clone)]
pub enum Notice {
    /// The switch shows none of the flows that it took, so foreign changes stay invisible.
    Silent,
    /// The switch identified its bridge.
    Identified {
        /// The bridge's name, or its datapath id if it has no `OFPP_LOCAL` port.
        bridge: String,
        /// The datapath id.
        datapath: DatapathId,
        /// True if the file says anything about the bridge's flows.
        owned: bool,
    },
    /// The switch has no flow monitor, so its flows are read at short intervals.
    Unwatched(ErrorMsg),
    /// The switch has no bundles, so its flows change one by one.
    Unbundled(ErrorMsg),
    /// The switch cannot forget connections so finely, or not at all.
    Unforgetting(ErrorMsg),
    /// Another controller or a user changed a flow.
    Foreign(ForeignChange),
    /// The set of ports that the file names and the bridge lacks changed.
    Missing(BTreeSet<String>),
    /// The set of port names that several ports of the bridge have changed.
    Ambiguous(BTreeSet<String>),
    /// Some of the flows were read.
    ReadSome {
        /// The program that they are compared with.
        compiled: Arc<Compiled>,
        /// The installed flows.
        stats: Vec<FlowStats>,
        /// True if these are the first flows of a read.
        first: bool,
    },
    /// A read of all flows is complete.
    Read {
        /// The program that they are compared with.
        compiled: Arc<Compiled>,
        /// The number of flows.
        flows: u64,
        /// The number of learned flows that were evicted since the previous read, by table.
        evicted: Evicted,
    },
    /// Changes were sent.
    Changing {
        /// The number of changes.
        changes: usize,
        /// The number of foreign changes among them.
        drift: usize,
    },
    /// The changes are installed.
    Changed {
        /// The number of changes.
        changes: usize,
        /// The number of foreign changes among them.
        drift: usize,
        /// Time from the read request to the commit. Without a read, it counts from the change of
        /// the desired flows.
        took: Duration,
    },
    /// Nothing is left to do, for the first time since a round.
    Settled,
    /// A round failed.
    Failed(String),
    /// The switch refused a message.
    Refused(ErrorMsg),
    /// A packet arrived at the controller.
    PacketIn(TableId),
    /// A packet was denied, and this is a sample of it.
    Denied(Box<Sample>),
    /// DHCP gave an address, and it is bound to the port.
    Leased {
        /// The party that holds the address.
        party: String,
        /// The port's name.
        port_name: String,
        /// The address.
        address: IpAddr,
    },
    /// A DHCP message was not relayed, or no meter limits the DHCP messages.
    NotLeased(String),
    /// The switch has no meters for samples, so nothing is sampled.
    Unsampled(ErrorMsg),
}
