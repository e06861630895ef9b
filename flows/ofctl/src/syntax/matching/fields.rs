//! Match fields as Open vSwitch keeps them. Several fields share one place; Ethernet type and
//! protocol determine which of them is meant.

use std::collections::BTreeMap;

use flow_model::{FlowMatch, Masked};
use ofproto::oxm::Field;
use ofproto::{PortNo, ethertype, icmpv6, ip_protocol};

// As wide as the values of fields that they are compared with.
pub(in crate::syntax) const IPV4: u128 = ethertype::IPV4 as u128;
pub(in crate::syntax) const ARP: u128 = ethertype::ARP as u128;
pub(in crate::syntax) const RARP: u128 = ethertype::RARP as u128;
pub(in crate::syntax) const IPV6: u128 = ethertype::IPV6 as u128;
pub(in crate::syntax) const MPLS: u128 = ethertype::MPLS as u128;
pub(in crate::syntax) const MPLS_MULTICAST: u128 = ethertype::MPLS_MULTICAST as u128;
const NSH: u128 = ethertype::NSH as u128;

pub(in crate::syntax) const ICMP: u128 = ip_protocol::ICMP as u128;
pub(in crate::syntax) const TCP: u128 = ip_protocol::TCP as u128;
pub(in crate::syntax) const UDP: u128 = ip_protocol::UDP as u128;
pub(in crate::syntax) const ICMP6: u128 = ip_protocol::ICMPV6 as u128;
pub(in crate::syntax) const SCTP: u128 = ip_protocol::SCTP as u128;

const ND_SOLICIT: u128 = icmpv6::NEIGHBOUR_SOLICITATION as u128;
const ND_ADVERT: u128 = icmpv6::NEIGHBOUR_ADVERTISEMENT as u128;

/// The bit of a VLAN TCI that means "tagged" in Nicira fields.
pub(in crate::syntax) const TAGGED: u128 = 0x1000;

/// The states of a known connection: new, est, rel, rpl, snat, dnat.
const TRACKED: u128 = 0xcf;
/// The state "inv".
const INVALID: u128 = 0x10;
/// The state "trk".
const TRACKING: u128 = 0x20;

/// The fields by the place that they share. Each place has one name: `nw_src` for `arp_spa` too,
/// `tp_src` (as [`Field::TcpSrc`]) for all ports and ICMP types, and `vlan_tci` for all fields of
/// the tag.
#[derive(Debug, Clone, Default)]
pub(in crate::syntax) struct Fields(BTreeMap<Field, Masked>);

/// Returns the name of a field's place.
pub(in crate::syntax) fn place(field: Field) -> Field {
    match field {
        Field::InPort => Field::InPortOxm,
        Field::IpDscp => Field::IpDscpShifted,
        Field::ArpSpa => Field::Ipv4Src,
        Field::ArpTpa => Field::Ipv4Dst,
        Field::ArpOp => Field::IpProto,
        Field::NdSll => Field::ArpSha,
        Field::NdTll => Field::ArpTha,
        Field::UdpSrc | Field::SctpSrc | Field::Icmpv4Type | Field::Icmpv6Type => Field::TcpSrc,
        Field::UdpDst | Field::SctpDst | Field::Icmpv4Code | Field::Icmpv6Code => Field::TcpDst,
        Field::VlanVid | Field::VlanPcp => Field::VlanTci,
        field => field,
    }
}

/// Returns whether a field comes after the IP header.
pub(in crate::syntax) fn is_transport(field: Field) -> bool {
    use Field::*;
    matches!(place(field), TcpSrc | TcpDst | TcpFlags | NdTarget | NdReserved | NdOptionsType)
        || matches!(field, NdSll | NdTll)
}

/// Returns whether a field belongs to the original direction of a tracked connection.
fn is_of_connection(field: Field) -> bool {
    use Field::*;
    matches!(field, CtNwProto | CtNwSrc | CtNwDst | CtIpv6Src | CtIpv6Dst | CtTpSrc | CtTpDst)
}

impl Fields {
    /// Returns the fields of a match.
    pub(in crate::syntax) fn of(matches: &FlowMatch) -> Self {
        let mut this = Self::default();
        let untagged = |id: Masked| id.mask & TAGGED != 0 && id.value & TAGGED == 0;
        for (field, bits) in matches.iter() {
            // Senseless, but a switch may report it: a priority without a tag.
            if field == Field::VlanPcp && matches.field(Field::VlanVid).is_some_and(untagged) {
                let priority = Masked { value: bits.value << 13, mask: bits.mask << 13 };
                this.merge(Field::VlanTci, priority, 0xe000);
            } else {
                this.set(field, bits);
            }
        }
        this
    }

    /// Replaces the known value of a field.
    pub(in crate::syntax) fn set(&mut self, field: Field, bits: Masked) {
        let parts = field.registers();
        if !parts.is_empty() {
            let mut shift = 32 * parts.len();
            for part in parts {
                shift -= 32;
                let cut = |bits: u128| bits >> shift & 0xffff_ffff;
                let (value, mask) = (cut(bits.value), cut(bits.mask));
                // A masked wide register leaves the others unchanged, because it is several
                // matches.
                if mask != 0 || bits.mask == 0 {
                    self.put(*part, Masked { value, mask });
                }
            }
            return;
        }
        match field {
            Field::InPort => {
                let port = u16::try_from(bits.value).map_or(PortNo::ANY, PortNo::from_u16);
                let mask = if bits.mask == 0 { 0 } else { 0xffff_ffff };
                self.put(Field::InPortOxm, Masked { value: u128::from(port.0), mask });
            }
            Field::IpDscp => {
                self.put(Field::IpDscpShifted, Masked { value: bits.value >> 2, mask: bits.mask >> 2 });
            }
            Field::VlanVid => self.merge(Field::VlanTci, bits, 0x1fff),
            Field::VlanPcp => {
                let pcp = Masked { value: bits.value << 13 | TAGGED, mask: bits.mask << 13 | TAGGED };
                self.merge(Field::VlanTci, pcp, 0xf000);
            }
            // The place is 16 bits wide; an ICMP type fills it.
            Field::Icmpv4Type | Field::Icmpv4Code | Field::Icmpv6Type | Field::Icmpv6Code
                if bits.mask == 0xff =>
            {
                self.put(place(field), Masked { value: bits.value, mask: 0xffff });
            }
            Field::ArpOp if bits.mask == 0xffff => {
                self.put(Field::IpProto, Masked { value: bits.value & 0xff, mask: 0xff });
            }
            _ => self.put(place(field), bits),
        }
    }

    /// Sets some bits of a field and keeps the others.
    pub(in crate::syntax) fn set_bits(&mut self, field: Field, bits: Masked) {
        let before = self.get(field).unwrap_or(Masked { value: 0, mask: 0 });
        let mask = before.mask | bits.mask;
        self.set(field, Masked { value: before.value & !bits.mask | bits.value, mask });
    }

    fn merge(&mut self, place: Field, bits: Masked, part: u128) {
        let before = self.0.get(&place).copied().unwrap_or(Masked { value: 0, mask: 0 });
        let mask = before.mask & !part | bits.mask;
        self.put(place, Masked { value: before.value & !part | bits.value, mask });
    }

    fn put(&mut self, place: Field, bits: Masked) {
        if bits.mask == 0 {
            self.0.remove(&place);
        } else {
            self.0.insert(place, Masked { value: bits.value & bits.mask, mask: bits.mask });
        }
    }

    /// Returns the value of a place.
    pub(in crate::syntax) fn place(&self, place: Field) -> Option<Masked> {
        self.0.get(&place).copied()
    }

    /// Returns the known value of a field in its own layout, as far as subfields may set it.
    pub(in crate::syntax) fn get(&self, field: Field) -> Option<Masked> {
        let parts = field.registers();
        if !parts.is_empty() {
            return Some(parts.iter().fold(Masked { value: 0, mask: 0 }, |wide, part| {
                let bits = self.place(*part).unwrap_or(Masked { value: 0, mask: 0 });
                Masked { value: wide.value << 32 | bits.value, mask: wide.mask << 32 | bits.mask }
            }));
        }
        let bits = self.place(place(field))?;
        Some(match field {
            Field::VlanVid => Masked { value: bits.value & 0x1fff, mask: bits.mask & 0x1fff },
            Field::VlanPcp => Masked { value: bits.value >> 13, mask: bits.mask >> 13 },
            Field::IpDscp => Masked { value: bits.value << 2, mask: bits.mask << 2 },
            Field::InPort => Masked { value: bits.value & 0xffff, mask: bits.mask & 0xffff },
            _ => bits,
        })
    }

    fn exact(&self, place: Field) -> Option<u128> {
        self.place(place).filter(|bits| bits.mask == place.info().exact()).map(|bits| bits.value)
    }

    /// Returns the packet type, 0 for Ethernet.
    fn packet_type(&self) -> u128 {
        self.exact(Field::PacketType).unwrap_or(0)
    }

    /// Returns whether packets begin with an Ethernet header.
    pub(in crate::syntax) fn is_ethernet(&self) -> bool {
        self.packet_type() == 0
    }

    /// Returns the Ethernet type, if one is matched. For a packet without an Ethernet header, it
    /// returns the packet type.
    pub(in crate::syntax) fn eth_type(&self) -> Option<u128> {
        match self.packet_type() {
            0 => self.exact(Field::EthType),
            kind if kind >> 16 == 1 => Some(kind & 0xffff),
            _ => None,
        }
    }

    /// Applies `encap` to the fields.
    pub(in crate::syntax) fn encapsulate(&mut self, packet_type: u32) {
        let kind = u128::from(packet_type);
        self.put(Field::PacketType, Masked::exact(Field::PacketType, kind));
        if kind >> 16 == 1 {
            self.put(Field::EthType, Masked::exact(Field::EthType, kind & 0xffff));
        }
        if !matches!(self.eth_type(), Some(IPV4 | IPV6)) {
            self.forget(Field::IpProto);
        }
    }

    /// Applies `decap` to the fields.
    pub(in crate::syntax) fn decapsulate(&mut self) {
        let kind = match (self.is_ethernet(), self.exact(Field::EthType)) {
            (true, kind) => 1 << 16 | kind.unwrap_or(0),
            // Known only at run time.
            _ => 0xffff_0000,
        };
        self.put(Field::PacketType, Masked::exact(Field::PacketType, kind));
    }

    /// Forgets the value of a place.
    pub(in crate::syntax) fn forget(&mut self, place: Field) {
        self.0.remove(&place);
    }

    /// Returns whether a match requires a known connection.
    pub(in crate::syntax) fn is_tracked(&self) -> bool {
        self.place(Field::CtState).is_some_and(|state| {
            state.value & TRACKED != 0
                || state.value & TRACKING != 0 && state.mask & INVALID != 0 && state.value & INVALID == 0
        })
    }

    /// Returns whether a match requires an invalid connection.
    pub(in crate::syntax) fn is_invalid_connection(&self) -> bool {
        self.place(Field::CtState).is_some_and(|state| state.value & INVALID != 0)
    }

    /// Returns whether packets have a network service header.
    pub(in crate::syntax) fn is_nsh(&self) -> bool {
        self.eth_type() == Some(NSH) || self.exact(Field::EthType) == Some(NSH)
    }

    /// Returns the IP protocol, if one is matched.
    pub(in crate::syntax) fn protocol(&self) -> Option<u128> {
        let ip = matches!(self.eth_type(), Some(IPV4 | IPV6));
        self.exact(Field::IpProto).filter(|_| ip)
    }

    /// Returns whether a match names fields of Ethernet packets, or the packet type itself.
    pub(in crate::syntax) fn names_ethernet(&self) -> bool {
        self.iter().any(|(place, _)| place == Field::PacketType || place.is_header())
    }

    /// Returns whether a match names IPv6 fields that OpenFlow 1.0 and 1.1 support for IPv4 only.
    pub(in crate::syntax) fn is_younger_ipv6(&self) -> bool {
        use Field::{IpDscpShifted, IpEcn, IpProto, TcpDst, TcpSrc};
        let places = [IpProto, IpDscpShifted, IpEcn, TcpSrc, TcpDst];
        self.eth_type() == Some(IPV6)
            && places.iter().any(|place| self.place(*place).is_some_and(|bits| bits.mask != 0))
    }

    pub(in crate::syntax) fn is_arp(&self) -> bool {
        matches!(self.eth_type(), Some(ARP | RARP))
    }

    pub(in crate::syntax) fn is_mpls(&self) -> bool {
        matches!(self.eth_type(), Some(MPLS | MPLS_MULTICAST))
    }

    /// Returns whether only later fragments match, which have no ports.
    pub(in crate::syntax) fn is_later_fragment(&self) -> bool {
        self.place(Field::IpFrag).is_some_and(|bits| bits.value & 2 != 0)
    }

    /// Returns the ICMPv6 type, if one is matched.
    fn icmp6_type(&self) -> Option<u128> {
        let icmp6 = self.eth_type() == Some(IPV6) && self.protocol() == Some(ICMP6);
        self.exact(Field::TcpSrc).filter(|_| icmp6)
    }

    /// Returns whether Open vSwitch omits a place from a match that it sends. Protocol 0 belongs to
    /// no tracked connection.
    pub(in crate::syntax) fn is_left_out(&self, place: Field) -> bool {
        matches!(place, Field::CtNwProto | Field::CtTpSrc | Field::CtTpDst)
            && self.place(Field::CtNwProto).is_none_or(|bits| bits.value == 0)
    }

    /// Returns the field of a place in this match. `None` if its prerequisites are missing.
    pub(in crate::syntax) fn meaning(&self, place: Field) -> Option<Field> {
        use Field::*;
        let (eth_type, protocol) = (self.eth_type(), self.protocol());
        let ip = matches!(eth_type, Some(IPV4 | IPV6));
        let icmp = eth_type == Some(IPV4) && protocol == Some(ICMP);
        let icmp6 = eth_type == Some(IPV6) && protocol == Some(ICMP6);
        let port = |tcp, udp, sctp, v4, v6| match protocol {
            Some(TCP) => Some(tcp),
            Some(UDP) => Some(udp),
            Some(SCTP) => Some(sctp),
            _ if icmp => Some(v4),
            _ if icmp6 => Some(v6),
            _ => None,
        };
        let solicit = self.icmp6_type() == Some(ND_SOLICIT);
        let advert = self.icmp6_type() == Some(ND_ADVERT);
        match place {
            Ipv4Src if self.is_arp() => Some(ArpSpa),
            Ipv4Dst if self.is_arp() => Some(ArpTpa),
            Ipv4Src | Ipv4Dst => (eth_type == Some(IPV4)).then_some(place),
            Ipv6Src | Ipv6Dst | Ipv6Label => (eth_type == Some(IPV6)).then_some(place),
            IpProto if self.is_arp() => Some(ArpOp),
            IpProto | IpDscpShifted | IpEcn | IpTtl | IpFrag => ip.then_some(place),
            TcpSrc => port(TcpSrc, UdpSrc, SctpSrc, Icmpv4Type, Icmpv6Type),
            TcpDst => port(TcpDst, UdpDst, SctpDst, Icmpv4Code, Icmpv6Code),
            TcpFlags => (protocol == Some(TCP)).then_some(place),
            ArpSha if self.is_arp() => Some(ArpSha),
            ArpTha if self.is_arp() => Some(ArpTha),
            ArpSha => solicit.then_some(NdSll),
            ArpTha => advert.then_some(NdTll),
            NdTarget | NdReserved => (solicit || advert).then_some(place),
            NdOptionsType => (solicit || advert).then_some(place),
            NshFlags | NshTtl | NshMdtype | NshNp | NshSpi | NshSi | NshC1 | NshC2 | NshC3 | NshC4 => {
                (eth_type == Some(NSH)).then_some(place)
            }
            MplsLabel | MplsTc | MplsBos | MplsTtl => self.is_mpls().then_some(place),
            EthSrc | EthDst | EthType | VlanTci => self.is_ethernet().then_some(place),
            place => Some(place),
        }
    }

    /// Returns whether a tag is known to be present.
    pub(in crate::syntax) fn is_tagged(&self) -> bool {
        self.place(Field::VlanTci).is_some_and(|bits| bits.value & TAGGED != 0)
    }

    /// Returns whether a matching packet has the field.
    pub(in crate::syntax) fn has(&self, field: Field) -> bool {
        match field {
            Field::VlanPcp => self.is_ethernet() && self.is_tagged(),
            Field::VlanTci | Field::VlanVid => self.is_ethernet(),
            Field::IpDscp => self.meaning(Field::IpDscpShifted).is_some(),
            Field::InPort => true,
            field if is_transport(field) && self.is_later_fragment() => false,
            // The IP version of the addresses is checked for flows only.
            field if is_of_connection(field) => self.is_tracked(),
            _ => self.meaning(place(field)) == Some(field),
        }
    }

    /// Returns the reason why a switch would not match this VLAN tag. The priority needs a tag, and
    /// OpenFlow 1.3 cannot mask a part of it.
    pub(in crate::syntax) fn vlan_problem(&self) -> Option<&'static str> {
        let Masked { value, mask } = self.place(Field::VlanTci)?;
        let untagged = value == 0 && mask & TAGGED != 0;
        let tagged = value & TAGGED != 0;
        match mask & 0xe000 {
            0 | 0xe000 if mask & 0xe000 == 0 || tagged || untagged => None,
            0xe000 => Some("has a priority without a tag: set the bit 0x1000 too"),
            _ if untagged => None,
            _ => Some("masks a part of the VLAN priority, which OpenFlow 1.3 cannot"),
        }
    }

    /// Returns the reason why a switch would not match a field of a tracked connection.
    pub(in crate::syntax) fn tracking_problem(&self, field: Field) -> Option<&'static str> {
        use Field::*;
        let needs = match field {
            CtNwSrc | CtNwDst => (self.eth_type() == Some(IPV4)).then_some(()),
            CtIpv6Src | CtIpv6Dst => (self.eth_type() == Some(IPV6)).then_some(()),
            CtTpSrc | CtTpDst => self.place(CtNwProto).map(|_| ()),
            CtNwProto => Some(()),
            _ => return None,
        };
        if needs.is_none() {
            return Some("needs ip, ipv6 or ct_nw_proto beside it");
        }
        let problem = "needs ct_state with one of new, est, rel, rpl, snat or dnat, or with +trk-inv";
        (!self.is_tracked()).then_some(problem)
    }

    /// Returns all places, in the order of [`Field`].
    pub(in crate::syntax) fn iter(&self) -> impl Iterator<Item = (Field, Masked)> + '_ {
        self.0.iter().map(|(place, bits)| (*place, *bits))
    }

    /// Returns the match without fields whose prerequisites are missing, which Open vSwitch does
    /// not match either.
    pub(in crate::syntax) fn to_match(&self) -> FlowMatch {
        let mut matches = FlowMatch::any();
        for (place, bits) in self.iter() {
            let Some(field) = self.meaning(place).filter(|_| !self.is_left_out(place)) else { continue };
            // A flow matches Ethernet unless it names another packet type.
            if field == Field::PacketType && bits.value == 0 {
                continue;
            }
            let mask = if bits.mask == place.info().exact() { field.info().exact() } else { bits.mask };
            matches.set(field, Masked { value: bits.value, mask });
        }
        matches
    }
}
