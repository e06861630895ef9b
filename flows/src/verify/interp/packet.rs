//! A packet as match fields see it, with its registers and metadata in a pipeline.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};

use ofproto::action::Subfield;
use ofproto::oxm::Field;
use ofproto::{MacAddr, PortNo, ethertype, icmpv6, ip_protocol};

use super::fields::{FieldSet, WIDE, bit};

/// TCP flag FIN.
pub const TCP_FIN: u16 = 0x001;
/// TCP flag SYN.
pub const TCP_SYN: u16 = 0x002;
/// TCP flag RST.
pub const TCP_RST: u16 = 0x004;
/// TCP flag ACK.
pub const TCP_ACK: u16 = 0x010;

/// OFPVID_PRESENT: the bit of a VLAN id that marks a tag as present (OpenFlow 1.3.5 §7.2.3.7).
pub const VLAN_PRESENT: u128 = 0x1000;

/// The width of a single register.
const REGISTER_BITS: u32 = 32;

/// Fields that every packet has, zero by default.
const ALWAYS: FieldSet = {
    let mut set = FieldSet(0);
    let mut rest = Field::ALL;
    while let Some((&field, tail)) = rest.split_first() {
        if !field.is_header()
            || matches!(field, Field::EthSrc | Field::EthDst | Field::EthType | Field::VlanVid)
        {
            set.0 |= bit(field);
        }
        rest = tail;
    }
    // Second spellings, computed from the first: see `Packet::derived`.
    let second = [Field::InPort, Field::VlanTci, Field::IpDscp];
    FieldSet(set.0 & !FieldSet::of(&second).0)
};

/// The header fields of a packet, and the registers, metadata and ingress port that a pipeline
/// keeps beside them. Canonical spellings of fields (see [`crate::FlowMatch`]) are faster to read;
/// the others work too.
#[derive(Clone)]
pub struct Packet {
    present: u128,
    values: [u128; WIDE],
    /// The tag below the outer one, as a TCI.
    inner_tag: Option<u16>,
}

impl Default for Packet {
    fn default() -> Self {
        Self::ethernet([0; 6], [0; 6], 0x05ff)
    }
}

impl Packet {
    /// Returns an Ethernet frame of a type without further fields.
    pub fn ethernet(src: [u8; 6], dst: [u8; 6], eth_type: u16) -> Self {
        let mut this = Self { present: ALWAYS.0, values: [0; WIDE], inner_tag: None };
        this.put(Field::EthSrc, MacAddr(src).bits());
        this.put(Field::EthDst, MacAddr(dst).bits());
        this.put(Field::EthType, eth_type.into());
        // OFPP_NONE: no output in the action set (ovs-fields(7), actset_output).
        this.put(Field::ActsetOutput, u128::from(PortNo::ANY.0));
        this
    }

    /// Returns an ARP packet: operation 1 asks, 2 answers.
    pub fn arp(src: [u8; 6], dst: [u8; 6], op: u16, spa: Ipv4Addr, tpa: Ipv4Addr) -> Self {
        let tha = if op == 1 { [0; 6] } else { dst };
        Self::ethernet(src, dst, ethertype::ARP)
            .with(Field::ArpOp, op.into())
            .with(Field::ArpSpa, u32::from(spa).into())
            .with(Field::ArpTpa, u32::from(tpa).into())
            .with(Field::ArpSha, MacAddr(src).bits())
            .with(Field::ArpTha, MacAddr(tha).bits())
    }

    /// Returns an IPv4 packet of a protocol without further fields.
    pub fn ipv4(src: [u8; 6], dst: [u8; 6], from: Ipv4Addr, to: Ipv4Addr, proto: u8) -> Self {
        Self::ethernet(src, dst, ethertype::IPV4)
            .with(Field::Ipv4Src, u32::from(from).into())
            .with(Field::Ipv4Dst, u32::from(to).into())
            .ip(proto)
    }

    /// Returns an IPv6 packet of a protocol without further fields.
    pub fn ipv6(src: [u8; 6], dst: [u8; 6], from: Ipv6Addr, to: Ipv6Addr, proto: u8) -> Self {
        Self::ethernet(src, dst, ethertype::IPV6)
            .with(Field::Ipv6Src, from.into())
            .with(Field::Ipv6Dst, to.into())
            .with(Field::Ipv6Label, 0)
            .ip(proto)
    }

    fn ip(self, proto: u8) -> Self {
        self.with(Field::IpProto, proto.into())
            .with(Field::IpDscpShifted, 0)
            .with(Field::IpEcn, 0)
            .with(Field::IpTtl, 64)
            .with(Field::IpFrag, 0)
    }

    /// Makes an IP packet TCP, with `TCP_` flags.
    #[must_use]
    pub fn tcp(self, src: u16, dst: u16, flags: u16) -> Self {
        self.with(Field::IpProto, ip_protocol::TCP.into())
            .with(Field::TcpSrc, src.into())
            .with(Field::TcpDst, dst.into())
            .with(Field::TcpFlags, flags.into())
    }

    /// Makes an IP packet UDP.
    #[must_use]
    pub fn udp(self, src: u16, dst: u16) -> Self {
        self.with(Field::IpProto, ip_protocol::UDP.into())
            .with(Field::UdpSrc, src.into())
            .with(Field::UdpDst, dst.into())
    }

    /// Makes an IP packet SCTP.
    #[must_use]
    pub fn sctp(self, src: u16, dst: u16) -> Self {
        self.with(Field::IpProto, ip_protocol::SCTP.into())
            .with(Field::SctpSrc, src.into())
            .with(Field::SctpDst, dst.into())
    }

    /// Makes an IPv4 packet ICMP.
    #[must_use]
    pub fn icmp(self, kind: u8, code: u8) -> Self {
        self.with(Field::IpProto, ip_protocol::ICMP.into())
            .with(Field::Icmpv4Type, kind.into())
            .with(Field::Icmpv4Code, code.into())
    }

    /// Makes an IPv6 packet ICMPv6.
    #[must_use]
    pub fn icmpv6(self, kind: u8, code: u8) -> Self {
        self.with(Field::IpProto, ip_protocol::ICMPV6.into())
            .with(Field::Icmpv6Type, kind.into())
            .with(Field::Icmpv6Code, code.into())
    }

    /// Makes an IPv6 packet a neighbour solicitation (135) with its sender's link-layer address.
    #[must_use]
    pub fn neighbour_solicitation(self, target: Ipv6Addr, sll: [u8; 6]) -> Self {
        self.icmpv6(icmpv6::NEIGHBOUR_SOLICITATION, 0)
            .with(Field::NdTarget, target.into())
            .with(Field::NdSll, MacAddr(sll).bits())
            .with(Field::IpTtl, 255)
    }

    /// Makes an IPv6 packet a neighbour advertisement (136) with the target's link-layer address.
    #[must_use]
    pub fn neighbour_advertisement(self, target: Ipv6Addr, tll: [u8; 6]) -> Self {
        self.icmpv6(icmpv6::NEIGHBOUR_ADVERTISEMENT, 0)
            .with(Field::NdTarget, target.into())
            .with(Field::NdTll, MacAddr(tll).bits())
            .with(Field::IpTtl, 255)
    }

    /// Tags the frame (802.1Q).
    #[must_use]
    pub fn tagged(mut self, vid: u16, pcp: u8) -> Self {
        self.push_vlan();
        self.put(Field::VlanVid, VLAN_PRESENT | u128::from(vid & 0xfff));
        self.put(Field::VlanPcp, u128::from(pcp & 7));
        self
    }

    /// Makes an IP packet a fragment: the first, or a later one, which has only the IP header.
    #[must_use]
    pub fn fragment(mut self, later: bool) -> Self {
        if later {
            for field in Field::ALL.iter().filter(|f| TRANSPORT.contains(**f)) {
                self.forget(*field);
            }
            // Open vSwitch does not parse past the fragment header of IPv6, and this is that
            // header's number.
            if self.value(Field::EthType) == Some(ethertype::IPV6.into()) {
                self.put(Field::IpProto, ip_protocol::FRAGMENT.into());
            }
        }
        self.with(Field::IpFrag, if later { 3 } else { 1 })
    }

    /// Hides the ports as a table lookup does: a fragment's ports count as zero, whether it carries
    /// them or not (ovs-fields(7), "IPv4 and IPv6 fragments").
    pub(crate) fn hide_ports(&mut self) {
        let v6 = self.value(Field::EthType) == Some(ethertype::IPV6.into());
        let protocol = self.value(Field::IpProto).and_then(|protocol| u8::try_from(protocol).ok());
        let fields: &[Field] = match (protocol, v6) {
            (Some(ip_protocol::TCP), _) => &[Field::TcpSrc, Field::TcpDst],
            (Some(ip_protocol::UDP), _) => &[Field::UdpSrc, Field::UdpDst],
            (Some(ip_protocol::SCTP), _) => &[Field::SctpSrc, Field::SctpDst],
            (Some(ip_protocol::ICMP), false) => &[Field::Icmpv4Type, Field::Icmpv4Code],
            (Some(ip_protocol::ICMPV6), true) => &[Field::Icmpv6Type, Field::Icmpv6Code],
            _ => &[],
        };
        fields.iter().for_each(|field| self.put(*field, 0));
        if protocol == Some(ip_protocol::TCP) && self.value(Field::TcpFlags).is_none() {
            self.put(Field::TcpFlags, 0);
        }
    }

    /// Sets a field that the packet then has.
    #[must_use]
    pub fn with(mut self, field: Field, value: u128) -> Self {
        self.put(field, value);
        self
    }

    /// Returns the ingress port.
    pub fn in_port(&self) -> Option<PortNo> {
        self.value(Field::InPortOxm).and_then(|port| u32::try_from(port).ok()).map(PortNo)
    }

    /// Returns the value of a field, if the packet has it.
    pub fn value(&self, field: Field) -> Option<u128> {
        if self.present & bit(field) != 0 {
            return self.values.get(field as usize).copied();
        }
        self.derived(field)
    }

    /// Sets a field; the packet then has it.
    pub fn put(&mut self, field: Field, value: u128) {
        let value = value & field.info().exact();
        match field {
            Field::InPort => {
                let port = u16::try_from(value).map_or(PortNo::ANY, PortNo::from_u16);
                self.put(Field::InPortOxm, port.0.into());
            }
            Field::IpDscp => self.put(Field::IpDscpShifted, value >> 2),
            Field::VlanTci => {
                self.put(Field::VlanVid, value & 0x1fff);
                if value & VLAN_PRESENT != 0 {
                    self.put(Field::VlanPcp, value >> 13);
                }
            }
            _ => {
                let parts = field.registers();
                if !parts.is_empty() {
                    for (part, place) in parts.iter().rev().zip(0..) {
                        self.put(*part, value >> (place * REGISTER_BITS));
                    }
                    return;
                }
                self.present |= bit(field);
                if let Some(slot) = self.values.get_mut(field as usize) {
                    *slot = value;
                }
                // A tag adds its priority, and removes it when it is removed.
                if field == Field::VlanVid {
                    if value & VLAN_PRESENT == 0 {
                        self.forget(Field::VlanPcp);
                    } else {
                        self.present |= bit(Field::VlanPcp);
                    }
                }
            }
        }
    }

    fn forget(&mut self, field: Field) {
        self.present &= !bit(field);
        if let Some(slot) = self.values.get_mut(field as usize) {
            *slot = 0;
        }
    }

    fn derived(&self, field: Field) -> Option<u128> {
        match field {
            Field::InPort => {
                // Open vSwitch's own port numbers have 16 bits; OFPP_NONE if there is none.
                Some(self.in_port()?.to_u16().unwrap_or(u16::MAX).into())
            }
            Field::IpDscp => Some(self.value(Field::IpDscpShifted)? << 2),
            Field::VlanTci => {
                Some(self.value(Field::VlanVid)? | self.value(Field::VlanPcp).unwrap_or(0) << 13)
            }
            _ => {
                let parts = Some(field.registers()).filter(|parts| !parts.is_empty())?;
                parts.iter().try_fold(0, |acc, part| Some(acc << REGISTER_BITS | self.value(*part)?))
            }
        }
    }

    /// Returns the bits of a subfield, right-aligned, if the packet has the field.
    pub fn subfield(&self, sub: Subfield) -> Option<u128> {
        Some(self.value(sub.field)? >> sub.ofs & low_bits(sub.n_bits))
    }

    /// Sets the bits of a subfield, as `load` and `move` do: a packet without the field stays
    /// unchanged.
    pub fn put_subfield(&mut self, sub: Subfield, value: u128) {
        if let Some(old) = self.value(sub.field) {
            let mask = low_bits(sub.n_bits) << sub.ofs;
            self.put(sub.field, old & !mask | value << sub.ofs & mask);
        }
    }

    /// Adds an outer tag with VLAN 0.
    pub fn push_vlan(&mut self) {
        if let Some(outer) = self.value(Field::VlanTci).filter(|tci| tci & VLAN_PRESENT != 0) {
            self.inner_tag = u16::try_from(outer).ok();
        }
        self.put(Field::VlanVid, VLAN_PRESENT);
        self.put(Field::VlanPcp, 0);
    }

    /// Removes the outer tag, if there is one.
    pub fn pop_vlan(&mut self) {
        let inner = self.inner_tag.take().unwrap_or(0);
        self.put(Field::VlanTci, inner.into());
    }

    /// Returns the packet as it is on the wire, without its pipeline fields.
    #[must_use]
    pub fn on_the_wire(mut self) -> Self {
        let header = self.present & HEADER.0;
        for (value, field) in self.values.iter_mut().zip(Field::ALL) {
            if !HEADER.contains(*field) {
                *value = 0;
            }
        }
        self.present = header | ALWAYS.0;
        self.put(Field::ActsetOutput, u128::from(PortNo::ANY.0));
        self
    }

    /// Returns the fields that the packet has and a switch could match, in the order of [`Field`].
    pub fn headers(&self) -> impl Iterator<Item = (Field, u128)> + '_ {
        FieldSet(self.present & HEADER.0).iter().filter_map(|f| Some((f, self.value(f)?)))
    }
}

/// The fields behind the IP header.
const TRANSPORT: FieldSet = FieldSet::of(&[
    Field::TcpSrc,
    Field::TcpDst,
    Field::TcpFlags,
    Field::UdpSrc,
    Field::UdpDst,
    Field::SctpSrc,
    Field::SctpDst,
    Field::Icmpv4Type,
    Field::Icmpv4Code,
    Field::Icmpv6Type,
    Field::Icmpv6Code,
    Field::NdTarget,
    Field::NdSll,
    Field::NdTll,
]);

const HEADER: FieldSet = {
    let mut set = FieldSet(0);
    let mut rest = Field::ALL;
    while let Some((&field, tail)) = rest.split_first() {
        if field.is_header() {
            set.0 |= bit(field);
        }
        rest = tail;
    }
    set
};

impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        self.present == other.present && self.inner_tag == other.inner_tag && self.values == other.values
    }
}

impl Eq for Packet {}

impl Hash for Packet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.present.hash(state);
        self.inner_tag.hash(state);
        for (field, value) in self.headers() {
            (field, value).hash(state);
        }
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({})", self.to_text(None))
    }
}

/// Returns a number with the lowest `n` bits set.
pub(crate) fn low_bits(n: u16) -> u128 {
    if n >= 128 { u128::MAX } else { (1 << n) - 1 }
}
