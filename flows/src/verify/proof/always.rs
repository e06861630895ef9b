//! Decides what must be able to talk: the first packet of a connection, without learned flows.

use super::report::Verdict;
use crate::network::{Always, NetworkFile};
use crate::verify::bridge_flows::BridgeFlows;
use crate::verify::delivery::deliver;
use crate::verify::interp::{Packet, Pipeline};
use crate::verify::sides::{Plain, Side, TO_PORT, first_free, sides};
use crate::verify::topology::Topology;
use crate::verify::witness::Witness;

/// Decides one assertion: each sender can open each connection to each receiver.
pub(super) fn decide(file: &NetworkFile, bridges: &[BridgeFlows<'_>], always: &Always) -> Verdict {
    let topology = Topology::new(file, bridges);
    let pipelines: Vec<Pipeline> = bridges.iter().map(|bridge| Pipeline::new(bridge.flows.clone())).collect();
    let (mut tried, mut witnesses) = (0, Vec::new());
    for sender in always.from.iter().flat_map(|name| sides(file, &topology, name)) {
        for receiver in always.to.iter().flat_map(|name| sides(file, &topology, name)) {
            if sender.place == receiver.place {
                continue;
            }
            for packet in packets(file, always, &sender, &receiver) {
                tried += 1;
                let delivery = deliver(&topology, &pipelines, sender.place, &packet, receiver.place);
                if delivery.arrived.is_none() && witnesses.is_empty() {
                    let hops = delivery.explained(&topology, &pipelines);
                    witnesses.push(Witness { assertion: always.name.clone(), openers: Vec::new(), hops });
                }
            }
        }
    }
    match (tried, witnesses.is_empty()) {
        (0, _) => Verdict::Unknown {
            reasons: vec!["no sender and receiver have addresses of one family".to_owned()],
        },
        (_, true) => Verdict::Holds,
        (_, false) => Verdict::Violated { witnesses },
    }
}

/// Returns the first packets of the connections that an assertion names.
fn packets(file: &NetworkFile, always: &Always, sender: &Side, receiver: &Side) -> Vec<Packet> {
    let ports = if always.ports.is_empty() { vec![TO_PORT] } else { always.ports.clone() };
    let mut packets = Vec::new();
    for from in sender.addresses.iter().map(|prefix| first_free(file, prefix)) {
        for to in receiver.addresses.iter().map(|prefix| first_free(file, prefix)) {
            let plain = Plain::between(sender, receiver, from, to);
            for port in &ports {
                let plain = Plain { ports: (plain.ports.0, *port), ..plain };
                packets.extend(plain.packets(always.protocol));
            }
        }
    }
    packets
}
