//! The places of match fields among the variables of the diagrams.
//!
//! Fields that no packet has together share variables, as in Open vSwitch's `struct flow`. The
//! higher bits of a field come first, so that a prefix is a short path.

use bdd::Variable;
use ofproto::action::Subfield;
use ofproto::oxm::Field;

/// Variables in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    first: u16,
    width: u16,
}

impl Slot {
    /// Returns the variable of a bit; 0 is the lowest bit.
    pub(super) fn bit(self, bit: u16) -> Variable {
        Variable(self.first + (self.width - 1).saturating_sub(bit))
    }

    /// Returns the variables in their order: the highest bit first.
    pub(super) fn variables(self) -> impl Iterator<Item = Variable> {
        (self.first..self.first + self.width).map(Variable)
    }

    /// Returns the first `width` variables as a slot.
    const fn upper(self, width: u16) -> Self {
        Self { first: self.first, width }
    }

    /// Returns the last `width` variables as a slot.
    const fn lower(self, width: u16) -> Self {
        Self { first: self.first + self.width - width, width }
    }

    /// Returns the slot behind it.
    const fn then(self, width: u16) -> Self {
        Self { first: self.first + self.width, width }
    }
}

// The order decides the size of the diagrams. A party's port, MAC address and IP address belong
// together, so they are neighbours. They come last: whatever else a set demands stands above one
// diagram of the senders, which all sets share.
const ETH_TYPE: Slot = Slot { first: 0, width: 16 };
const VLAN_VID: Slot = ETH_TYPE.then(13);
const VLAN_PCP: Slot = VLAN_VID.then(3);
/// The tag below the outer one, as a TCI.
pub(super) const INNER_TAG: Slot = VLAN_PCP.then(16);
const PROTOCOL: Slot = INNER_TAG.then(8);
const FRAGMENT: Slot = PROTOCOL.then(2);
const TRANSPORT_SRC: Slot = FRAGMENT.then(16);
const TRANSPORT_DST: Slot = TRANSPORT_SRC.then(16);
const TCP_FLAGS: Slot = TRANSPORT_DST.then(12);
const DSCP: Slot = TCP_FLAGS.then(6);
const CT_STATE: Slot = DSCP.then(8);
const CT_ZONE: Slot = CT_STATE.then(16);
const CT_MARK: Slot = CT_ZONE.then(32);
const CT_LABEL: Slot = CT_MARK.then(128);
const ETH_DST: Slot = CT_LABEL.then(48);
const NETWORK_DST: Slot = ETH_DST.then(128);
const HARDWARE_DST: Slot = NETWORK_DST.then(48);
/// Values that a learned flow has copied from its opening packet.
pub(super) const COPIED: Slot = HARDWARE_DST.then(128);
/// The registers that are no concrete values.
const REGISTERS: Slot = COPIED.then(32 * REGISTER_BITS);
const _: () = assert!(Field::REGISTERS.len() == 32);
/// The party that sent the packet: the number of its class.
pub(super) const ORIGIN: Slot = REGISTERS.then(16);
/// The ingress port, in the 16 bits that Open vSwitch uses.
pub(super) const IN_PORT: Slot = ORIGIN.then(16);
const ETH_SRC: Slot = IN_PORT.then(48);
const NETWORK_SRC: Slot = ETH_SRC.then(128);
const HARDWARE_SRC: Slot = NETWORK_SRC.then(48);
const ND_TARGET: Slot = HARDWARE_SRC.then(128);
/// Fields without a place of their own follow, each with its own variables.
const OTHERS: Slot = ND_TARGET.then(128).upper(0);

/// Returns the place of a field that shares variables, or whose place matters.
const fn known(field: Field) -> Option<Slot> {
    Some(match field {
        Field::EthType => ETH_TYPE,
        Field::VlanVid => VLAN_VID,
        Field::VlanPcp => VLAN_PCP,
        Field::IpProto => PROTOCOL,
        Field::IpFrag => FRAGMENT,
        Field::InPort | Field::InPortOxm => IN_PORT,
        Field::EthSrc => ETH_SRC,
        Field::EthDst => ETH_DST,
        Field::Ipv6Src => NETWORK_SRC,
        Field::Ipv4Src | Field::ArpSpa => NETWORK_SRC.upper(32),
        Field::Ipv6Dst => NETWORK_DST,
        Field::Ipv4Dst | Field::ArpTpa => NETWORK_DST.upper(32),
        Field::ArpSha | Field::NdSll => HARDWARE_SRC,
        Field::ArpTha | Field::NdTll => HARDWARE_DST,
        Field::TcpSrc | Field::UdpSrc | Field::SctpSrc | Field::ArpOp => TRANSPORT_SRC,
        Field::Icmpv4Type | Field::Icmpv6Type => TRANSPORT_SRC.lower(8),
        Field::TcpDst | Field::UdpDst | Field::SctpDst => TRANSPORT_DST,
        Field::Icmpv4Code | Field::Icmpv6Code => TRANSPORT_DST.lower(8),
        Field::TcpFlags => TCP_FLAGS,
        Field::NdTarget => ND_TARGET,
        Field::IpDscp | Field::IpDscpShifted => DSCP,
        Field::CtState => CT_STATE,
        Field::CtZone => CT_ZONE,
        Field::CtMark => CT_MARK,
        Field::CtLabel => CT_LABEL,
        field if field as u16 >= Field::Reg0 as u16 && field as u16 <= Field::Reg31 as u16 => {
            let number = field as u16 - Field::Reg0 as u16;
            Slot { first: REGISTERS.first + number * REGISTER_BITS, width: REGISTER_BITS }
        }
        _ => return None,
    })
}

/// Width of a register, in bits.
const REGISTER_BITS: u16 = 32;

/// The places of all fields.
static SLOTS: [Slot; Field::ALL.len()] = {
    let mut slots = [OTHERS; Field::ALL.len()];
    let mut next = OTHERS;
    let mut rest = Field::ALL;
    while let Some((&field, tail)) = rest.split_first() {
        let slot = match known(field) {
            Some(slot) => slot,
            None => {
                next = next.then(field.info().bits as u16);
                next
            }
        };
        #[allow(clippy::indexing_slicing, reason = "runs at compile time: out of range does not compile")]
        {
            slots[field as usize] = slot;
        }
        rest = tail;
    }
    slots
};

/// Returns the place of a field. Metadata and wide registers have none: they stay concrete.
pub(super) fn slot(field: Field) -> Option<Slot> {
    let is_wide = !field.registers().is_empty();
    if field == Field::Metadata || is_wide || field.tun_metadata().is_some() {
        return None;
    }
    SLOTS.get(field as usize).copied()
}

/// Returns the variables of some bits of a field, the lowest bit first.
pub(super) fn bits(sub: Subfield) -> Vec<Variable> {
    (sub.ofs..sub.ofs + sub.n_bits).filter_map(|bit| variable(sub.field, bit)).collect()
}

/// Returns the variable of a bit of a field. Bits that are always zero have none: those beyond the
/// 16 of an ingress port, and ECN in the second spelling of DSCP.
pub(super) fn variable(field: Field, bit: u16) -> Option<Variable> {
    let (slot, bit) = match field {
        Field::VlanTci if bit < VLAN_VID.width => (VLAN_VID, bit),
        Field::VlanTci => (VLAN_PCP, bit - VLAN_VID.width),
        Field::IpDscp => (DSCP, bit.checked_sub(2)?),
        _ => (slot(field)?, bit),
    };
    (bit < slot.width).then(|| slot.bit(bit))
}

/// Returns the variables of a whole field, the highest bit first.
pub(super) fn whole(field: Field) -> impl Iterator<Item = Variable> {
    slot(field).into_iter().flat_map(Slot::variables)
}

/// Returns the literals of a value under a mask.
pub(super) fn literals(slot: Slot, value: u128, mask: u128) -> impl Iterator<Item = (Variable, bool)> {
    (0..slot.width)
        .filter(move |bit| mask >> bit & 1 == 1)
        .map(move |bit| (slot.bit(bit), value >> bit & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_share_variables_only_where_no_packet_has_both() {
        let exclusive = |a: Field, b: Field| {
            let family = |f: Field| f.info().name.split('_').next().unwrap_or_default().to_owned();
            known(a).is_some() && known(b).is_some() && family(a) != family(b)
                || matches!((a, b), (Field::InPort, Field::InPortOxm) | (Field::IpDscp, Field::IpDscpShifted))
        };
        for a in Field::ALL.iter().filter(|f| slot(**f).is_some()) {
            for b in Field::ALL.iter().filter(|f| *f > a && slot(**f).is_some()) {
                let (mine, theirs) = (slot(*a).unwrap(), slot(*b).unwrap());
                let apart =
                    mine.first + mine.width <= theirs.first || theirs.first + theirs.width <= mine.first;
                assert!(apart || exclusive(*a, *b), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn a_part_of_a_field_is_its_variables() {
        let low = bits(Subfield { field: Field::Ipv4Src, ofs: 0, n_bits: 2 });
        let all: Vec<Variable> = whole(Field::Ipv4Src).collect();
        assert_eq!(low, [all[31], all[30]]);
        assert_eq!(bits(Subfield { field: Field::Xreg0, ofs: 0, n_bits: 64 }), []);
    }
}
