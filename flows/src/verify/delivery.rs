//! Sends one packet over the wires between bridges until it arrives, with the interpreter.

use ofproto::PortNo;

use super::explain::Explainer;
use super::interp::{Outcome, Output, Packet, Pipeline};
use super::symbolic::BridgePort;
use super::topology::Topology;
use super::witness::WitnessHop;

/// The maximum number of bridges on the way of a packet.
const MAX_HOPS: usize = 32;

/// The way of a packet through one bridge.
#[derive(Debug, Clone)]
pub(in crate::verify) struct Hop {
    pub(in crate::verify) place: BridgePort,
    /// The packet as it comes in.
    pub(in crate::verify) packet: Packet,
    pub(in crate::verify) outcome: Outcome,
    /// The port by which it leaves; ANY if it does not.
    pub(in crate::verify) out: PortNo,
}

/// The way of a packet: all of it if it arrives, otherwise the longest part.
#[derive(Debug, Clone)]
pub(in crate::verify) struct Delivery {
    /// The packet as it arrives.
    pub(in crate::verify) arrived: Option<Packet>,
    pub(in crate::verify) hops: Vec<Hop>,
    /// Why the interpreter cannot tell whether it arrives; empty if it can.
    pub(in crate::verify) doubts: Vec<String>,
}

impl Delivery {
    /// Returns the hops with the rules behind them.
    pub(in crate::verify) fn explained(
        &self,
        topology: &Topology<'_>,
        pipelines: &[Pipeline],
    ) -> Vec<WitnessHop> {
        let explainer = Explainer { world: topology, pipelines };
        let hops = self.hops.iter();
        hops.map(|hop| explainer.hop(hop.place, &hop.packet, false, hop.out, &hop.outcome.path)).collect()
    }
}

/// Sends a packet from one place to another.
pub(in crate::verify) fn deliver(
    topology: &Topology<'_>,
    pipelines: &[Pipeline],
    from: BridgePort,
    packet: &Packet,
    to: BridgePort,
) -> Delivery {
    let mut open: Vec<(BridgePort, Packet, Vec<Hop>)> = vec![(from, packet.clone(), Vec::new())];
    let (mut longest, mut doubts): (Vec<Hop>, Vec<String>) = (Vec::new(), Vec::new());
    while let Some((place, packet, hops)) = open.pop() {
        let Some(pipeline) = pipelines.get(place.0) else { continue };
        let outcome = pipeline.run(place.1, &packet);
        let bridge = topology.bridge_name(place.0);
        doubts.extend(outcome.unsupported.iter().map(|what| format!("{bridge}: {what}")));
        let mut left: Vec<(PortNo, Packet)> = Vec::new();
        for (output, packet) in &outcome.outputs {
            match output {
                Output::Port(port) | Output::InPort(port) => left.push((*port, packet.clone())),
                Output::Flood | Output::All => {
                    let others = topology.ports(place.0).filter(|port| *port != place.1);
                    left.extend(others.map(|port| (port, packet.clone())));
                }
                Output::Normal => doubts
                    .push(format!("{bridge}: where NORMAL sends it depends on what the switch has learned")),
                Output::Controller => {}
            }
        }
        let through = |out: PortNo| {
            let hop = Hop { place, packet: packet.clone(), outcome: outcome.clone(), out };
            hops.iter().cloned().chain([hop]).collect::<Vec<Hop>>()
        };
        if let Some((port, packet)) = left.iter().find(|(port, _)| (place.0, *port) == to) {
            return Delivery { arrived: Some(packet.clone()), hops: through(*port), doubts: Vec::new() };
        }
        if hops.len() >= longest.len() {
            longest = through(left.first().map_or(PortNo::ANY, |(port, _)| *port));
        }
        if hops.len() < MAX_HOPS {
            let onward = left.iter().filter_map(|(port, packet)| {
                Some((topology.wire((place.0, *port))?, packet.clone(), through(*port)))
            });
            open.extend(onward.collect::<Vec<_>>());
        }
    }
    doubts.sort();
    doubts.dedup();
    Delivery { arrived: None, hops: longest, doubts }
}
