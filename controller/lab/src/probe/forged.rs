//! The frames with which an attacker would try to reach a forbidden place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;

use super::frames::{BROADCAST, Frame, FrameBody, link_local, solicited_node};
use crate::addressing;
use crate::plan::PlannedPort;

/// A port that servers of every network may have. No `never` depends on its being listed.
const TCP: u16 = 9573;
const UDP: u16 = 51_820;
/// Both ports.
pub(super) const PORTS: [u16; 2] = [TCP, UDP];
const SOURCE: u16 = 40_000;
/// Host number, in the victim's subnet, of an address without an owner.
const NOBODY: u32 = 77;
/// The address of the controller: in-band control would pass packets that claim to come from it.
const CONTROLLER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 6653);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const MDNS: (Ipv4Addr, [u8; 6]) = (Ipv4Addr::new(224, 0, 0, 251), [0x01, 0, 0x5e, 0, 0, 0xfb]);
const MDNS6: (Ipv6Addr, [u8; 6]) =
    (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb), [0x33, 0x33, 0, 0, 0, 0xfb]);

/// Returns forged frames from `from` to `to`. Their sources are the sender itself, a member of the
/// victim's network, and an unowned address. They go directly, by broadcast and multicast, and
/// through a host that routes (`hosts`: the MAC addresses of the bridges' own ports).
pub(super) fn frames(
    from: &PlannedPort,
    to: &PlannedPort,
    victims: &[&PlannedPort],
    hosts: &[(&str, [u8; 6])],
) -> Vec<Frame> {
    let mut out = Vec::new();
    let router = hosts.iter().find(|(bridge, _)| *bridge == from.bridge).map(|(_, mac)| *mac);
    let mut macs = vec![to.mac, BROADCAST];
    // Not to itself: the host's own port is the router then.
    macs.extend(router.filter(|mac| *mac != from.mac));
    for target in &to.addresses {
        for (mac, source) in sources(from, to, victims, *target) {
            for dst in &macs {
                out.push(Frame::new(mac, *dst, FrameBody::Syn(source, SOURCE, target.ip(), TCP)));
                out.push(Frame::new(mac, *dst, FrameBody::Udp(source, SOURCE, target.ip(), UDP)));
                out.push(Frame::new(mac, *dst, FrameBody::Echo(source, target.ip())));
            }
        }
        if let IpNetwork::V4(target) = target {
            ipv4(from, to, target.ip(), target.broadcast(), victims, &mut out);
        }
    }
    ipv6(from, to, &mut out);
    for dst in [to.mac, BROADCAST] {
        out.push(Frame::new(from.mac, dst, FrameBody::Experimental));
    }
    out
}

/// Returns the pairs of MAC and IP address to send from.
fn sources(
    from: &PlannedPort,
    to: &PlannedPort,
    victims: &[&PlannedPort],
    target: IpNetwork,
) -> Vec<([u8; 6], IpAddr)> {
    let mut sources = Vec::new();
    let mut add = |mac, address| {
        if !sources.contains(&(mac, address)) {
            sources.push((mac, address));
        }
    };
    if let Some(own) = from.address_like(target.ip()) {
        add(from.mac, own);
    }
    // A neighbour of the victim, with the forger's own MAC address and with the neighbour's.
    let neighbour = victims.iter().find(|p| p.name != to.name && p.name != from.name);
    if let Some((neighbour, address)) = neighbour.and_then(|p| Some((p, p.address_like(target.ip())?))) {
        add(from.mac, address);
        add(neighbour.mac, address);
    }
    if let Some(nobody) = addressing::nth(target, NOBODY) {
        add(from.mac, nobody);
    }
    sources
}

fn ipv4(
    from: &PlannedPort,
    to: &PlannedPort,
    target: Ipv4Addr,
    broadcast: Ipv4Addr,
    victims: &[&PlannedPort],
    out: &mut Vec<Frame>,
) {
    let own = from.address_like(target.into());
    let v4 = |address: Option<IpAddr>| match address {
        Some(IpAddr::V4(a)) => Some(a),
        _ => None,
    };
    let neighbour =
        victims.iter().find(|p| p.name != to.name).and_then(|p| v4(p.address_like(target.into())));
    let (controller, port) = CONTROLLER;
    let claimed: Vec<Ipv4Addr> =
        [v4(own), neighbour, Some(controller), Some(Ipv4Addr::UNSPECIFIED)].into_iter().flatten().collect();
    for spa in &claimed {
        out.push(Frame::new(from.mac, BROADCAST, FrameBody::ArpRequest { spa: *spa, tpa: target }));
        out.push(Frame::new(from.mac, to.mac, FrameBody::ArpRequest { spa: *spa, tpa: target }));
    }
    // "The victim's neighbour is here": takes over its traffic if the victim believes it.
    for spa in neighbour.into_iter().chain([target]) {
        out.push(Frame::new(from.mac, to.mac, FrameBody::ArpReply { spa, tpa: target }));
        out.push(Frame::new(from.mac, BROADCAST, FrameBody::ArpReply { spa, tpa: spa }));
    }
    for dst in [to.mac, BROADCAST] {
        out.push(Frame::new(from.mac, dst, FrameBody::Syn(controller.into(), port, target.into(), SOURCE)));
    }
    let source = claimed.first().copied().unwrap_or(controller);
    let (group, group_mac) = MDNS;
    let udp = |mac, from_port, address: Ipv4Addr, to_port, source: Ipv4Addr| {
        Frame::new(from.mac, mac, FrameBody::Udp(source.into(), from_port, address.into(), to_port))
    };
    out.push(udp(group_mac, 5353, group, 5353, source));
    out.push(udp(BROADCAST, 5353, broadcast, 5353, source));
    // DHCP, as a client and as a server.
    out.push(udp(BROADCAST, 68, Ipv4Addr::BROADCAST, 67, Ipv4Addr::UNSPECIFIED));
    out.push(udp(BROADCAST, 67, Ipv4Addr::BROADCAST, 68, source));
    out.push(Frame::new(from.mac, to.mac, FrameBody::TaggedSyn(10, source, target, TCP)));
    // VLAN 0 is a tag without a VLAN (IEEE 802.1Q): a kernel takes such a frame as untagged.
    out.push(Frame::new(from.mac, to.mac, FrameBody::TaggedSyn(0, source, target, TCP)));
}

fn ipv6(from: &PlannedPort, to: &PlannedPort, out: &mut Vec<Frame>) {
    let (own, target) = (link_local(from.mac), link_local(to.mac));
    let (group, group_mac) = solicited_node(target);
    out.push(Frame::new(from.mac, group_mac, FrameBody::Solicitation { from: own, to: group, target }));
    out.push(Frame::new(from.mac, to.mac, FrameBody::Solicitation { from: own, to: target, target }));
    out.push(Frame::new(from.mac, ALL_NODES_MAC, FrameBody::Echo(own.into(), ALL_NODES.into())));
    out.push(Frame::new(from.mac, ALL_NODES_MAC, FrameBody::RouterAdvertisement { from: own }));
    for dst in [to.mac, BROADCAST] {
        out.push(Frame::new(from.mac, dst, FrameBody::Echo(own.into(), target.into())));
        out.push(Frame::new(from.mac, dst, FrameBody::Udp(own.into(), SOURCE, target.into(), UDP)));
        out.push(Frame::new(from.mac, dst, FrameBody::Syn(own.into(), SOURCE, target.into(), TCP)));
    }
    let (mdns, mdns_mac) = MDNS6;
    out.push(Frame::new(from.mac, mdns_mac, FrameBody::Udp(own.into(), 5353, mdns.into(), 5353)));
}
