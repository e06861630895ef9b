//! Reads frames into match fields.

use flow_model::frame::{
    Arp, ETHERNET, Fragment, Ip, Ipv4, Ipv6, Lse, Neighbour, Network, Nsh, Transport, extract_packet,
};
use ofproto::message::PacketIn;
use ofproto::oxm::{Field, Oxm};
use ofproto::{icmpv6, ip_protocol};

use crate::verify::interp::Packet;

/// Returns the packet of a PACKET_IN: the fields of its frame, and the pipeline fields (ingress
/// port, registers, metadata). A truncated header has fields of zero, as in the switch.
pub fn packet_of(message: &PacketIn) -> Packet {
    let packet_type = message.fields.fields.iter().find_map(|oxm| match oxm {
        Oxm::Known { field: Field::PacketType, value, mask: None } => u32::try_from(*value).ok(),
        _ => None,
    });
    let frame = extract_packet(&message.data, packet_type.unwrap_or(ETHERNET));
    let ethernet = frame.ethernet;
    let mut packet = Packet::ethernet(ethernet.source.0, ethernet.destination.0, ethernet.eth_type);
    match &frame.network {
        Network::Other => {}
        Network::Arp(fields) => arp(&mut packet, fields),
        Network::Mpls(entries) => mpls(&mut packet, entries.first().copied().unwrap_or_default()),
        Network::Ipv4(fields) => ipv4(&mut packet, fields),
        Network::Ipv6(fields) => ipv6(&mut packet, fields),
        Network::Nsh(fields) => nsh(&mut packet, fields),
    }
    for tag in ethernet.tags.iter().rev() {
        packet = packet.tagged(tag & 0xfff, u8::try_from(tag >> 13).unwrap_or_default());
    }
    packet.put(Field::CtState, 0);
    for oxm in &message.fields.fields {
        if let Oxm::Known { field, value, mask: None } = oxm
            && !field.is_header()
        {
            packet.put(*field, *value);
        }
    }
    packet
}

fn arp(packet: &mut Packet, arp: &Arp) {
    packet.put(Field::ArpOp, arp.operation.into());
    packet.put(Field::ArpSpa, arp.source.to_bits().into());
    packet.put(Field::ArpTpa, arp.target.to_bits().into());
    packet.put(Field::ArpSha, arp.source_mac.bits());
    packet.put(Field::ArpTha, arp.target_mac.bits());
}

/// Puts the fields of the label stack's top entry.
fn mpls(packet: &mut Packet, top: Lse) {
    packet.put(Field::MplsLabel, top.label().into());
    packet.put(Field::MplsTc, top.traffic_class().into());
    packet.put(Field::MplsBos, top.is_bottom().into());
    packet.put(Field::MplsTtl, top.ttl().into());
}

fn nsh(packet: &mut Packet, nsh: &Nsh) {
    packet.put(Field::NshFlags, nsh.flags.into());
    packet.put(Field::NshTtl, nsh.ttl.into());
    packet.put(Field::NshMdtype, nsh.md_type.into());
    packet.put(Field::NshNp, nsh.next.into());
    packet.put(Field::NshSpi, nsh.path.into());
    packet.put(Field::NshSi, nsh.index.into());
    for (field, value) in
        [Field::NshC1, Field::NshC2, Field::NshC3, Field::NshC4].into_iter().zip(nsh.context)
    {
        packet.put(field, value.into());
    }
}

fn ipv4(packet: &mut Packet, ipv4: &Ipv4) {
    packet.put(Field::Ipv4Src, ipv4.source.to_bits().into());
    packet.put(Field::Ipv4Dst, ipv4.destination.to_bits().into());
    ip(packet, &ipv4.ip, false);
}

fn ipv6(packet: &mut Packet, ipv6: &Ipv6) {
    packet.put(Field::Ipv6Src, ipv6.source.to_bits());
    packet.put(Field::Ipv6Dst, ipv6.destination.to_bits());
    packet.put(Field::Ipv6Label, ipv6.label.into());
    ip(packet, &ipv6.ip, true);
}

fn ip(packet: &mut Packet, ip: &Ip, v6: bool) {
    packet.put(Field::IpProto, ip.protocol.into());
    packet.put(Field::IpDscpShifted, (ip.tos >> 2).into());
    packet.put(Field::IpEcn, (ip.tos & 3).into());
    packet.put(Field::IpTtl, ip.ttl.into());
    // ovs-fields(7), `ip_frag`: any fragment has the lower bit, a later one the higher bit too.
    let fragment = match ip.fragment {
        Fragment::No => 0,
        Fragment::First => 1,
        Fragment::Later => 3,
    };
    packet.put(Field::IpFrag, fragment);
    if ip.fragment != Fragment::Later {
        transport(packet, ip.protocol, &ip.transport, v6);
    }
}

fn transport(packet: &mut Packet, protocol: u8, transport: &Transport, v6: bool) {
    let (source, destination) = match protocol {
        ip_protocol::TCP => (Field::TcpSrc, Field::TcpDst),
        ip_protocol::UDP => (Field::UdpSrc, Field::UdpDst),
        ip_protocol::SCTP => (Field::SctpSrc, Field::SctpDst),
        ip_protocol::ICMP if !v6 => (Field::Icmpv4Type, Field::Icmpv4Code),
        ip_protocol::ICMPV6 if v6 => (Field::Icmpv6Type, Field::Icmpv6Code),
        _ => return,
    };
    packet.put(source, transport.source.into());
    packet.put(destination, transport.destination.into());
    if protocol == ip_protocol::TCP {
        packet.put(Field::TcpFlags, transport.tcp_flags.into());
    }
    if let Some(found) = &transport.neighbour {
        neighbour(packet, found, transport.source == u16::from(icmpv6::NEIGHBOUR_SOLICITATION));
    }
}

/// Puts the fields of neighbour discovery; a match has only one link-layer address for each kind of
/// message.
fn neighbour(packet: &mut Packet, neighbour: &Neighbour, solicits: bool) {
    packet.put(Field::NdTarget, neighbour.target.to_bits());
    let (field, address) =
        if solicits { (Field::NdSll, neighbour.source) } else { (Field::NdTll, neighbour.destination) };
    packet.put(field, address.bits());
}
