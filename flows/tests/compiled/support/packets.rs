//! Packets worth trying at a bridge: of its own addresses, MACs, tags and ports, and of some others.

use std::net::{IpAddr, Ipv6Addr};

use flows::network::{LinkRole, NetworkFile};
use flows::verify::interp::{Packet, TCP_SYN};
use ipnetwork::IpNetwork;
use proptest::prelude::*;
use proptest::sample::Index;

use super::Compiled;
use crate::verdict::{Content, Discovery, Frame, What};

const STRANGER: [u8; 6] = [2, 0, 0, 0, 9, 9];
pub(crate) const PEER: [u8; 6] = [2, 0, 0, 0, 8, 8];

/// The packet in the form of headers; the oracle sees only [`Frame`].
pub(crate) fn packet(frame: Frame) -> Packet {
    let (src_mac, dst_mac) = (frame.eth_src, frame.eth_dst);
    let packet = match frame.what {
        What::Frame(eth_type) => Packet::ethernet(src_mac, dst_mac, eth_type),
        What::Resolution { sender: IpAddr::V4(spa), target: IpAddr::V4(tpa), answer } => {
            Packet::arp(src_mac, dst_mac, if answer { 2 } else { 1 }, spa, tpa)
        }
        What::Resolution { sender: IpAddr::V6(from), target: IpAddr::V6(target), answer: true } => {
            Packet::ipv6(src_mac, dst_mac, from, target, 58).neighbour_advertisement(from, src_mac)
        }
        What::Resolution { sender: IpAddr::V6(from), target: IpAddr::V6(target), answer: false } => {
            let [.., a, b, c] = target.octets();
            let group = format!("ff02::1:ff{a:02x}:{b:02x}{c:02x}").parse().unwrap();
            Packet::ipv6(src_mac, dst_mac, from, group, 58).neighbour_solicitation(target, src_mac)
        }
        What::Discovery(Discovery { advert, src, dst, target, told }) => {
            let (packet, told) = (Packet::ipv6(src_mac, dst_mac, src, dst, 58), told.unwrap_or_default());
            match advert {
                true => packet.neighbour_advertisement(target, told),
                false => packet.neighbour_solicitation(target, told),
            }
        }
        What::Ip { src, dst, content } => ip(src_mac, dst_mac, src, dst, content),
        mixed => unreachable!("{mixed:?}"),
    };
    match frame.vlan {
        Some(vlan) => packet.tagged(vlan, 0),
        None => packet,
    }
}

fn ip(src_mac: [u8; 6], dst_mac: [u8; 6], src: IpAddr, dst: IpAddr, content: Content) -> Packet {
    let v4 = src.is_ipv4();
    let proto = match content {
        Content::Tcp(_) => 6,
        Content::Udp { .. } => 17,
        Content::Sctp(_) => 132,
        Content::EchoRequest | Content::OtherIcmp(_) => {
            if v4 {
                1
            } else {
                58
            }
        }
        Content::Other => 47,
        Content::Later(proto) => proto,
    };
    let ip = match (src, dst) {
        (IpAddr::V4(s), IpAddr::V4(d)) => Packet::ipv4(src_mac, dst_mac, s, d, proto),
        (IpAddr::V6(s), IpAddr::V6(d)) => Packet::ipv6(src_mac, dst_mac, s, d, proto),
        mixed => unreachable!("{mixed:?}"),
    };
    match content {
        Content::Tcp(port) => ip.tcp(40_000, port, TCP_SYN),
        Content::Udp { src, dst } => ip.udp(src, dst),
        Content::Sctp(port) => ip.sctp(40_000, port),
        Content::EchoRequest if v4 => ip.icmp(8, 0),
        Content::EchoRequest => ip.icmpv6(128, 0),
        Content::OtherIcmp(kind) if v4 => ip.icmp(kind, 0),
        Content::OtherIcmp(kind) => ip.icmpv6(kind, 0),
        Content::Other => ip,
        Content::Later(_) => ip.fragment(true),
    }
}

/// Who is at a port: its name, the addresses, the MAC, the VLAN.
type Own = (String, Vec<IpAddr>, Option<[u8; 6]>, Option<u16>);

/// What the file gives to choose from.
pub(crate) struct Choices {
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    macs: Vec<[u8; 6]>,
    vlans: Vec<Option<u16>>,
    ports: Vec<u16>,
    /// Of each port of the bridge: the addresses of who is there, its MAC, its VLAN.
    own: Vec<Own>,
}

impl Choices {
    pub(crate) fn new(file: &NetworkFile, bridge: &str) -> Self {
        let mut all: Vec<IpAddr> =
            "1.1.1.1 9.9.9.9 127.0.0.1 0.0.0.0 224.0.0.251 255.255.255.255 2606:4700::1111 \
                                    fe80::1 ::1 :: ff02::fb ff02::1 ff02::2 ::ffff:1.2.3.4"
                .split_whitespace()
                .map(|a| a.parse().unwrap())
                .collect();
        let somewhere =
            |p: &IpNetwork| p.iter().nth(77).into_iter().chain(p.is_ipv4().then(|| p.broadcast()));
        for network in &file.networks {
            all.extend(network.subnets.iter().flat_map(somewhere));
        }
        let attachments = || file.endpoints.iter().flat_map(|e| &e.attachments);
        for a in attachments() {
            all.extend(&a.addresses);
            all.extend(a.shared.iter().map(|shared| shared.address));
            all.extend(a.behind.iter().flat_map(somewhere));
        }
        all.extend(file.outsides.iter().flat_map(|o| &o.addresses).filter_map(|p| p.iter().next()));
        all.extend(file.exits.iter().flat_map(|x| &x.next_hop));
        all.extend(attachments().filter_map(|a| a.link_local).map(IpAddr::from));
        all.extend(file.exits.iter().filter_map(|x| x.link_local).map(IpAddr::from));
        // The link-local addresses of the MACs.
        all.extend(attachments().filter_map(|a| a.mac).map(|[a, b, c, d, e, f]| {
            IpAddr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
        }));
        let on = super::Compiled::new(file.clone(), bridge, flows::compile::TimeContext::default());
        let leases = &on.leases;
        all.extend(leases.iter().map(|lease| lease.address));
        let mut own: Vec<Own> = Vec::new();
        for (_, attachment) in file.attachments_on(bridge) {
            let Some(network) = file.network(&attachment.network) else { continue };
            let mut addresses = attachment.addresses.clone();
            addresses.extend(attachment.shared.iter().map(|shared| shared.address));
            addresses.extend(attachment.behind.iter().flat_map(somewhere));
            if network.subnets.iter().any(IpNetwork::is_ipv6) {
                addresses.extend(attachment.link_local.map(IpAddr::from));
                addresses.push("fe80::1".parse().unwrap());
            }
            if attachment.leased {
                addresses
                    .extend(network.subnets.iter().filter(|s| s.is_ipv6()).filter_map(|s| s.iter().nth(77)));
                let mine = leases
                    .iter()
                    .filter(|l| l.network == network.number && on.names[&l.port] == attachment.port);
                addresses.extend(mine.map(|lease| lease.address));
            }
            own.push((attachment.port.clone(), addresses, attachment.mac, network.vlan));
        }
        for (_, end) in file.link_ends_on(bridge) {
            let (addresses, vlan) = match &end.role {
                LinkRole::Network { network, behind } => {
                    (behind.iter().flat_map(somewhere).collect(), file.network(network).and_then(|n| n.vlan))
                }
                _ => (Vec::new(), None),
            };
            all.extend(&addresses);
            own.push((end.port.clone(), addresses, None, vlan));
        }
        for exit in file.exits_on(bridge) {
            let vlan = exit.network.as_ref().and_then(|n| file.network(n)).and_then(|n| n.vlan);
            let mut addresses = exit.next_hop.clone();
            addresses.extend(["1.1.1.1", "9.9.9.9", "2606:4700::1111"].map(|a| a.parse::<IpAddr>().unwrap()));
            addresses.extend(file.outsides.iter().flat_map(|o| &o.addresses).filter_map(|p| p.iter().next()));
            own.push((exit.port.clone(), addresses, None, vlan));
        }
        for port in file.bridge_ports(bridge) {
            if !own.iter().any(|(name, ..)| name == port) {
                own.push((port.to_owned(), Vec::new(), None, None));
            }
        }
        let mut macs: Vec<[u8; 6]> = attachments().filter_map(|a| a.mac).collect();
        macs.extend([STRANGER, [0xff; 6]]);
        let routers = attachments().flat_map(|a| &a.shared).filter_map(|shared| shared.vrid);
        macs.extend(routers.flat_map(|vrid| [1, 2].map(|family| [0, 0, 0x5e, 0, family, vrid])));
        let mut vlans: Vec<Option<u16>> = file.networks.iter().map(|n| n.vlan).collect();
        vlans.extend([None, Some(999), Some(0)]);
        let mut ports: Vec<u16> = file.allows.iter().flat_map(|a| &a.ports).copied().collect();
        ports.extend(file.crossings.iter().flat_map(|c| &c.ports));
        ports.extend(file.overlays.iter().flat_map(|o| &o.ports));
        ports.extend([9, 67, 547]);
        ports.sort_unstable();
        ports.dedup();
        all.sort_unstable();
        all.dedup();
        let (v4, v6) = all.into_iter().partition(IpAddr::is_ipv4);
        Self { v4, v6, macs, vlans, ports, own }
    }
}

impl Choices {
    /// Whether there is anybody to send.
    pub(crate) fn speaks(&self) -> bool {
        !self.own.is_empty()
    }

    /// The addresses of a family.
    pub(crate) fn addresses(&self, v6: bool) -> &[IpAddr] {
        if v6 { &self.v6 } else { &self.v4 }
    }

    pub(crate) fn macs(&self) -> &[[u8; 6]] {
        &self.macs
    }

    /// The MACs and tags that somebody at a port has, beside those of a frame.
    pub(crate) fn worn(&self, frame: Frame) -> impl Iterator<Item = Frame> {
        let macs = self.macs.iter().copied().chain([frame.eth_src]);
        let mut vlans: Vec<Option<u16>> = self.own.iter().map(|(.., vlan)| *vlan).collect();
        vlans.sort_unstable();
        vlans.dedup();
        macs.flat_map(move |eth_src| {
            vlans.clone().into_iter().map(move |vlan| Frame { eth_src, vlan, ..frame })
        })
    }

    /// One of each kind of what opens something.
    pub(crate) fn contents(&self) -> Vec<Content> {
        let udp = |dst| Content::Udp { src: 40_000, dst };
        let mut all = vec![Content::EchoRequest, Content::Other];
        all.extend(
            self.ports.iter().flat_map(|port| [Content::Tcp(*port), udp(*port), Content::Sctp(*port)]),
        );
        all
    }
}

/// Which of the choices; so that a strategy of probes needs no file.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    at: Index,
    kind: u8,
    /// 0: a forged source, MAC or tag may be chosen.
    honest: [u8; 3],
    pick: [Index; 6],
    v6: bool,
}

pub(crate) fn probe() -> impl Strategy<Value = Probe> {
    (any::<Index>(), any::<u8>(), any::<[u8; 3]>(), any::<[Index; 6]>(), prop::bool::weighted(0.3))
        .prop_map(|(at, kind, honest, pick, v6)| Probe { at, kind, honest, pick, v6 })
}

impl Probe {
    /// The port and the frame that it means on a bridge.
    pub(crate) fn on(&self, choices: &Choices) -> (String, Frame) {
        let (port, own, mac, vlan) = self.at.get(&choices.own);
        let [src, dst, eth_src, eth_dst, tag, content] = &self.pick;
        let [real_source, real_mac, real_tag] = self.honest.map(|n| n % 6 != 0);
        let all = if self.v6 { &choices.v6 } else { &choices.v4 };
        let mine: Vec<IpAddr> = own.iter().copied().filter(|a| a.is_ipv6() == self.v6).collect();
        let any_source = *src.get(all);
        let src = if real_source && !mine.is_empty() { *src.get(&mine) } else { any_source };
        let dst = *dst.get(all);
        let eth_src = match (real_mac, mac) {
            (true, Some(mac)) => *mac,
            (true, None) => PEER,
            _ => *eth_src.get(&choices.macs),
        };
        let vlan = if real_tag { *vlan } else { *tag.get(&choices.vlans) };
        // Nobody sends frames to himself.
        let eth_dst = Some(*eth_dst.get(&choices.macs)).filter(|to| Some(*to) != *mac).unwrap_or(STRANGER);
        let unset: IpAddr = if self.v6 { "fe80::1" } else { "0.0.0.0" }.parse().unwrap();
        let what = match self.kind % 16 {
            0 => What::Resolution { sender: src, target: dst, answer: true },
            1..=2 => What::Resolution { sender: src, target: dst, answer: false },
            _ if self.v6 && (self.kind % 16 <= 3 || self.kind.is_multiple_of(3)) => {
                let pick = |index: &Index, all: &[IpAddr]| match *index.get(all) {
                    IpAddr::V6(address) => address,
                    IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
                };
                let own = |index: &Index| if mine.is_empty() { pick(index, all) } else { pick(index, &mine) };
                let advert = self.kind & 16 != 0;
                let src = match (self.kind & 32 != 0, src) {
                    (true, IpAddr::V6(src)) => src,
                    (true, _) | (false, _) if !advert => Ipv6Addr::UNSPECIFIED,
                    _ => own(tag),
                };
                let target = if advert && real_source { own(content) } else { pick(content, all) };
                let told = match self.honest[1] % 4 {
                    0 => None,
                    1 => Some(STRANGER),
                    _ => Some(eth_src),
                };
                let dst = pick(&self.pick[1], all);
                What::Discovery(Discovery { advert, src, dst, target, told })
            }
            3 => What::Resolution { sender: unset, target: dst, answer: false },
            4 => What::Frame(0x88cc),
            5 => {
                let src = if content.index(2) == 0 { unset } else { src };
                let (client, server) = if self.v6 { (546, 547) } else { (68, 67) };
                What::Ip { src, dst, content: Content::Udp { src: client, dst: server } }
            }
            6 => {
                let (client, server) = if self.v6 { (546, 547) } else { (68, 67) };
                let src = if self.v6 && content.index(2) == 0 { unset } else { src };
                What::Ip { src, dst, content: Content::Udp { src: server, dst: client } }
            }
            n => What::Ip { src, dst, content: self.content(n, content, choices) },
        };
        (port.clone(), Frame { vlan, eth_src, eth_dst, what })
    }

    fn content(&self, n: u8, pick: &Index, choices: &Choices) -> Content {
        let port = *pick.get(&choices.ports);
        match n {
            7..=9 => Content::Tcp(port),
            10..=11 => Content::Udp { src: 40_000, dst: port },
            12 => Content::Sctp(port),
            13 => Content::EchoRequest,
            14 => Content::OtherIcmp(
                *pick.get(&[0, 1, 3, 5, 9, 10, 11, 129, 130, 131, 132, 133, 134, 137, 143]),
            ),
            _ => *pick.get(&[
                Content::Other,
                Content::Later(6),
                Content::Later(17),
                Content::Later(132),
                Content::Later(if self.v6 { 58 } else { 1 }),
            ]),
        }
    }
}

/// The flows of a bridge do what its file says with the probe.
pub(crate) fn agree(on: &Compiled, choices: &Choices, probe: &Probe) {
    let (port, frame) = probe.on(choices);
    on.agree(&port, frame);
}
