//! Frames as match fields see them.

use ofproto::message::PacketIn;
use ofproto::oxm::{Field, Oxm};

use crate::verify::interp::{ETH_ARP, ETH_IPV4, ETH_IPV6, Packet};

/// The packet of a PACKET_IN: what its frame says, and what the switch says beside it (port of arrival, registers, metadata).
/// A header that is cut short has no fields, as in the switch.
pub fn packet_of(message: &PacketIn) -> Packet {
    let mut packet = ethernet(&message.data).unwrap_or_default();
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

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(array(bytes, at)?))
}

fn ethernet(frame: &[u8]) -> Option<Packet> {
    let (dst, src) = (array(frame, 0)?, array(frame, 6)?);
    let mut tags = Vec::new();
    let mut at = 12;
    let mut kind = half(frame, at)?;
    while matches!(kind, 0x8100 | 0x88a8) && tags.len() < 2 {
        let Some(next) = half(frame, at + 4) else { break };
        tags.push(half(frame, at + 2)?);
        at += 4;
        kind = next;
    }
    // A length, not a type (IEEE 802.3): no type, unless SNAP says one.
    let mut body = at + 2;
    if kind < 0x600 {
        let snap = array::<6>(frame, body) == Some([0xaa, 0xaa, 3, 0, 0, 0]);
        kind = half(frame, body + 6).filter(|kind| snap && *kind >= 0x600).unwrap_or(0x5ff);
        body += 8;
    }
    let rest = frame.get(body..).unwrap_or_default();
    let packet = match kind {
        ETH_IPV4 => ipv4(src, dst, rest),
        ETH_IPV6 => ipv6(src, dst, rest),
        ETH_ARP => arp(src, dst, rest),
        _ => None,
    };
    let mut packet = packet.unwrap_or_else(|| Packet::ethernet(src, dst, kind));
    for tag in tags.iter().rev() {
        packet = packet.tagged(tag & 0xfff, u8::try_from(tag >> 13).unwrap_or(0));
    }
    Some(packet)
}

fn arp(src: [u8; 6], dst: [u8; 6], body: &[u8]) -> Option<Packet> {
    // Ethernet and IPv4 alone.
    if array::<6>(body, 0)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let packet = Packet::arp(src, dst, 0, array::<4>(body, 14)?.into(), array::<4>(body, 24)?.into());
    let op = half(body, 6)?;
    Some(
        packet
            // Open vSwitch keeps eight bits of it.
            .with(Field::ArpOp, if op > 0xff { 0 } else { op.into() })
            .with(Field::ArpSha, crate::verify::interp::mac_bits(array(body, 8)?))
            .with(Field::ArpTha, crate::verify::interp::mac_bits(array(body, 18)?)),
    )
}

fn traffic_class(packet: Packet, tos: u8, ttl: u8) -> Packet {
    packet
        .with(Field::IpDscpShifted, (tos >> 2).into())
        .with(Field::IpEcn, (tos & 3).into())
        .with(Field::IpTtl, ttl.into())
}

fn ipv4(src: [u8; 6], dst: [u8; 6], body: &[u8]) -> Option<Packet> {
    let [version, tos] = array(body, 0)?;
    let words = usize::from(version & 15);
    if version >> 4 != 4 || words < 5 || body.len() < words * 4 {
        return None;
    }
    let [ttl, proto] = array(body, 8)?;
    let from = array::<4>(body, 12)?.into();
    let packet = Packet::ipv4(src, dst, from, array::<4>(body, 16)?.into(), proto);
    let packet = traffic_class(packet, tos, ttl);
    let part = half(body, 6)?;
    let (more, offset) = (part & 0x2000 != 0, part & 0x1fff);
    let rest = body.get(words * 4..)?;
    Some(match (more, offset) {
        (_, 1..) => packet.fragment(true),
        (true, 0) => transport(packet, proto, false, rest).fragment(false),
        (false, 0) => transport(packet, proto, false, rest),
    })
}

fn ipv6(src: [u8; 6], dst: [u8; 6], body: &[u8]) -> Option<Packet> {
    let first = u32::from_be_bytes(array(body, 0)?);
    if first >> 28 != 6 {
        return None;
    }
    let [mut proto, ttl] = array(body, 6)?;
    let mut at = 40;
    let mut fragment = None;
    // Extension headers, of which the last says the protocol (RFC 8200 §4).
    for _ in 0..8 {
        match proto {
            0 | 43 | 60 | 135 => {
                let [next, len] = array(body, at)?;
                proto = next;
                at += 8 + usize::from(len) * 8;
            }
            51 => {
                let [next, len] = array(body, at)?;
                proto = next;
                at += (usize::from(len) + 2) * 4;
            }
            44 => {
                let part = half(body, at + 2)?;
                // One that is all there is, is none.
                if part & 0xfff9 != 0 {
                    fragment = Some(part & 0xfff8 != 0);
                }
                proto = *body.get(at)?;
                at += 8;
                if fragment == Some(true) {
                    break;
                }
            }
            _ => break,
        }
    }
    let from = array::<16>(body, 8)?.into();
    let packet = Packet::ipv6(src, dst, from, array::<16>(body, 24)?.into(), proto);
    let tos = u8::try_from(first >> 20 & 0xff).unwrap_or(0);
    let packet = traffic_class(packet, tos, ttl).with(Field::Ipv6Label, (first & 0xf_ffff).into());
    let rest = body.get(at..).unwrap_or_default();
    Some(match fragment {
        Some(true) => packet.fragment(true),
        Some(false) => transport(packet, proto, true, rest).fragment(false),
        None => transport(packet, proto, true, rest),
    })
}

fn transport(packet: Packet, proto: u8, v6: bool, body: &[u8]) -> Packet {
    let with = || {
        let (first, second) = (half(body, 0)?, half(body, 2)?);
        let [kind, code] = first.to_be_bytes();
        Some(match proto {
            6 if body.len() >= 20 => packet.clone().tcp(first, second, half(body, 12)? & 0xfff),
            17 if body.len() >= 8 => packet.clone().udp(first, second),
            132 if body.len() >= 12 => packet.clone().sctp(first, second),
            1 if !v6 && body.len() >= 8 => packet.clone().icmp(kind, code),
            58 if v6 => neighbour(packet.clone().icmpv6(kind, code), kind, code, body),
            _ => return None,
        })
    };
    with().unwrap_or(packet)
}

/// What neighbour discovery says beside its type (RFC 4861 §4.3, §4.4).
fn neighbour(packet: Packet, kind: u8, code: u8, body: &[u8]) -> Packet {
    let (135 | 136, 0, Some(target)) = (kind, code, array::<16>(body, 8)) else { return packet };
    let option = if kind == 135 { Field::NdSll } else { Field::NdTll };
    let mut packet = packet.with(Field::NdTarget, u128::from_be_bytes(target)).with(option, 0);
    let mut at = 24;
    while let Some([which, units]) = array::<2>(body, at) {
        let wanted = if kind == 135 { 1 } else { 2 };
        if which == wanted
            && units == 1
            && let Some(mac) = array(body, at + 2)
        {
            packet.put(option, crate::verify::interp::mac_bits(mac));
        }
        if units == 0 {
            break;
        }
        at += usize::from(units) * 8;
    }
    packet
}
