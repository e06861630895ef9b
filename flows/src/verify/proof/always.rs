//! Decides what must be able to talk: the first packet of a connection, without learned flows.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use ofproto::{PortNo, ip_protocol};

use super::report::Verdict;
use crate::network::{Always, NetworkFile, Party, Protocol};
use crate::verify::bridge_flows::BridgeFlows;
use crate::verify::explain::Explainer;
use crate::verify::interp::{Output, Packet, Pipeline, TCP_SYN};
use crate::verify::symbolic::BridgePort;
use crate::verify::topology::Topology;
use crate::verify::witness::{Witness, WitnessHop};

/// Ports of a plain connection where the assertion names none.
const FROM_PORT: u16 = 40_009;
const TO_PORT: u16 = 443;
/// Addresses outside, for exits (RFC 5737, RFC 3849).
const OUTSIDE: [&str; 2] = ["203.0.113.8/32", "2001:db8:ffff::8/128"];
/// MAC addresses of hosts whose address the file does not pin (RFC 7042 §2.1.2).
const MACS: [[u8; 6]; 2] = [[2, 0, 0x5e, 0, 0x53, 7], [2, 0, 0x5e, 0, 0x53, 8]];
/// The maximum number of bridges on the way of a packet.
const MAX_HOPS: usize = 32;

/// A party's place, and its addresses there.
struct Side {
    place: BridgePort,
    mac: Option<[u8; 6]>,
    addresses: Vec<IpNetwork>,
}

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
            for packet in packets(always, &sender, &receiver) {
                tried += 1;
                let hops = send(&topology, &pipelines, sender.place, &packet, receiver.place);
                if let Err(hops) = hops
                    && witnesses.is_empty()
                {
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

/// Returns the places of a party, or of the endpoints of a network.
fn sides(file: &NetworkFile, topology: &Topology<'_>, name: &str) -> Vec<Side> {
    let outside = || OUTSIDE.iter().filter_map(|address| address.parse().ok()).collect::<Vec<IpNetwork>>();
    let exit = |exit: &crate::network::Exit, addresses: Vec<IpNetwork>| {
        let place = topology.port(&exit.bridge, &exit.port)?;
        Some(Side { place, mac: None, addresses })
    };
    let plugs = |wanted: &dyn Fn(&crate::network::Endpoint, &crate::network::Attachment) -> bool| {
        let all = file
            .endpoints
            .iter()
            .flat_map(|endpoint| endpoint.attachments.iter().map(move |plug| (endpoint, plug)));
        let sides = all.filter(|(endpoint, plug)| wanted(endpoint, plug)).filter_map(|(_, plug)| {
            let bridge = &file.network(&plug.network)?.bridge;
            let place = topology.port(bridge, &plug.port)?;
            let addresses = plug.addresses.iter().map(|address| IpNetwork::from(*address)).collect();
            Some(Side { place, mac: plug.mac, addresses })
        });
        sides.collect::<Vec<Side>>()
    };
    match file.party(name) {
        Some(Party::Endpoint(endpoint)) => plugs(&|known, _| known.name == endpoint.name),
        Some(Party::Network(network)) => plugs(&|_, plug| plug.network == network.name),
        Some(Party::Exit(of)) => exit(of, outside()).into_iter().collect(),
        Some(Party::Outside(named, of)) => exit(of, named.addresses.clone()).into_iter().collect(),
        Some(Party::Link(link)) => link
            .ends
            .iter()
            .filter_map(|end| {
                let crate::network::LinkRole::Network { behind, .. } = &end.role else { return None };
                Some(Side {
                    place: topology.port(&end.bridge, &end.port)?,
                    mac: None,
                    addresses: behind.clone(),
                })
            })
            .collect(),
        None => Vec::new(),
    }
}

/// Returns the first packets of the connections that an assertion names.
fn packets(always: &Always, sender: &Side, receiver: &Side) -> Vec<Packet> {
    let first = |network: &IpNetwork| match network {
        IpNetwork::V4(v4) => {
            IpAddr::from(v4.nth(u32::from(v4.prefix() < 31)).unwrap_or_else(|| v4.network()))
        }
        IpNetwork::V6(v6) => IpAddr::from(v6.network()),
    };
    let ports = if always.ports.is_empty() { vec![TO_PORT] } else { always.ports.clone() };
    let mut packets = Vec::new();
    for from in sender.addresses.iter().map(first) {
        for to in receiver.addresses.iter().map(first) {
            let macs = (sender.mac.unwrap_or(MACS[0]), receiver.mac.unwrap_or(MACS[1]));
            let ip = |protocol: u8| match (from, to) {
                (IpAddr::V4(from), IpAddr::V4(to)) => Some(Packet::ipv4(macs.0, macs.1, from, to, protocol)),
                (IpAddr::V6(from), IpAddr::V6(to)) => Some(Packet::ipv6(macs.0, macs.1, from, to, protocol)),
                _ => None,
            };
            for port in &ports {
                let tcp = ip(ip_protocol::TCP).map(|packet| packet.tcp(FROM_PORT, *port, TCP_SYN));
                let udp = ip(ip_protocol::UDP).map(|packet| packet.udp(FROM_PORT, *port));
                let sctp = ip(ip_protocol::SCTP).map(|packet| packet.sctp(FROM_PORT, *port));
                let echo = match from {
                    IpAddr::V4(_) => ip(ip_protocol::ICMP).map(|packet| packet.icmp(8, 0)),
                    IpAddr::V6(_) => ip(ip_protocol::ICMPV6).map(|packet| packet.icmpv6(128, 0)),
                };
                match always.protocol {
                    Protocol::Tcp => packets.extend(tcp),
                    Protocol::Udp => packets.extend(udp),
                    Protocol::Sctp => packets.extend(sctp),
                    Protocol::Icmp => packets.extend(echo),
                    _ => packets.extend([tcp, udp, echo].into_iter().flatten()),
                }
            }
        }
    }
    packets
}

/// Sends a packet. Returns its hops as an error if it does not arrive.
fn send(
    topology: &Topology<'_>,
    pipelines: &[Pipeline],
    from: BridgePort,
    packet: &Packet,
    to: BridgePort,
) -> Result<(), Vec<WitnessHop>> {
    let mut open = vec![(from, packet.clone(), Vec::new())];
    let mut lost = Vec::new();
    while let Some((place, packet, hops)) = open.pop() {
        let Some(pipeline) = pipelines.get(place.0) else { continue };
        let outcome = pipeline.run(place.1, &packet);
        let explained = Explainer { world: topology, pipelines };
        let mut ports: Vec<(PortNo, Packet)> = Vec::new();
        for (output, packet) in &outcome.outputs {
            match output {
                Output::Port(port) | Output::InPort(port) => ports.push((*port, packet.clone())),
                // Where NORMAL sends it depends on what the switch has learned.
                _ => {}
            }
        }
        if ports.iter().any(|(port, _)| (place.0, *port) == to) {
            return Ok(());
        }
        let hop =
            |out| [hops.clone(), vec![explained.hop(place, &packet, false, out, &outcome.path)]].concat();
        if lost.is_empty() {
            lost = hop(ports.first().map_or(PortNo::ANY, |(port, _)| *port));
        }
        if hops.len() < MAX_HOPS {
            let onward = ports.iter().filter_map(|(port, packet)| {
                Some((topology.wire((place.0, *port))?, packet.clone(), hop(*port)))
            });
            open.extend(onward.collect::<Vec<_>>());
        }
    }
    Err(lost)
}
