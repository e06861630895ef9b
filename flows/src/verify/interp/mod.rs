//! A reference interpreter of a bridge's pipeline: computes the outcome of a packet from the flows
//! alone.
//!
//! It follows OpenFlow 1.3.5 §5. Where Open vSwitch adds or differs, it follows ovs-actions(7) and
//! the output of `ovs-appctl ofproto/trace`. It is the oracle of the tests and of the `never`
//! check.

mod fields;
mod index;
mod learn;
mod packet;
mod run;
mod text;

use std::collections::{BTreeMap, HashMap};

use flow_model::{Flow, FlowKey};
use ofproto::{Cookie, PortNo, TableId};

pub use self::fields::FieldSet;
pub(crate) use self::index::IndexNode;
pub(crate) use self::learn::{is_matched, learned};
pub(crate) use self::packet::low_bits;
pub use self::packet::{Packet, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, VLAN_PRESENT};
pub use self::run::{MAX_DEPTH, MAX_RESUBMITS};

/// The output of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Output {
    /// A port of the switch (also LOCAL, which is `PortNo::LOCAL`), never the ingress port unless
    /// by `InPort`.
    Port(PortNo),
    /// The ingress port, which is given.
    InPort(PortNo),
    /// The switch's own MAC-learning forwarding.
    Normal,
    /// Every port that takes floods, except the ingress port.
    Flood,
    /// Every port except the ingress port.
    All,
    /// The controller.
    Controller,
}

/// A flow that a packet matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatchedFlow {
    /// The flow's table.
    pub table: TableId,
    /// Its priority.
    pub priority: u16,
    /// Its cookie.
    pub cookie: Cookie,
    /// Its place among the pipeline's flows.
    pub flow: usize,
}

/// The reason why a packet has no output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// No flow of the table matched: the last lookup of all.
    Miss(TableId),
    /// This flow was the last, and there was no output.
    By(MatchedFlow),
    /// Recursion went deeper than [`MAX_DEPTH`], or there were more than [`MAX_RESUBMITS`] lookups:
    /// the switch then drops the packet, whatever its earlier outputs.
    TooDeep,
}

/// The outcome of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The outputs in order, each with the packet as it leaves.
    pub outputs: Vec<(Output, Packet)>,
    /// The flows that it makes the switch learn, in order. They are not installed: see
    /// [`Pipeline::learn`].
    pub learned: Vec<Flow>,
    /// The flows that it matched, in order.
    pub path: Vec<MatchedFlow>,
    /// The reason for the drop, if there is no output.
    pub dropped_by: Option<Dropped>,
    /// Lookups in which several flows of one priority matched: the winner is undefined (OpenFlow
    /// 1.3.5 §5.3). The interpreter takes the first of the pipeline's flows.
    pub ambiguous: Vec<Vec<usize>>,
    /// Features that the interpreter does not know, and passed over.
    pub unsupported: Vec<String>,
    /// The examined fields: another packet that agrees in them takes the same path.
    pub consulted: FieldSet,
}

/// The flows of a bridge, prepared for running packets.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    flows: Vec<Flow>,
    tables: BTreeMap<TableId, IndexNode>,
    /// True if first fragments are matched by their ports.
    nx_match: bool,
}

impl Pipeline {
    /// Returns the pipeline of these flows, added in this order: a flow replaces an earlier one
    /// with its table, priority and match.
    pub fn new(flows: Vec<Flow>) -> Self {
        let mut by_table: BTreeMap<TableId, Vec<usize>> = BTreeMap::new();
        let last: HashMap<FlowKey<'_>, usize> = flows.iter().enumerate().map(|(n, f)| (f.key(), n)).collect();
        for (n, flow) in flows.iter().enumerate() {
            if last.get(&flow.key()) == Some(&n) {
                by_table.entry(flow.table).or_default().push(n);
            }
        }
        let of = |numbers: &[usize]| {
            let flows = numbers.iter().filter_map(|n| Some((*n, flows.get(*n)?)));
            IndexNode::build(flows, |_| true)
        };
        let tables = by_table.iter().map(|(table, numbers)| (*table, of(numbers))).collect();
        Self { flows, tables, nx_match: false }
    }

    /// Matches first fragments by their ports, like a switch in `nx-match` mode (ovs-ofctl(8),
    /// set-frags).
    #[must_use]
    pub fn nx_match(mut self) -> Self {
        self.nx_match = true;
        self
    }

    /// Returns its flows; [`MatchedFlow::flow`] is a place among them.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// Returns the outcome of a packet that comes in at a port.
    pub fn run(&self, in_port: PortNo, packet: &Packet) -> Outcome {
        run::run(self, in_port, packet)
    }

    /// Adds flows like a learning switch: each replaces the one with its table, priority and match.
    /// Returns whether anything but timeouts changed.
    pub fn learn(&mut self, learned: Vec<Flow>) -> bool {
        let mut flows = std::mem::take(&mut self.flows);
        let key = |f: &Flow| (f.table, f.priority, f.matches.clone());
        let mut places: HashMap<_, usize> = flows.iter().enumerate().map(|(n, f)| (key(f), n)).collect();
        let mut changed = false;
        for flow in learned {
            let place = *places.entry(key(&flow)).or_insert(flows.len());
            match flows.get_mut(place) {
                Some(old) => {
                    changed |= old.instructions != flow.instructions || old.cookie != flow.cookie;
                    *old = flow;
                }
                None => {
                    changed = true;
                    flows.push(flow);
                }
            }
        }
        *self = Self { nx_match: self.nx_match, ..Self::new(flows) };
        changed
    }
}

#[cfg(test)]
mod tests;
