//! A reference interpreter of a bridge's pipeline: what becomes of a packet, computed from the flows alone.
//!
//! It follows OpenFlow 1.3.5 §5 and, where Open vSwitch adds or differs, ovs-actions(7) and what
//! `ovs-appctl ofproto/trace` shows. It is the oracle of the tests and the judge of `never`.

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
pub use self::packet::{Packet, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, VLAN_PRESENT};
pub use self::run::{MAX_DEPTH, MAX_RESUBMITS};

/// Where a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Output {
    /// Out of a port of the switch (also LOCAL, which is `PortNo::LOCAL`), never the port of arrival
    /// unless by `InPort`.
    Port(PortNo),
    /// Out of the port of arrival, which is given.
    InPort(PortNo),
    /// The switch's own MAC-learning forwarding.
    Normal,
    /// Every port that takes floods, but that of arrival.
    Flood,
    /// Every port but that of arrival.
    All,
    /// To the controller.
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

/// Why a packet goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// No flow of the table matched: the last lookup of all.
    Miss(TableId),
    /// This flow was the last, and nothing was put out.
    By(MatchedFlow),
    /// Recursion went deeper than [`MAX_DEPTH`], or there were more than [`MAX_RESUBMITS`]: the switch
    /// then drops the packet, whatever was put out before.
    TooDeep,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Where it goes, as what, in order.
    pub outputs: Vec<(Output, Packet)>,
    /// The flows that it makes the switch learn, in order. They are not installed: see [`Pipeline::learn`].
    pub learned: Vec<Flow>,
    /// The flows that it matched, in order.
    pub path: Vec<MatchedFlow>,
    /// Why it goes nowhere, if it does.
    pub dropped_by: Option<Dropped>,
    /// Lookups in which several flows of one priority matched: which one wins is undefined (OpenFlow 1.3.5
    /// §5.3). The first of the pipeline's flows was taken.
    pub ambiguous: Vec<Vec<usize>>,
    /// What the interpreter does not know, and passed over.
    pub unsupported: Vec<String>,
    /// The fields that were looked at: another packet that agrees in them goes the same way.
    pub consulted: FieldSet,
}

/// The flows of a bridge, ready to be run.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    flows: Vec<Flow>,
    tables: BTreeMap<TableId, IndexNode>,
    /// Whether first fragments are matched by their ports.
    nx_match: bool,
}

impl Pipeline {
    /// The pipeline that these flows make, added in this order: one takes the place of an earlier one with its
    /// table, priority and match.
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

    /// Matches first fragments by their ports, as a switch does that was told `nx-match` (ovs-ofctl(8), set-frags).
    #[must_use]
    pub fn nx_match(mut self) -> Self {
        self.nx_match = true;
        self
    }

    /// Its flows; [`MatchedFlow::flow`] counts in them.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// What becomes of a packet that comes in at a port.
    pub fn run(&self, in_port: PortNo, packet: &Packet) -> Outcome {
        run::run(self, in_port, packet)
    }

    /// Adds flows, each in place of the one with its table, priority and match: what a switch does when it
    /// learns. Returns whether anything changed but timeouts.
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
