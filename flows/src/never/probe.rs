//! The packets that are tried at a port: families of packets, each a tree of choices. Where nothing looked at
//! what a choice changes, its other branches go the same way and are not run.

use ofproto::oxm::Field;

use super::follow::Follower;
use super::values::{OTHER_PORT, OTHER_STRANGER, STRANGER, Values};
use super::world::{Place, World};
use crate::interp::{
    ETH_ARP, ETH_IPV4, ETH_IPV6, FieldSet, Packet, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, VLAN_PRESENT,
};

/// What one branch of a choice sets.
type Branch = Vec<(Field, u128)>;

/// A choice among branches.
struct Choice {
    /// The fields that tell its branches apart.
    fields: FieldSet,
    branches: Vec<Branch>,
}

impl Choice {
    fn of(field: Field, values: impl IntoIterator<Item = u128>) -> Self {
        Self::between(values.into_iter().map(|v| vec![(field, v)]).collect())
    }

    fn between(branches: Vec<Branch>) -> Self {
        let mut fields = FieldSet::EMPTY;
        branches.iter().flatten().for_each(|(field, _)| fields.insert(*field));
        Self { fields, branches }
    }
}

/// Tries everything at a port.
pub(super) fn from_port(world: &World<'_>, values: &Values, source: Place, follower: &mut Follower<'_, '_>) {
    let own = world.mac(source).unwrap_or(OTHER_STRANGER);
    let mut thin = |set, first: &[u128]| {
        let (list, thinned) = Values::thinned(set, first);
        if thinned {
            follower.incomplete("there are too many values of a kind to try them all");
        }
        list
    };
    let src_macs = thin(&values.macs, &[own]);
    let dst_macs = thin(&values.macs, &[STRANGER]);
    let v4 = thin(&values.v4, &[]);
    let v6 = thin(&values.v6, &[]);
    let tags = std::iter::once(vec![(Field::VlanVid, 0)]).chain(
        values.vids.iter().map(|vid| vec![(Field::VlanVid, VLAN_PRESENT | vid), (Field::VlanPcp, 0)]),
    );
    let ethernet = || {
        [
            Choice::of(Field::EthSrc, src_macs.iter().copied()),
            Choice::between(tags.clone().collect()),
            Choice::of(Field::EthDst, dst_macs.iter().copied()),
        ]
    };
    let any = [0; 6];
    let mut run = |base: Packet, choices: Vec<Choice>| {
        let choices: Vec<Choice> = ethernet().into_iter().chain(choices).collect();
        explore(&base, &choices, follower);
    };

    let ip4 = Packet::ipv4(any, any, [0; 4].into(), [0; 4].into(), 0);
    run(
        ip4,
        vec![
            Choice::of(Field::Ipv4Src, v4.iter().copied()),
            Choice::of(Field::Ipv4Dst, v4.iter().copied()),
            Choice::between(transports(values, false)),
        ],
    );
    let ip6 = Packet::ipv6(any, any, 0.into(), 0.into(), 0);
    run(
        ip6.clone(),
        vec![
            Choice::of(Field::Ipv6Src, v6.iter().copied()),
            Choice::of(Field::Ipv6Dst, v6.iter().copied()),
            Choice::between(transports(values, true)),
        ],
    );
    for (kind, link_layer) in [(135, Field::NdSll), (136, Field::NdTll)] {
        run(
            ip6.clone().icmpv6(kind, 0).with(Field::IpTtl, 255),
            vec![
                Choice::of(Field::Ipv6Src, v6.iter().copied()),
                Choice::of(Field::Ipv6Dst, v6.iter().copied()),
                Choice::of(Field::NdTarget, v6.iter().copied()),
                Choice::of(link_layer, src_macs.iter().copied()),
            ],
        );
    }
    let arp = Packet::arp(any, any, 1, [0; 4].into(), [0; 4].into());
    run(
        arp,
        vec![
            Choice::of(Field::ArpSpa, v4.iter().copied()),
            Choice::of(Field::ArpTpa, v4.iter().copied()),
            Choice::of(Field::ArpOp, [1, 2]),
            Choice::of(Field::ArpSha, src_macs.iter().copied()),
        ],
    );
    let known = [ETH_ARP, ETH_IPV4, ETH_IPV6].map(u128::from);
    let others = values.eth_types.iter().copied().filter(|t| !known.contains(t));
    run(Packet::default(), vec![Choice::of(Field::EthType, others)]);
}

/// Follows a packet for each way through the choices; says which fields mattered.
fn explore(packet: &Packet, choices: &[Choice], follower: &mut Follower<'_, '_>) -> FieldSet {
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

/// What stands behind the IP header. Source ports are tried where destination ports are not and the other way
/// round: an answer's are the question's, exchanged.
fn transports(values: &Values, v6: bool) -> Vec<Branch> {
    let mut branches = Vec::new();
    let ports = |named: &std::collections::BTreeSet<u128>| {
        let mut pairs = vec![(OTHER_PORT, OTHER_PORT)];
        for port in named.iter().copied().filter(|p| *p != OTHER_PORT) {
            pairs.extend([(OTHER_PORT, port), (port, OTHER_PORT), (port, port)]);
        }
        pairs
    };
    for (src, dst) in ports(&values.tcp) {
        for flags in [TCP_SYN, TCP_ACK, TCP_SYN | TCP_ACK, TCP_RST, TCP_FIN | TCP_ACK, 0] {
            branches.push(vec![
                (Field::IpProto, 6),
                (Field::TcpSrc, src),
                (Field::TcpDst, dst),
                (Field::TcpFlags, flags.into()),
            ]);
        }
    }
    for (proto, from, to, named) in [
        (17, Field::UdpSrc, Field::UdpDst, &values.udp),
        (132, Field::SctpSrc, Field::SctpDst, &values.sctp),
    ] {
        branches.extend(ports(named).into_iter().map(|(s, d)| vec![(Field::IpProto, proto), (from, s), (to, d)]));
    }
    // DHCP and DHCPv6, both ways.
    for (a, b) in [(67, 68), (68, 67), (546, 547), (547, 546)] {
        branches.push(vec![(Field::IpProto, 17), (Field::UdpSrc, a), (Field::UdpDst, b)]);
    }
    // Later fragments.
    for (proto, from, to) in [(6, Field::TcpSrc, Field::TcpDst), (17, Field::UdpSrc, Field::UdpDst)] {
        let mut branch = vec![(Field::IpProto, proto), (from, 0), (to, 0), (Field::IpFrag, 3)];
        if proto == 6 {
            branch.push((Field::TcpFlags, 0));
        }
        branches.push(branch);
    }
    let (proto, kind, code, kinds) = if v6 {
        (58, Field::Icmpv6Type, Field::Icmpv6Code, &values.icmpv6)
    } else {
        (1, Field::Icmpv4Type, Field::Icmpv4Code, &values.icmp)
    };
    // Neighbour discovery has a family of its own.
    for value in kinds.iter().copied().filter(|k| !(v6 && (*k == 135 || *k == 136))) {
        branches.push(vec![(Field::IpProto, proto), (kind, value), (code, 0)]);
    }
    let with_fields = [1, 6, 17, 58, 132];
    let plain = values.ip_protos.iter().copied().filter(|p| !with_fields.contains(p));
    branches.extend(plain.map(|p| vec![(Field::IpProto, p)]));
    branches
}
