//! The flows of all bridges of a file, as they will be installed or as they are.

use std::collections::{BTreeMap, HashSet};

use flow_model::{Flow, FlowMatch};
use ofproto::{Cookie, PortNo, TableId};

use crate::compile::{Origin, OriginKind, PortMap, TimeContext, compile};
use crate::learner::Learner;
use crate::network::NetworkFile;

/// A MAC address without an owner (RFC 7042 §2.1.2).
pub(in crate::verify) const STRANGER: u128 = 0x02_00_5e_00_53_07;

/// The table, priority and match of a flow. No two flows of a switch share them.
pub(crate) type OwnedKey = (TableId, u16, FlowMatch);

/// One bridge with its future or its installed flows.
#[derive(Debug, Clone)]
pub struct BridgeFlows<'a> {
    /// Its name.
    pub name: &'a str,
    /// The numbers of its ports.
    pub ports: PortMap,
    /// Its flows.
    pub flows: Vec<Flow>,
    /// The origins of its flows, for witnesses; may be empty.
    pub origins: BTreeMap<Cookie, Origin>,
    /// The flows that are not of the file, whatever their cookies say.
    pub(crate) foreign: HashSet<OwnedKey>,
}

impl BridgeFlows<'_> {
    /// Returns the rule behind a flow.
    pub(in crate::verify) fn origin(&self, flow: &Flow) -> Option<&Origin> {
        self.origins.get(&flow.cookie).filter(|_| !self.is_foreign(flow))
    }

    /// Returns whether a flow is known not to be of the file.
    pub(in crate::verify) fn is_foreign(&self, flow: &Flow) -> bool {
        !self.foreign.is_empty() && self.foreign.contains(&owned_key(flow))
    }
}

/// Returns the key of a flow.
pub(crate) fn owned_key(flow: &Flow) -> OwnedKey {
    (flow.table, flow.priority, flow.matches.clone())
}

/// Returns numbers for the ports that the file gives a bridge, for checks without a switch.
pub fn numbered_ports(file: &NetworkFile, bridge: &str) -> PortMap {
    let ports = file.bridge_ports(bridge).into_iter().filter(|p| *p != "LOCAL");
    ports.zip(1..).map(|(name, n)| (name.to_owned(), PortNo(n))).collect()
}

/// Compiles every bridge of the file with all the ports that the file gives it.
pub fn compiled(file: &NetworkFile) -> Vec<BridgeFlows<'_>> {
    compiled_with(file, |_, _| {})
}

/// Compiles every bridge of the file with other ports than the file gives it.
pub(in crate::verify) fn compiled_with(
    file: &NetworkFile,
    change: impl Fn(&str, &mut PortMap),
) -> Vec<BridgeFlows<'_>> {
    let bridges = file.bridges.iter().map(|bridge| {
        let mut ports = numbered_ports(file, &bridge.name);
        change(&bridge.name, &mut ports);
        let program = compile(file, &bridge.name, &ports, &TimeContext::widest(file));
        let executed: Vec<Flow> = program.reactive().map(Learner::as_written).collect();
        let [.., a, b, c, d, e, f] = STRANGER.to_be_bytes();
        let (program, _) = program.with_leases([a, b, c, d, e, f]);
        let (mut flows, origins) = program.into_whole();
        // The controller's work for a switch is included.
        for written in executed {
            flows
                .iter_mut()
                .filter(|flow| flow.key() == written.key())
                .for_each(|flow| *flow = written.clone());
        }
        BridgeFlows { name: &bridge.name, ports, flows, origins, foreign: HashSet::new() }
    });
    bridges.collect()
}

/// Returns a bridge without the flows of some crossings.
pub(in crate::verify) fn without<'a>(bridge: &BridgeFlows<'a>, crossings: &[String]) -> BridgeFlows<'a> {
    without_flows(bridge, |flow| {
        let origin = bridge.origin(flow);
        origin.is_some_and(|o| o.kind == OriginKind::Crossing && crossings.contains(&o.rule))
    })
}

/// Returns whether a flow may be absent: a window closes, and a crossing expires.
pub(in crate::verify) fn is_temporary(file: &NetworkFile, bridge: &BridgeFlows<'_>, flow: &Flow) -> bool {
    let Some(origin) = bridge.origin(flow) else { return false };
    is_of_window(file, bridge, flow)
        || file.crossings.iter().any(|crossing| crossing.name == origin.rule && crossing.expires.is_some())
}

/// Returns whether a flow is there only while a window is open.
pub(in crate::verify) fn is_of_window(file: &NetworkFile, bridge: &BridgeFlows<'_>, flow: &Flow) -> bool {
    let Some(origin) = bridge.origin(flow) else { return false };
    file.allows.iter().any(|allow| allow.name == origin.rule && allow.temp.is_some())
}

/// Returns a bridge without some flows.
pub(in crate::verify) fn without_flows<'a>(
    bridge: &BridgeFlows<'a>,
    gone: impl Fn(&Flow) -> bool,
) -> BridgeFlows<'a> {
    let mut bridge = bridge.clone();
    bridge.flows.retain(|flow| !gone(flow));
    bridge
}
