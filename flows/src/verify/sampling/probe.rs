//! The packets to try at a port: families of packets, each a tree of choices. If no flow examined
//! the fields of a choice, its other branches take the same path and are not run.

use std::collections::BTreeSet;

use ofproto::ip_protocol::{ICMP, ICMPV6, SCTP, TCP, UDP};
use ofproto::oxm::Field;
use ofproto::{ethertype, icmpv6};

use super::packet_tracer::PacketTracer;
use super::values::{OTHER_PORT, OTHER_STRANGER, ProbeValues, STRANGER};
use crate::verify::interp::{FieldSet, Packet, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, VLAN_PRESENT};
use crate::verify::symbolic::BridgePort;
use crate::verify::topology::Topology;

/// The fields that one branch of a choice sets.
type ProbeBranch = Vec<(Field, u128)>;

/// A choice among branches.
struct ProbeChoice {
    /// The fields that distinguish its branches.
    fields: FieldSet,
    branches: Vec<ProbeBranch>,
}

impl ProbeChoice {
    fn of(field: Field, values: impl IntoIterator<Item = u128>) -> Self {
        Self::between(values.into_iter().map(|v| vec![(field, v)]).collect())
    }

    fn between(branches: Vec<ProbeBranch>) -> Self {
        let mut fields = FieldSet::EMPTY;
        branches.iter().flatten().for_each(|(field, _)| fields.insert(*field));
        Self { fields, branches }
    }
}

/// Tries all packets at a port.
pub(in crate::verify::sampling) fn from_port(
    world: &Topology<'_>,
    values: &ProbeValues,
    source: BridgePort,
    follower: &mut PacketTracer<'_, '_>,
) {
    let own = world.mac(source).unwrap_or(OTHER_STRANGER);
    let mut thin = |set, first: &[u128]| {
        let (list, thinned) = ProbeValues::thinned(set, first);
        if thinned {
            follower.incomplete("there are too many values of a kind to try them all");
        }
        list
    };
    let src_macs = thin(&values.macs, &[own]);
    let dst_macs = thin(&values.dst_macs, &[STRANGER]);
    let v4 = thin(&values.v4, &[]);
    let v6 = thin(&values.v6, &[]);
    let tags = std::iter::once(vec![(Field::VlanVid, 0)])
        .chain(values.vids.iter().map(|vid| vec![(Field::VlanVid, VLAN_PRESENT | vid), (Field::VlanPcp, 0)]));
    let ethernet = || {
        [
            ProbeChoice::of(Field::EthSrc, src_macs.iter().copied()),
            ProbeChoice::between(tags.clone().collect()),
            ProbeChoice::of(Field::EthDst, dst_macs.iter().copied()),
        ]
    };
    let any = [0; 6];
    let mut run = |base: Packet, choices: Vec<ProbeChoice>| {
        let choices: Vec<ProbeChoice> = ethernet().into_iter().chain(choices).collect();
        explore(&base, &choices, follower);
    };

    let ip4 = Packet::ipv4(any, any, [0; 4].into(), [0; 4].into(), 0);
    let ip6 = Packet::ipv6(any, any, 0.into(), 0.into(), 0);
    for (base, src, dst, addresses) in
        [(&ip4, Field::Ipv4Src, Field::Ipv4Dst, &v4), (&ip6, Field::Ipv6Src, Field::Ipv6Dst, &v6)]
    {
        let is_v6 = src == Field::Ipv6Src;
        for (proto, transport) in transports(values, is_v6) {
            let ends = [src, dst].map(|field| ProbeChoice::of(field, addresses.iter().copied()));
            run(base.clone().with(Field::IpProto, proto), ends.into_iter().chain(transport).collect());
        }
    }
    for (kind, link_layer) in [(135, Field::NdSll), (136, Field::NdTll)] {
        run(
            ip6.clone().icmpv6(kind, 0).with(Field::IpTtl, 255),
            vec![
                ProbeChoice::of(Field::Ipv6Src, v6.iter().copied()),
                ProbeChoice::of(Field::Ipv6Dst, v6.iter().copied()),
                ProbeChoice::of(Field::NdTarget, v6.iter().copied()),
                ProbeChoice::of(link_layer, src_macs.iter().copied()),
            ],
        );
    }
    let arp = Packet::arp(any, any, 1, [0; 4].into(), [0; 4].into());
    run(
        arp,
        vec![
            ProbeChoice::of(Field::ArpSpa, v4.iter().copied()),
            ProbeChoice::of(Field::ArpTpa, v4.iter().copied()),
            ProbeChoice::of(Field::ArpOp, [1, 2]),
            ProbeChoice::of(Field::ArpSha, src_macs.iter().copied()),
        ],
    );
    let known = [ethertype::ARP, ethertype::IPV4, ethertype::IPV6].map(u128::from);
    let others = values.eth_types.iter().copied().filter(|t| !known.contains(t));
    run(Packet::default(), vec![ProbeChoice::of(Field::EthType, others)]);
}

/// Traces a packet for each path through the choices; returns the fields that mattered.
fn explore(packet: &Packet, choices: &[ProbeChoice], follower: &mut PacketTracer<'_, '_>) -> FieldSet {
    let Some((choice, rest)) = choices.split_first() else {
        return follower.follow(packet);
    };
    let mut mattered = FieldSet::EMPTY;
    for (n, branch) in choice.branches.iter().enumerate() {
        let mut packet = packet.clone();
        for (field, value) in branch {
            packet.put(*field, *value);
        }
        mattered = mattered.union(explore(&packet, rest, follower));
        if !mattered.intersects(choice.fields) {
            let like_it = choice.branches.len() - n - 1;
            let each: usize = rest.iter().map(|c| c.branches.len()).product();
            follower.considered(like_it.saturating_mul(each));
            break;
        }
    }
    mattered
}

/// Returns the protocols behind the IP header, each with its choices.
fn transports(values: &ProbeValues, v6: bool) -> Vec<(u128, Vec<ProbeChoice>)> {
    let flags = [TCP_SYN, TCP_ACK, TCP_SYN | TCP_ACK, TCP_RST, TCP_FIN | TCP_ACK, 0].map(u128::from);
    let mut tcp = ports(Field::TcpSrc, Field::TcpDst, &values.tcp);
    tcp.push(ProbeChoice::of(Field::TcpFlags, flags));
    let udp = ports(Field::UdpSrc, Field::UdpDst, &values.udp);
    let sctp = ports(Field::SctpSrc, Field::SctpDst, &values.sctp);
    let (icmp, kind, code, kinds) = if v6 {
        (ICMPV6, Field::Icmpv6Type, Field::Icmpv6Code, &values.icmpv6)
    } else {
        (ICMP, Field::Icmpv4Type, Field::Icmpv4Code, &values.icmp)
    };
    // Neighbour discovery has a family of its own.
    let nd = [icmpv6::NEIGHBOUR_SOLICITATION, icmpv6::NEIGHBOUR_ADVERTISEMENT].map(u128::from);
    let kinds = kinds.iter().copied().filter(|k| !(v6 && nd.contains(k)));
    let messages = ProbeChoice::between(kinds.map(|k| vec![(kind, k), (code, 0)]).collect());
    // A later fragment has no ports.
    let fragment = || vec![ProbeChoice::of(Field::IpFrag, [3])];
    let all =
        [(TCP, tcp), (UDP, udp), (SCTP, sctp), (icmp, vec![messages]), (UDP, fragment()), (TCP, fragment())];
    let mut all: Vec<_> =
        all.into_iter().map(|(protocol, choices)| (u128::from(protocol), choices)).collect();
    let with_fields = [ICMP, TCP, UDP, ICMPV6, SCTP].map(u128::from);
    let plain = values.ip_protos.iter().copied().filter(|p| !with_fields.contains(p));
    all.extend(plain.map(|p| (p, Vec::new())));
    all
}

/// Returns the choices of source and destination port, each as a named and as an unnamed value.
/// With very many named ports, only one of the two is named: an answer has the question's ports,
/// exchanged.
fn ports(src: Field, dst: Field, named: &BTreeSet<u128>) -> Vec<ProbeChoice> {
    const FEW: usize = 12;
    if named.len() <= FEW {
        return vec![
            ProbeChoice::of(src, named.iter().copied()),
            ProbeChoice::of(dst, named.iter().copied()),
        ];
    }
    let pairs = named.iter().flat_map(|&p| [(OTHER_PORT, p), (p, OTHER_PORT), (p, p)]);
    vec![ProbeChoice::between(pairs.map(|(s, d)| vec![(src, s), (dst, d)]).collect())]
}
