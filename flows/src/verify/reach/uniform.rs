//! Whether every packet of a question fares like the plain one.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::FlowMatch;
use ipnetwork::IpNetwork;
use ofproto::oxm::Field;
use ofproto::{MacAddr, ethertype, ip_protocol};

use super::cases::Case;
use super::question::Question;
use super::states::without_learning;
use crate::network::{NetworkFile, Protocol};
use crate::verify::bridge_flows::BridgeFlows;
use crate::verify::delivery::deliver;
use crate::verify::interp::{Packet, Pipeline, TCP_ACK, TCP_SYN, VLAN_PRESENT};
use crate::verify::proof::Budget;
use crate::verify::symbolic::{Asked, Engine};
use crate::verify::topology::Topology;

/// The class of the only sender.
const SENDER: u16 = 1;
/// The bit of a MAC address that is 1 for groups (IEEE 802).
const GROUP: u128 = 0x0100_0000_0000;

/// The headers by which packets of a question differ.
const HEADERS: [Field; 9] = [
    Field::EthType,
    Field::Ipv6Src,
    Field::Ipv6Dst,
    Field::IpProto,
    Field::IpFrag,
    Field::IpDscpShifted,
    Field::TcpSrc,
    Field::TcpDst,
    Field::TcpFlags,
];

/// How the packets of a question compare with the plain one.
#[derive(Debug, Clone)]
pub(super) enum Uniformity {
    /// All fare like it.
    All,
    /// This one does not.
    Except(Box<Packet>),
    /// It is not known, with the reasons.
    Unknown(Vec<String>),
}

/// A question with the plain packet that was sent for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried<'q> {
    pub(super) question: &'q Question,
    pub(super) case: &'q Case,
    pub(super) plain: &'q Packet,
    pub(super) passes: bool,
}

/// Compares all packets of a question with the plain one. They open connections, so the flows learn
/// nothing.
pub(super) fn uniformity(
    file: &NetworkFile,
    bridges: &[BridgeFlows<'_>],
    tried: Tried<'_>,
    budget: Budget,
) -> Uniformity {
    let forgetful = without_learning(bridges);
    let macs = [Field::EthSrc, Field::EthDst];
    match compare(file, &forgetful, tried, &macs, budget) {
        // A bridge may write MAC addresses of its own, by which packets look as if they were lost.
        Uniformity::Unknown(reasons) => match compare(file, &forgetful, tried, &[], budget) {
            Uniformity::All => Uniformity::Unknown(vec![
                "all have this verdict, but a bridge on the way rewrites MAC addresses, of which one pair was \
                 tried"
                    .to_owned(),
            ]),
            Uniformity::Except(packet) => Uniformity::Except(packet),
            Uniformity::Unknown(_) => Uniformity::Unknown(reasons),
        },
        known => known,
    }
}

/// Compares all packets of a question by their headers and some more fields.
fn compare(
    file: &NetworkFile,
    bridges: &[BridgeFlows<'_>],
    Tried { question, case, plain, passes }: Tried<'_>,
    more: &[Field],
    budget: Budget,
) -> Uniformity {
    let topology = Topology::new(file, bridges);
    let (sender, receiver) = (case.sender.place, case.receiver.place);
    let mut world = topology.world(|_, _| false);
    // A host that forwards sends packets of its own.
    world.forwarders = Vec::new();
    world.sources = BTreeMap::from([(sender, SENDER)]);
    world.start = start(question, case, plain);
    let asked = Asked::about(HEADERS.iter().chain(more).copied());
    let mut engine = Engine::new(&world, &asked, budget.0);
    engine.run();
    let sent = engine.sent(sender, SENDER);
    let arrived = engine.arrived(receiver, &BTreeSet::from([SENDER]));
    let mut others = match passes {
        true => engine.except(sent, arrived),
        false => engine.both(sent, arrived),
    };
    // An address that somebody has for its own belongs to another question.
    for taken in taken(file, case) {
        let theirs = engine.among(others, &taken);
        others = engine.except(others, theirs);
    }
    let gaps: Vec<String> = engine.gaps().map(|gap| format!("the engine does not know {gap}")).collect();
    if !gaps.is_empty() {
        return Uniformity::Unknown(gaps);
    }
    if others.is_false() {
        return Uniformity::All;
    }
    let Some((packet, _)) = engine.plain_packet(others) else {
        return Uniformity::Unknown(vec!["no packet of another verdict was found".to_owned()]);
    };
    let pipelines: Vec<Pipeline> = bridges.iter().map(|b| Pipeline::new(b.flows.clone())).collect();
    let delivery = deliver(&topology, &pipelines, sender, &packet, receiver);
    match delivery.arrived.is_some() == passes {
        false => Uniformity::Except(Box::new(packet)),
        true => Uniformity::Unknown(vec![format!(
            "the interpreter does not confirm another verdict for {}",
            packet.to_text(Some(sender.1))
        )]),
    }
}

/// Returns what every packet of a question looks like.
fn start(question: &Question, case: &Case, plain: &Packet) -> FlowMatch {
    let is_v4 = case.prefixes.0.is_ipv4();
    let kind = if is_v4 { ethertype::IPV4 } else { ethertype::IPV6 };
    let mut start = FlowMatch::any().with(Field::EthType, kind.into()).with(Field::IpFrag, 0);
    let vlan = plain.value(Field::VlanVid).unwrap_or_default();
    start = start.with(Field::VlanVid, vlan & (VLAN_PRESENT | 0xfff));
    let pinned = [(Field::EthSrc, question.mac.or(case.sender.mac)), (Field::EthDst, case.receiver.mac)];
    for (field, mac) in pinned {
        start = match mac {
            Some(mac) => start.with(field, MacAddr(mac).bits()),
            None => start.with_masked(field, 0, GROUP),
        };
    }
    let fields = if is_v4 { [Field::Ipv4Src, Field::Ipv4Dst] } else { [Field::Ipv6Src, Field::Ipv6Dst] };
    for (field, prefix) in fields.into_iter().zip([case.prefixes.0, case.prefixes.1]) {
        let (value, mask) = match prefix {
            IpNetwork::V4(v4) => (u32::from(v4.network()).into(), u32::from(v4.mask()).into()),
            IpNetwork::V6(v6) => (v6.network().into(), v6.mask().into()),
        };
        start = start.with_masked(field, value, mask);
    }
    let ported = |start: FlowMatch, protocol: u8, [src, dst]: [Field; 2]| {
        let mut start = start.with(Field::IpProto, protocol.into());
        if let Some(port) = question.from_port {
            start = start.with(src, port.into());
        }
        match question.service.port {
            Some(port) => start.with(dst, port.into()),
            None => start,
        }
    };
    match question.service.protocol {
        Protocol::Tcp => ported(start, ip_protocol::TCP, [Field::TcpSrc, Field::TcpDst]).with_masked(
            Field::TcpFlags,
            TCP_SYN.into(),
            (TCP_SYN | TCP_ACK).into(),
        ),
        Protocol::Udp => ported(start, ip_protocol::UDP, [Field::UdpSrc, Field::UdpDst]),
        Protocol::Sctp => ported(start, ip_protocol::SCTP, [Field::SctpSrc, Field::SctpDst]),
        Protocol::Icmp => {
            let (protocol, fields) = match is_v4 {
                true => (ip_protocol::ICMP, [Field::Icmpv4Type, Field::Icmpv4Code]),
                false => (ip_protocol::ICMPV6, [Field::Icmpv6Type, Field::Icmpv6Code]),
            };
            let echo = if is_v4 { 8 } else { 128 };
            let [kind, code] = fields;
            start.with(Field::IpProto, protocol.into()).with(kind, echo).with(code, 0)
        }
        _ => start,
    }
}

/// Returns the packets with addresses of a prefix that somebody else has for its own.
fn taken(file: &NetworkFile, case: &Case) -> Vec<FlowMatch> {
    let owned =
        file.endpoints.iter().flat_map(|endpoint| &endpoint.attachments).flat_map(|plug| &plug.addresses);
    let hops = file.exits.iter().flat_map(|exit| &exit.next_hop);
    let gateways = file.networks.iter().flat_map(|network| &network.gateway);
    let mut taken = Vec::new();
    for address in owned.chain(hops).chain(gateways) {
        let is_v4 = address.is_ipv4();
        let fields = if is_v4 { [Field::Ipv4Src, Field::Ipv4Dst] } else { [Field::Ipv6Src, Field::Ipv6Dst] };
        let own = [case.plain.from, case.plain.to];
        let prefixes = [case.prefixes.0, case.prefixes.1];
        for ((field, prefix), own) in fields.into_iter().zip(prefixes).zip(own) {
            if prefix.contains(*address) && own != *address {
                let value = match address {
                    std::net::IpAddr::V4(v4) => u32::from(*v4).into(),
                    std::net::IpAddr::V6(v6) => (*v6).into(),
                };
                taken.push(FlowMatch::any().with(field, value));
            }
        }
    }
    taken
}
