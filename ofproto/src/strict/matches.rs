//! The checks of Open vSwitch on a match.

use crate::codec::{Reader, Wire};
use crate::ovs_errors::OvsError;
use crate::ovs_errors::OvsError::*;
use crate::oxm::header::{EXPERIMENTER, Header, NXM_1, TUN_METADATA_LEN};
use crate::oxm::{Field, Match, Oxm};
use crate::{ethertype, icmpv6, ip_protocol};

impl Match {
    /// Returns the first error that Open vSwitch reports for the fields of a match, given as bytes
    /// without frame and padding. `None` for a match that it accepts.
    pub fn ovs_error(fields: &[u8]) -> Option<OvsError> {
        Self::decode_strict(fields).err()
    }

    /// Decodes the fields of a match as strictly as Open vSwitch, from bytes without frame and
    /// padding. Each field must be known, with a valid length, value and mask. It must occur once,
    /// after its prerequisites (ovs-fields(7)).
    ///
    /// # Errors
    /// Returns the first error that Open vSwitch reports.
    pub fn decode_strict(fields: &[u8]) -> Result<Self, OvsError> {
        decode(fields, true)
    }

    /// Decodes the fields of a PACKET_IN's match like [`Match::decode_strict`], but skips unknown
    /// fields and checks no prerequisites.
    ///
    /// # Errors
    /// Returns the first error that Open vSwitch reports.
    pub fn decode_told(fields: &[u8]) -> Result<Self, OvsError> {
        decode(fields, false)
    }
}

fn decode(fields: &[u8], strict: bool) -> Result<Match, OvsError> {
    let mut seen = Matched { lenient: !strict, ..Matched::default() };
    let mut decoded = Vec::new();
    let mut rest = fields;
    while !rest.is_empty() {
        let len = rest.get(3).map(|len| usize::from(*len) + 4);
        let (entry, tail) = len.and_then(|len| rest.split_at_checked(len)).ok_or(MatchLen)?;
        rest = tail;
        match decode_entry(entry, false, true) {
            Ok(oxm) => {
                seen.take(&oxm)?;
                decoded.push(oxm);
            }
            Err(MatchField) if !strict => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Match { fields: decoded })
}

/// Decodes one field as Open vSwitch does. In an action, a wrong length has another error, and
/// NXAST_REG_LOAD2 does not check the value.
pub(crate) fn decode_entry(entry: &[u8], in_action: bool, check_value: bool) -> Result<Oxm, OvsError> {
    let header = entry.first_chunk().map(|h| Header::unpack(u32::from_be_bytes(*h))).ok_or(MatchLen)?;
    let experimenter = entry.get(4..).and_then(|rest| rest.first_chunk()).map(|id| u32::from_be_bytes(*id));
    let (field, own) = if header.class == EXPERIMENTER {
        let own = usize::from(header.len).checked_sub(4).ok_or(MatchLen)?;
        (experimenter.and_then(|id| Field::from_experimenter(id, header.number)), own)
    } else {
        (Field::from_header(header.class, header.number), usize::from(header.len))
    };
    if header.class == NXM_1 && Field::from_tun_metadata(header.number).is_some() {
        return tunnel_option(entry, header);
    }
    let bytes = entry.len().checked_sub(own).and_then(|at| entry.get(at..)).unwrap_or_default();
    // Open vSwitch checks the mask of an unknown field too, and has no known field of another
    // length.
    if !in_action && header.has_mask && outside_mask(bytes) {
        return Err(MatchWildcards);
    }
    let field = field.ok_or(MatchField)?;
    let info = field.info();
    let wanted = info.bytes() * if header.has_mask { 2 } else { 1 };
    if own != wanted {
        return Err(if in_action { ActionSetLen } else { MatchField });
    }
    let number = |bytes: &[u8]| bytes.iter().fold(0_u128, |v, b| v << 8 | u128::from(*b));
    let (value, mask) = bytes.split_at_checked(info.bytes()).ok_or(MatchLen)?;
    let (value, mask) = (number(value), header.has_mask.then(|| number(mask)));
    if let Some(mask) = mask {
        if value & !mask != 0 {
            return Err(MatchWildcards);
        }
        // A mask counts as exact if it is all ones over the bytes of the field, even if the field
        // has fewer bits.
        let all = mask.count_ones() as usize == 8 * info.bytes();
        if check_value && !info.maskable && mask != 0 && !all {
            return Err(MatchMask);
        }
    }
    let mask = mask.map(|mask| mask & info.exact());
    if check_value && !is_valid(field, value) {
        return Err(MatchValue);
    }
    Ok(Oxm::Known { field, value, mask })
}

/// Returns whether a value has bits outside its mask, the second half of the payload.
fn outside_mask(payload: &[u8]) -> bool {
    let (value, mask) = payload.split_at_checked(payload.len() / 2).unwrap_or_default();
    value.iter().zip(mask).any(|(value, mask)| value & !mask != 0)
}

fn tunnel_option(entry: &[u8], header: Header) -> Result<Oxm, OvsError> {
    let Ok(oxm) = Oxm::decode(&mut Reader::new(entry)) else { return Err(MatchLen) };
    let len = usize::from(header.len);
    if header.has_mask && !len.is_multiple_of(2)
        || len > TUN_METADATA_LEN * if header.has_mask { 2 } else { 1 }
    {
        return Err(MatchLen);
    }
    let payload = entry.get(4..).unwrap_or_default();
    if header.has_mask && outside_mask(payload) {
        return Err(MatchWildcards);
    }
    Ok(oxm)
}

/// Returns the largest value that a match may have.
fn largest(field: Field) -> u128 {
    match field {
        Field::ArpOp => 0xff,
        Field::NshTtl => 63,
        Field::CtState => 0xff,
        Field::TunFlags => 1,
        _ => field.info().exact(),
    }
}

fn is_valid(field: Field, value: u128) -> bool {
    match field {
        // Numbers of 32 bits without a 16-bit form.
        Field::InPortOxm | Field::ActsetOutput => !(0xff00..0xffff_ff00).contains(&value),
        Field::NshMdtype => matches!(value, 1 | 2),
        Field::IpDscp => value & 3 == 0 && value <= 0xff,
        field => value <= largest(field),
    }
}

/// The fields matched so far.
#[derive(Default)]
struct Matched {
    /// True if fields may occur without their prerequisites.
    lenient: bool,
    places: Vec<Field>,
    options: Vec<u8>,
    packet_type: u128,
    eth_type: Option<u128>,
    protocol: Option<u128>,
    icmp6_type: Option<u128>,
    tagged: bool,
    later_fragment: bool,
    connection: (u128, u128),
}

impl Matched {
    fn take(&mut self, oxm: &Oxm) -> Result<(), OvsError> {
        let (field, value, mask) = match oxm {
            Oxm::Known { field, value, mask } => (*field, *value, *mask),
            Oxm::Unknown { number, .. } => {
                let twice = self.options.contains(number);
                self.options.push(*number);
                return if twice { Err(MatchTwice) } else { Ok(()) };
            }
        };
        if !self.lenient && !self.has(field) {
            return Err(MatchPrerequisite);
        }
        let places = places(field);
        let counted = mask != Some(0);
        if places.iter().any(|place| self.places.contains(place)) {
            return Err(MatchTwice);
        }
        if !counted {
            return Ok(());
        }
        self.places.extend_from_slice(places);
        // These fields imply Ethernet packets.
        if matches!(field, Field::EthSrc | Field::EthDst | Field::EthType | Field::VlanTci | Field::VlanVid) {
            self.places.push(Field::PacketType);
        }
        let exact = mask.is_none_or(|mask| mask == field.info().exact()).then_some(value);
        match field {
            Field::PacketType => self.packet_type = value,
            Field::EthType => self.eth_type = exact,
            Field::IpProto => self.protocol = exact,
            Field::Icmpv6Type => self.icmp6_type = exact,
            Field::VlanTci | Field::VlanVid => self.tagged = value & 0x1000 != 0,
            Field::IpFrag => self.later_fragment = value & 2 != 0,
            Field::CtState => self.connection = (value, mask.unwrap_or(0xff)),
            _ => {}
        }
        Ok(())
    }

    fn is(&self, eth_type: u16) -> bool {
        let eth_type = u128::from(eth_type);
        match self.packet_type {
            0 => self.eth_type == Some(eth_type),
            kind => kind == 1 << 16 | eth_type,
        }
    }

    fn is_ip(&self) -> bool {
        self.is(ethertype::IPV4) || self.is(ethertype::IPV6)
    }

    fn is_protocol(&self, protocol: u8) -> bool {
        self.is_ip() && self.protocol == Some(protocol.into()) && !self.later_fragment
    }

    fn is_tracked(&self) -> bool {
        let (value, mask) = self.connection;
        value & 0xcf != 0 || value & 0x20 != 0 && mask & 0x10 != 0 && value & 0x10 == 0
    }

    /// Returns whether the prerequisites of the field are matched.
    fn has(&self, field: Field) -> bool {
        use Field::*;
        let icmp6 = || self.is(ethertype::IPV6) && self.is_protocol(ip_protocol::ICMPV6);
        let solicit = || icmp6() && self.icmp6_type == Some(icmpv6::NEIGHBOUR_SOLICITATION.into());
        let advert = || icmp6() && self.icmp6_type == Some(icmpv6::NEIGHBOUR_ADVERTISEMENT.into());
        match field {
            EthSrc | EthDst | EthType | VlanTci | VlanVid => self.packet_type == 0,
            VlanPcp => self.packet_type == 0 && self.tagged,
            MplsLabel | MplsTc | MplsBos | MplsTtl => {
                self.is(ethertype::MPLS) || self.is(ethertype::MPLS_MULTICAST)
            }
            Ipv4Src | Ipv4Dst => self.is(ethertype::IPV4),
            Ipv6Src | Ipv6Dst | Ipv6Label => self.is(ethertype::IPV6),
            IpProto | IpDscp | IpDscpShifted | IpEcn | IpTtl | IpFrag => self.is_ip(),
            ArpOp | ArpSpa | ArpTpa | ArpSha | ArpTha => self.is(ethertype::ARP) || self.is(ethertype::RARP),
            TcpSrc | TcpDst | TcpFlags => self.is_protocol(ip_protocol::TCP),
            UdpSrc | UdpDst => self.is_protocol(ip_protocol::UDP),
            SctpSrc | SctpDst => self.is_protocol(ip_protocol::SCTP),
            Icmpv4Type | Icmpv4Code => self.is(ethertype::IPV4) && self.is_protocol(ip_protocol::ICMP),
            Icmpv6Type | Icmpv6Code => icmp6(),
            NdTarget | NdReserved | NdOptionsType => solicit() || advert(),
            NdSll => solicit(),
            NdTll => advert(),
            NshFlags | NshTtl | NshMdtype | NshNp | NshSpi | NshSi | NshC1 | NshC2 | NshC3 | NshC4 => {
                self.is(ethertype::NSH)
            }
            CtNwSrc | CtNwDst | CtIpv6Src | CtIpv6Dst | CtNwProto | CtTpSrc | CtTpDst => self.is_tracked(),
            _ => true,
        }
    }
}

/// Returns the places that a field occupies. Two fields with a common place count as a duplicate.
fn places(field: Field) -> &'static [Field] {
    use Field::*;
    match field {
        InPort | InPortOxm => &[InPort],
        IpDscp | IpDscpShifted => &[IpDscp],
        VlanTci => &[VlanVid, VlanPcp],
        field if !field.registers().is_empty() => field.registers(),
        field => itself(field),
    }
}

fn itself(field: Field) -> &'static [Field] {
    Field::ALL.iter().position(|f| *f == field).and_then(|at| Field::ALL.get(at..=at)).unwrap_or_default()
}
