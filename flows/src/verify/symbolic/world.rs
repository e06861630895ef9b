//! The input of the engine: bridges with flows, and the wires and hosts between them.

use std::collections::BTreeMap;

use flow_model::{Flow, FlowMatch};
use ofproto::PortNo;
use ofproto::action::Action;

/// A port of a bridge: the bridge's place in the list, and the number.
pub(crate) type BridgePort = (usize, PortNo);

/// The flows of a bridge.
#[derive(Debug, Default)]
pub(crate) struct BridgeInput<'f> {
    flows: Vec<(&'f Flow, bool)>,
    /// The ports, LOCAL included.
    pub(crate) ports: Vec<PortNo>,
    /// The buckets of each group (OpenFlow 1.3.5 §5.6.1).
    pub(crate) groups: BTreeMap<u32, Vec<Vec<Action>>>,
}

impl<'f> BridgeInput<'f> {
    /// Returns a bridge without flows. LOCAL is one of its ports.
    pub(crate) fn new(ports: impl IntoIterator<Item = PortNo>) -> Self {
        let mut ports: Vec<PortNo> = ports.into_iter().chain([PortNo::LOCAL]).collect();
        ports.sort_unstable();
        ports.dedup();
        Self { ports, ..Self::default() }
    }

    /// Adds a flow. If it may be absent, its packets also take the flows below.
    pub(crate) fn add(&mut self, flow: &'f Flow, may_be_absent: bool) {
        self.flows.push((flow, may_be_absent));
    }

    /// Returns the flows, each with whether it may be absent.
    pub(super) fn flows(&self) -> impl Iterator<Item = (&'f Flow, bool)> {
        self.flows.iter().copied()
    }
}

/// The bridges and the links between them.
#[derive(Debug, Default)]
pub(crate) struct World<'f> {
    /// The bridges.
    pub(crate) bridges: Vec<BridgeInput<'f>>,
    /// The far end of each wire, by its near end.
    pub(crate) wires: BTreeMap<BridgePort, BridgePort>,
    /// Ports between which a host may forward: it exchanges MAC addresses and keeps IP addresses.
    pub(crate) forwarders: Vec<Vec<BridgePort>>,
    /// The ports at which packets start, each with the class of its senders.
    pub(crate) sources: BTreeMap<BridgePort, u16>,
    /// What packets look like at the start.
    pub(crate) start: FlowMatch,
}

/// The way of a packet from an output to the next bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Over a wire: the frame stays as it is.
    Wire,
    /// Through a host.
    Host,
}

impl World<'_> {
    /// Returns the ports at which a packet that leaves by a port can come in again.
    pub(super) fn onward(&self, out: BridgePort) -> Vec<(BridgePort, Passage)> {
        let wire = self.wires.get(&out).map(|peer| (*peer, Passage::Wire));
        let hosts = self.forwarders.iter().filter(|places| places.contains(&out)).flatten();
        let hosts = hosts.filter(|place| **place != out).map(|place| (*place, Passage::Host));
        wire.into_iter().chain(hosts).collect()
    }
}
