//! Concrete packets of a set: the plain one, where there is a choice.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bdd::{Bdd, Variable};
use ofproto::oxm::Field;
use ofproto::{ethertype, icmpv6, ip_protocol};

use super::engine::Engine;
use super::layout;
use crate::verify::interp::{Packet, TCP_SYN, VLAN_PRESENT};

/// A MAC address without an owner, and another one (RFC 7042 §2.1.2).
const SENDER: u128 = 0x0200_5e00_5307;
const RECEIVER: u128 = 0x0200_5e00_5308;
/// Addresses for documentation (RFC 5737), in the upper bits that IPv4 shares with IPv6.
const FROM: u128 = 0xc633_6407 << 96 | 7;
const TO: u128 = 0xcb00_7108 << 96 | 8;

/// The values of a plain packet: TCP, the first segment of a connection from a high port to a low
/// one.
const PLAIN: [(Field, u128); 11] = [
    (Field::EthType, ethertype::IPV4 as u128),
    (Field::IpProto, ip_protocol::TCP as u128),
    (Field::EthSrc, SENDER),
    (Field::EthDst, RECEIVER),
    (Field::Ipv6Src, FROM),
    (Field::Ipv6Dst, TO),
    (Field::TcpSrc, 40_009),
    (Field::TcpDst, 443),
    (Field::TcpFlags, TCP_SYN as u128),
    (Field::IpTtl, 64),
    (Field::ArpSha, SENDER),
];

/// The values of fields that nothing asks about: a request.
const USUAL: [(Field, u128); 5] = [
    (Field::ArpOp, 1),
    (Field::Icmpv4Type, 8),
    (Field::Icmpv4Code, 0),
    (Field::Icmpv6Type, 128),
    (Field::Icmpv6Code, 0),
];

/// The variables that are 1 in a plain packet.
static PREFERRED: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let ones = PLAIN.iter().flat_map(|(field, value)| {
        let bits = (0..128).filter(move |bit| value >> bit & 1 == 1);
        bits.filter_map(move |bit| layout::variable(*field, bit))
    });
    let mut ones: Vec<Variable> = ones.collect();
    ones.sort_unstable();
    ones
});

/// Returns the value of a variable in a plain packet.
pub(super) fn prefers(variable: Variable) -> bool {
    PREFERRED.binary_search(&variable).is_ok()
}

impl Engine<'_> {
    /// Returns a packet of a set, with the values of its variables.
    pub(crate) fn plain_packet(&mut self, set: Bdd) -> Option<(Packet, Vec<(Variable, bool)>)> {
        let one = self.one_of(set, &[])?;
        let literals = self.diagrams.pick(one, prefers)?;
        let values: BTreeMap<Variable, bool> = literals.iter().copied().collect();
        let value = |field: Field| {
            // These share variables with ports, of which a plain packet prefers others.
            if let Some((_, usual)) = USUAL.iter().find(|(known, _)| *known == field)
                && !layout::whole(field).any(|variable| values.contains_key(&variable))
            {
                return *usual;
            }
            (0..u16::from(field.info().bits)).fold(0_u128, |value, bit| {
                let Some(variable) = layout::variable(field, bit) else { return value };
                let one = values.get(&variable).copied().unwrap_or_else(|| prefers(variable));
                value | u128::from(one) << bit
            })
        };
        Some((packet(value), literals))
    }

    /// Returns the values that a packet has in the variables of the layout.
    pub(crate) fn literals_of(packet: &Packet) -> Vec<(Variable, bool)> {
        let literals = packet.headers().flat_map(|(field, value)| {
            (0..u16::from(field.info().bits))
                .filter_map(move |bit| Some((layout::variable(field, bit)?, value >> bit & 1 == 1)))
        });
        let mut literals: Vec<(Variable, bool)> = literals.collect();
        literals.sort_unstable();
        literals.dedup_by_key(|(variable, _)| *variable);
        literals
    }
}

/// Returns the packet with these values in the fields that a packet of its kind has.
fn packet(value: impl Fn(Field) -> u128) -> Packet {
    let mac = |field: Field| {
        let [.., a, b, c, d, e, f] = value(field).to_be_bytes();
        [a, b, c, d, e, f]
    };
    let kind = u16::try_from(value(Field::EthType)).unwrap_or(u16::MAX);
    let mut packet = Packet::ethernet(mac(Field::EthSrc), mac(Field::EthDst), kind);
    let fields: &[Field] = match kind {
        ethertype::IPV4 => &[Field::Ipv4Src, Field::Ipv4Dst],
        ethertype::IPV6 => &[Field::Ipv6Src, Field::Ipv6Dst, Field::Ipv6Label],
        ethertype::ARP => &[Field::ArpOp, Field::ArpSpa, Field::ArpTpa, Field::ArpSha, Field::ArpTha],
        _ => &[],
    };
    fields.iter().for_each(|field| packet.put(*field, value(*field)));
    let is_v6 = kind == ethertype::IPV6;
    if kind == ethertype::IPV4 || is_v6 {
        let ip = [Field::IpProto, Field::IpDscpShifted, Field::IpEcn, Field::IpTtl, Field::IpFrag];
        ip.iter().for_each(|field| packet.put(*field, value(*field)));
        if value(Field::IpFrag) != 3 {
            let protocol = u8::try_from(value(Field::IpProto)).unwrap_or(u8::MAX);
            transport(protocol, is_v6, &value).iter().for_each(|field| packet.put(*field, value(*field)));
        }
    }
    if value(Field::VlanVid) & VLAN_PRESENT != 0 {
        packet.put(Field::VlanVid, value(Field::VlanVid));
        packet.put(Field::VlanPcp, value(Field::VlanPcp));
    }
    packet
}

/// Returns the fields of a transport header.
fn transport(protocol: u8, is_v6: bool, value: &impl Fn(Field) -> u128) -> &'static [Field] {
    match (protocol, is_v6) {
        (ip_protocol::TCP, _) => &[Field::TcpSrc, Field::TcpDst, Field::TcpFlags],
        (ip_protocol::UDP, _) => &[Field::UdpSrc, Field::UdpDst],
        (ip_protocol::SCTP, _) => &[Field::SctpSrc, Field::SctpDst],
        (ip_protocol::ICMP, false) => &[Field::Icmpv4Type, Field::Icmpv4Code],
        (ip_protocol::ICMPV6, true) => {
            let kind = u8::try_from(value(Field::Icmpv6Type)).unwrap_or_default();
            match (kind, value(Field::Icmpv6Code)) {
                (icmpv6::NEIGHBOUR_SOLICITATION, 0) => {
                    &[Field::Icmpv6Type, Field::Icmpv6Code, Field::NdTarget, Field::NdSll]
                }
                (icmpv6::NEIGHBOUR_ADVERTISEMENT, 0) => {
                    &[Field::Icmpv6Type, Field::Icmpv6Code, Field::NdTarget, Field::NdTll]
                }
                _ => &[Field::Icmpv6Type, Field::Icmpv6Code],
            }
        }
        _ => &[],
    }
}
