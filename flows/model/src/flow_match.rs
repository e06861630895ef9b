//! The match of a flow, in one canonical form.

use std::fmt;

use ofproto::PortNo;
use ofproto::oxm::{Field, Match, Oxm};

use crate::masked::Masked;
use crate::order;

/// The match of a flow, in canonical form. Each field has one entry, without wildcarded ones. A
/// field with two spellings has that of OXM (`in_port` of 32 bits, DSCP shifted, VLAN id and
/// priority apart). Two flows are one flow for a switch if table, priority and match are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FlowMatch {
    fields: Fields,
    /// Unknown fields, with their bytes unchanged, sorted by class and number.
    unknown: Vec<UnknownField>,
}

/// Fields and their bits, each field once, in the order of [`Field`]. A match has few fields, so a
/// list is smaller and faster than a map. Matches make up most of a large program.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
struct Fields(Vec<(Field, Masked)>);

impl Fields {
    fn place(&self, field: Field) -> Result<usize, usize> {
        self.0.binary_search_by_key(&field, |(f, _)| *f)
    }

    fn get(&self, field: Field) -> Option<Masked> {
        self.0.get(self.place(field).ok()?).map(|(_, bits)| *bits)
    }

    fn insert(&mut self, field: Field, bits: Masked) {
        match self.place(field) {
            Ok(place) => self.0.get_mut(place).into_iter().for_each(|(_, old)| *old = bits),
            Err(place) => self.0.insert(place, (field, bits)),
        }
    }

    fn remove(&mut self, field: Field) {
        if let Ok(place) = self.place(field) {
            self.0.remove(place);
        }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().copied()).finish()
    }
}

/// An unknown match field, or a tunnel option, which may be longer than 128 bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct UnknownField {
    class: u16,
    number: u8,
    has_mask: bool,
    payload: Vec<u8>,
}

impl UnknownField {
    fn tunnel_option(&self) -> Option<(Field, TunnelOption)> {
        if self.class != TUNNEL_OPTIONS.0 {
            return None;
        }
        TunnelOption::of_wire(self.number, self.has_mask, &self.payload)
    }

    /// Removes the leading zeros with which a switch pads a tunnel option. Each switch defines the
    /// length of an option by itself (NXT_TLV_TABLE_MOD).
    fn canonical(mut self) -> Self {
        if let Some((_, option)) = self.tunnel_option() {
            let counted = option.mask.as_ref().unwrap_or(&option.value);
            let zeros = counted.iter().take_while(|byte| **byte == 0).count();
            let mut payload = option.value.get(zeros..).unwrap_or_default().to_vec();
            payload.extend(option.mask.iter().flat_map(|mask| mask.iter().skip(zeros)));
            self.payload = payload;
        }
        self
    }
}

/// The match on a tunnel option, with big-endian values as long as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TunnelOption {
    /// The value.
    pub value: Vec<u8>,
    /// The mask, as long as the value. `None` for all bits. An empty mask matches the presence of
    /// the option.
    pub mask: Option<Vec<u8>>,
}

/// The class and the first number of the tunnel options, from NXM_NX_TUN_METADATA0 on.
const TUNNEL_OPTIONS: (u16, u8) = (1, 40);

impl TunnelOption {
    /// Returns the tunnel option of a field of class 1 on the wire.
    pub fn of_wire(number: u8, has_mask: bool, payload: &[u8]) -> Option<(Field, Self)> {
        let field = *Field::TUN_METADATA.get(usize::from(number.checked_sub(TUNNEL_OPTIONS.1)?))?;
        let (value, mask) = if has_mask {
            let (value, mask) = payload.split_at_checked(payload.len() / 2)?;
            (mask.len() == value.len()).then_some((value, Some(mask.to_vec())))?
        } else {
            (payload, None)
        };
        Some((field, Self { value: value.to_vec(), mask }))
    }
}

impl FlowMatch {
    /// Returns a match on every packet.
    pub fn any() -> Self {
        Self::default()
    }

    /// Frees the spare capacity for fields.
    pub fn shrink(&mut self) {
        self.fields.0.shrink_to_fit();
    }

    /// Returns the match with an exact field added.
    #[must_use]
    pub fn with(mut self, field: Field, value: u128) -> Self {
        self.set(field, Masked::exact(field, value));
        self
    }

    /// Returns the match with a masked field added.
    #[must_use]
    pub fn with_masked(mut self, field: Field, value: u128, mask: u128) -> Self {
        self.set(field, Masked { value, mask });
        self
    }

    /// Sets a field, in canonical form. A mask of zero removes it.
    pub fn set(&mut self, field: Field, bits: Masked) {
        for (field, bits) in canonical(field, bits) {
            let mask = bits.mask & field.info().exact();
            if mask == 0 {
                self.fields.remove(field);
            } else {
                self.fields.insert(field, Masked { value: bits.value & mask, mask });
            }
        }
    }

    /// Returns the matched bits of a field, if there are any. The field must have the canonical
    /// spelling.
    pub fn field(&self, field: Field) -> Option<Masked> {
        self.fields.get(field)
    }

    /// Returns the value of a field that is matched exactly.
    pub fn exact(&self, field: Field) -> Option<u128> {
        self.field(field).filter(|m| m.mask == field.info().exact()).map(|m| m.value)
    }

    /// Returns the ingress port, if it is matched exactly.
    pub fn in_port(&self) -> Option<PortNo> {
        self.exact(Field::InPortOxm).and_then(|port| u32::try_from(port).ok()).map(PortNo)
    }

    /// Returns all fields, in the order of [`Field`].
    pub fn iter(&self) -> impl Iterator<Item = (Field, Masked)> + '_ {
        self.fields.0.iter().copied()
    }

    /// Returns whether the match has fields without comparable values: unknown fields and tunnel
    /// options.
    pub fn has_unknown(&self) -> bool {
        !self.unknown.is_empty()
    }

    /// Returns the tunnel options, in order. It omits the unknown fields of
    /// [`FlowMatch::has_unknown`].
    pub fn tunnel_options(&self) -> impl Iterator<Item = (Field, TunnelOption)> + '_ {
        self.unknown.iter().filter_map(UnknownField::tunnel_option)
    }

    /// Returns whether the match has fields without a name.
    pub fn has_nameless(&self) -> bool {
        self.unknown.iter().any(|u| u.tunnel_option().is_none())
    }

    /// Adds a match on Ethernet packets if `said` is true and no remaining field implies it. Open
    /// vSwitch then writes packet_type=(0,0).
    pub fn say_ethernet(&mut self, said: bool) {
        if said && !self.names_ethernet() && self.field(Field::PacketType).is_none() {
            self.set(Field::PacketType, Masked::exact(Field::PacketType, 0));
        }
    }

    /// Sets a tunnel option, one of [`Field::TUN_METADATA`].
    pub fn set_tunnel_option(&mut self, option: Field, bits: &TunnelOption) {
        let Some(index) = option.tun_metadata() else { return };
        let (class, first) = TUNNEL_OPTIONS;
        let number = first + index;
        self.unknown.retain(|u| (u.class, u.number) != (class, number));
        let payload = [&bits.value[..], bits.mask.as_deref().unwrap_or_default()].concat();
        let field = UnknownField { class, number, has_mask: bits.mask.is_some(), payload };
        self.unknown.push(field.canonical());
        self.unknown.sort();
    }

    /// Returns whether some packet matches both, as far as the fields determine it. Prerequisites
    /// are fields here.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.iter().all(|(f, m)| other.field(f).is_none_or(|o| m.overlaps(o)))
    }

    /// Returns whether every packet that matches `self` matches `other`.
    pub fn within(&self, other: &Self) -> bool {
        other.iter().all(|(f, o)| self.field(f).is_some_and(|m| m.within(o)))
            && other.unknown.iter().all(|u| self.unknown.contains(u))
    }

    /// Returns the match for an OpenFlow 1.3 message, in the order of Open vSwitch: fields come
    /// after their prerequisites, as §7.2.3.6 requires.
    pub fn to_wire(&self) -> Match {
        let known = self.iter().map(|(field, m)| {
            let mask = (m.mask != field.info().exact()).then_some(m.mask);
            (order::rank(field), Oxm::Known { field, value: m.value, mask })
        });
        let unknown = self.unknown.iter().map(|u| {
            let rank = if u.tunnel_option().is_some() { order::TUNNEL_OPTIONS } else { u8::MAX };
            let payload = u.payload.clone().into();
            (rank, Oxm::Unknown { class: u.class, number: u.number, has_mask: u.has_mask, payload })
        });
        let mut fields: Vec<(u8, Oxm)> = known.chain(unknown).collect();
        fields.sort_by_key(|(rank, _)| *rank);
        Match { fields: fields.into_iter().map(|(_, oxm)| oxm).collect() }
    }

    /// Returns the canonical form of a message's match.
    pub fn from_wire(wire: &Match) -> Self {
        let mut this = Self::default();
        for oxm in &wire.fields {
            match oxm {
                Oxm::Known { field, value, mask } => {
                    this.set(*field, Masked { value: *value, mask: mask.unwrap_or(field.info().exact()) });
                }
                Oxm::Unknown { class, number, has_mask, payload } => {
                    let payload = payload.to_vec();
                    let field = UnknownField { class: *class, number: *number, has_mask: *has_mask, payload };
                    this.unknown.push(field.canonical());
                }
            }
        }
        this.unknown.sort();
        // A field that only Ethernet frames have implies the packet type.
        if this.names_ethernet() && this.exact(Field::PacketType) == Some(0) {
            this.fields.remove(Field::PacketType);
        }
        this
    }

    /// Returns whether a field is matched that only Ethernet frames have.
    fn names_ethernet(&self) -> bool {
        let header = [Field::EthSrc, Field::EthDst, Field::EthType, Field::VlanVid, Field::VlanPcp];
        header.iter().any(|field| self.field(*field).is_some())
    }
}

/// Returns the one spelling of a field in a [`FlowMatch`].
fn canonical(field: Field, bits: Masked) -> impl Iterator<Item = (Field, Masked)> {
    let (first, second) = match field {
        Field::InPort => {
            let port = u16::try_from(bits.value & 0xffff).map_or(PortNo::ANY, PortNo::from_u16);
            let mask = if bits.mask & 0xffff == 0 { 0 } else { 0xffff_ffff };
            ((Field::InPortOxm, Masked { value: u128::from(port.0), mask }), None)
        }
        Field::IpDscp => {
            ((Field::IpDscpShifted, Masked { value: bits.value >> 2, mask: bits.mask >> 2 }), None)
        }
        // TCI = PCP (3 bits), CFI as "tag present" (1), VID (12). The OXM VID is the lower 13.
        Field::VlanTci => {
            let vid = (Field::VlanVid, Masked { value: bits.value & 0x1fff, mask: bits.mask & 0x1fff });
            let pcp = (Field::VlanPcp, Masked { value: bits.value >> 13 & 7, mask: bits.mask >> 13 & 7 });
            // A TCI of exactly zero means "no tag", for which OXM has a VID of zero alone.
            let untagged = bits.mask & 0x1000 != 0 && bits.value & bits.mask == 0;
            (vid, (!untagged && pcp.1.mask != 0).then_some(pcp))
        }
        // Open vSwitch compares only the ones of these.
        Field::TunErspanVer
        | Field::TunErspanDir
        | Field::TunErspanHwid
        | Field::TunGtpuFlags
        | Field::TunGtpuMsgtype => ((field, Masked { mask: bits.mask & bits.value, ..bits }), None),
        // Open vSwitch knows no other bits, and compares none of them.
        Field::CtState => ((field, Masked { mask: bits.mask & 0xff, ..bits }), None),
        Field::TunFlags => ((field, Masked { mask: bits.mask & 1, ..bits }), None),
        _ => ((field, bits), None),
    };
    std::iter::once(first).chain(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_field_are_one() {
        let nxm = FlowMatch::any().with(Field::InPort, 0xfffe).with(Field::IpDscp, 0xb8);
        let oxm = FlowMatch::any().with(Field::InPortOxm, u128::from(PortNo::LOCAL.0)).with_masked(
            Field::IpDscpShifted,
            0x2e,
            0x3f,
        );
        assert_eq!(nxm, oxm);
    }

    #[test]
    fn a_tag_is_told_from_no_tag() {
        let tagged = FlowMatch::any().with_masked(Field::VlanTci, 0x1000, 0x1000);
        assert_eq!(tagged.field(Field::VlanVid), Some(Masked { value: 0x1000, mask: 0x1000 }));
        let untagged = FlowMatch::any().with(Field::VlanTci, 0);
        assert_eq!(untagged.exact(Field::VlanVid), Some(0));
        assert_eq!(untagged.field(Field::VlanPcp), None);
        assert!(!tagged.overlaps(&untagged));
    }

    #[test]
    fn wire_and_back() {
        let m =
            FlowMatch::any().with(Field::EthType, 0x800).with_masked(Field::Ipv4Dst, 0x0a000064, 0xffff_ff00);
        assert_eq!(FlowMatch::from_wire(&m.to_wire()), m);
        assert_eq!(m.field(Field::Ipv4Dst).map(|b| b.value), Some(0x0a00_0000));
    }
}
