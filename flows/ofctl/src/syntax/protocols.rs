//! The protocols of Open vSwitch that can carry a flow, which `ovs-ofctl parse-flow` prints before
//! the flow.

use flow_model::Masked;
use ofproto::oxm::Field;

/// A set of protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols(u16);

/// OpenFlow 1.0 without and with the table number, NXM likewise, OpenFlow 1.1, OXM of 1.2 to 1.5.
const NAMES: [&str; 9] = [
    "OpenFlow10-table_id",
    "OpenFlow10+table_id",
    "NXM-table_id",
    "NXM+table_id",
    "OpenFlow11",
    "OXM-OpenFlow12",
    "OXM-OpenFlow13",
    "OXM-OpenFlow14",
    "OXM-OpenFlow15",
];

/// Words for several protocols at once, tried first.
const GROUPS: [(u16, &str); 4] = [(0x1ff, "any"), (0x003, "OpenFlow10"), (0x00c, "NXM"), (0x1e0, "OXM")];

const NXM_OR_OXM: u16 = 0x1ec;
const NXM_OR_11: u16 = 0x1fc;

impl Protocols {
    /// All protocols.
    pub const ANY: Self = Self(0x1ff);
    /// The protocols with several tables. (Table 0 needs no such protocol, but a flow that names it
    /// still selects one.)
    pub(super) const WITH_TABLE: Self = Self(0x1fa);
    pub(super) const NXM_OR_11: Self = Self(NXM_OR_11);
    pub(super) const NXM_OR_OXM: Self = Self(NXM_OR_OXM);
    pub(super) const SINCE_11: Self = Self(0x1f0);
    pub(super) const SINCE_12: Self = Self(0x1e0);
    pub(super) const SINCE_13: Self = Self(0x1c0);

    /// Returns the protocols in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the protocols that can match these bits of a field.
    pub(super) fn of_field(field: Field, bits: Masked) -> Self {
        Self(of_field(field, bits))
    }

    /// Returns the protocols that can set a field by `set_field`. All of them know the older words.
    pub(super) fn setting(field: Field) -> Self {
        Self(exact(field))
    }
}

impl std::fmt::Display for Protocols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        let mut words = Vec::new();
        while rest != 0 {
            let group = GROUPS.iter().find(|(group, _)| rest & group == *group);
            let (bits, word) = group.copied().unwrap_or_else(|| {
                let bit = rest.trailing_zeros();
                let name = usize::try_from(bit).ok().and_then(|bit| NAMES.get(bit));
                (1 << bit, name.copied().unwrap_or_default())
            });
            words.push(word);
            rest &= !bits;
        }
        f.write_str(if words.is_empty() { "none".to_owned() } else { words.join(",") }.as_str())
    }
}

/// Returns the protocols that can match a field exactly.
fn exact(field: Field) -> u16 {
    use Field::*;
    match field {
        InPort | EthSrc | EthDst | EthType | VlanTci | VlanVid | VlanPcp | Ipv4Src | Ipv4Dst | IpProto
        | IpDscp | IpDscpShifted | ArpOp | ArpSpa | ArpTpa | TcpSrc | TcpDst | UdpSrc | UdpDst
        | Icmpv4Type | Icmpv4Code => Protocols::ANY.0,
        InPortOxm | Metadata | MplsLabel | MplsTc | IpEcn | SctpSrc | SctpDst => NXM_OR_11,
        _ => NXM_OR_OXM,
    }
}

/// Returns the protocols that can match these bits of a field.
fn of_field(field: Field, bits: Masked) -> u16 {
    use Field::*;
    if bits.mask == field.info().exact() || field.tun_metadata().is_some() {
        return exact(field);
    }
    if bits.mask == 0 {
        return Protocols::ANY.0;
    }
    // OpenFlow 1.0 supports address masks that are prefixes; 1.1 supports any mask on a maskable
    // field.
    let all = field.info().exact();
    let prefix = (!bits.mask & all).checked_add(1).is_some_and(u128::is_power_of_two);
    match field {
        Ipv4Src | Ipv4Dst | ArpSpa | ArpTpa if prefix => Protocols::ANY.0,
        Ipv4Src | Ipv4Dst | ArpSpa | ArpTpa | EthSrc | EthDst | Metadata => NXM_OR_11,
        _ => NXM_OR_OXM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{NoNames, parse_flow_with_warnings};

    #[test]
    fn words() {
        let of = |line: &str| parse_flow_with_warnings(line, &NoNames).unwrap().usable.to_string();
        assert_eq!(of("ip,nw_src=10.0.0.0/8,actions=drop"), "any");
        assert_eq!(of("ip,nw_src=10.0.0.1/255.0.0.255,actions=drop"), "NXM,OXM,OpenFlow11");
        assert_eq!(of("reg0=1,actions=drop"), "NXM,OXM");
        assert_eq!(of("table=3,actions=drop"), "OXM,OpenFlow10+table_id,NXM+table_id,OpenFlow11");
        assert_eq!(of("actions=meter:1"), "OXM-OpenFlow13,OXM-OpenFlow14,OXM-OpenFlow15");
        assert_eq!(of("actions=push_vlan:0x8100,1"), "OXM,OpenFlow11");
        // The words count, not their meaning.
        assert_eq!(of("dl_vlan_pcp=7,actions=drop"), "any");
        assert_eq!(of("vlan_tci=0x1003/0x1fff,actions=drop"), "NXM,OXM");
        assert_eq!(of("ip,actions=mod_nw_ecn:2"), "any");
        assert_eq!(of("ip,actions=ct(commit,exec(set_field:1->ct_mark))"), "NXM,OXM");
        assert_eq!(of("dl_src=aa:bb:cc:dd:ee:ff/00:00:00:00:00:00,actions=drop"), "any");
        assert_eq!(of("tun_metadata0,actions=drop"), "NXM,OXM");
        assert_eq!(Protocols(0).to_string(), "none");
    }
}
