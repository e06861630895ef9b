//! Which protocols of Open vSwitch can carry a flow: `ovs-ofctl parse-flow` says so before it prints the flow.

use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::{FLOW_NO_BYT_COUNTS, FLOW_NO_PKT_COUNTS, FLOW_RESET_COUNTS};
use ofproto::oxm::{Field, Oxm};

use crate::model::{Flow, Masked};

/// A set of protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols(u16);

/// OpenFlow 1.0 without and with the table's number, NXM likewise, OpenFlow 1.1, OXM of 1.2 to 1.5.
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

/// Words for several at once, tried first.
const GROUPS: [(u16, &str); 4] = [(0x1ff, "any"), (0x003, "OpenFlow10"), (0x00c, "NXM"), (0x1e0, "OXM")];

const WITH_TABLE: u16 = 0x1fa;
const NXM_OR_OXM: u16 = 0x1ec;
const NXM_OR_11: u16 = 0x1fc;
const SINCE_11: u16 = 0x1f0;
const SINCE_12: u16 = 0x1e0;
const SINCE_13: u16 = 0x1c0;

impl Protocols {
    /// All of them.
    pub const ANY: Self = Self(0x1ff);

    /// Those of the flow that was read from `line`.
    pub fn of(flow: &Flow, line: &str) -> Self {
        let head = line.split("actions").next().unwrap_or_default();
        let says = |key: &str| head.split([',', ' ', '\t']).any(|word| word.trim().starts_with(key));
        let mut this = Self::ANY;
        // Table 0 is no other table, but whoever names it wants a protocol that can.
        if says("table=") && !says("table=255") {
            this.narrow(WITH_TABLE);
        }
        for (field, bits) in flow.matches.iter() {
            // Under its common name a port is TCP's, whatever the protocol.
            let common = matches!(field, Field::SctpSrc | Field::SctpDst) && !says("sctp_");
            // A priority alone asks for a tag, and the type of Ethernet need not be said.
            let implied = match field {
                Field::VlanVid => bits.mask == 0x1000 && (says("dl_vlan_pcp=") || says("vlan_pcp=")),
                Field::PacketType => bits.value == 0 && !says("packet_type"),
                _ => false,
            };
            if !implied {
                this.narrow(of_field(if common { Field::TcpSrc } else { field }, bits));
            }
        }
        if says("tun_metadata") {
            this.narrow(NXM_OR_OXM);
        }
        let layer4 = flow.matches.iter().any(|(field, _)| is_layer4(field));
        if flow.matches.exact(Field::EthType) == Some(0x86dd) && layer4 {
            this.narrow(NXM_OR_OXM);
        }
        if flow.flags & FLOW_RESET_COUNTS != 0 {
            this.narrow(SINCE_12);
        }
        if flow.flags & (FLOW_NO_PKT_COUNTS | FLOW_NO_BYT_COUNTS) != 0 {
            this.narrow(SINCE_13);
        }
        let set_field = line.contains("set_field");
        flow.instructions.iter().for_each(|instruction| this.instruction(instruction, set_field));
        this
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn narrow(&mut self, to: u16) {
        self.0 &= to;
    }

    fn instruction(&mut self, instruction: &Instruction, set_field: bool) {
        match instruction {
            Instruction::Meter(_) => self.narrow(SINCE_13),
            Instruction::WriteMetadata { .. } => self.narrow(NXM_OR_11),
            Instruction::ApplyActions(list) | Instruction::WriteActions(list) => {
                self.actions(list, set_field)
            }
            _ => {}
        }
    }

    fn actions(&mut self, list: &[Action], set_field: bool) {
        for action in list {
            match action {
                Action::PushVlan(_) => self.narrow(SINCE_11),
                Action::Encap(_) => self.narrow(SINCE_13),
                // The older words for the same action are known to all.
                Action::SetField(Oxm::Known { field, .. }) | Action::RegLoad2(Oxm::Known { field, .. })
                    if set_field =>
                {
                    self.narrow(exact(*field));
                }
                Action::Clone(list) => self.actions(list, set_field),
                Action::Ct(ct) => self.actions(&ct.actions, set_field),
                _ => {}
            }
        }
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

fn is_layer4(field: Field) -> bool {
    use Field::*;
    matches!(
        field,
        IpProto
            | IpDscp
            | IpDscpShifted
            | IpEcn
            | TcpSrc
            | TcpDst
            | UdpSrc
            | UdpDst
            | SctpSrc
            | SctpDst
            | Icmpv6Type
            | Icmpv6Code
    )
}

/// Those that can match a field exactly.
fn exact(field: Field) -> u16 {
    use Field::*;
    match field {
        InPort | InPortOxm | EthSrc | EthDst | EthType | VlanTci | VlanVid | VlanPcp | Ipv4Src | Ipv4Dst
        | IpProto | IpDscp | IpDscpShifted | ArpOp | ArpSpa | ArpTpa | TcpSrc | TcpDst | UdpSrc | UdpDst
        | Icmpv4Type | Icmpv4Code => Protocols::ANY.0,
        Metadata | MplsLabel | MplsTc | IpEcn | SctpSrc | SctpDst => NXM_OR_11,
        _ => NXM_OR_OXM,
    }
}

/// Those that can match these bits of a field.
fn of_field(field: Field, bits: Masked) -> u16 {
    use Field::*;
    if bits.mask == field.info().exact() {
        return exact(field);
    }
    // OpenFlow 1.0 knows masks of addresses that are prefixes, 1.1 any mask of what has one at all.
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
    use crate::syntax::{NoNames, parse_flow};

    #[test]
    fn words() {
        let of = |line: &str| Protocols::of(&parse_flow(line, &NoNames).unwrap(), line).to_string();
        assert_eq!(of("ip,nw_src=10.0.0.0/8,actions=drop"), "any");
        assert_eq!(of("ip,nw_src=10.0.0.1/255.0.0.255,actions=drop"), "NXM,OXM,OpenFlow11");
        assert_eq!(of("reg0=1,actions=drop"), "NXM,OXM");
        assert_eq!(of("table=3,actions=drop"), "OXM,OpenFlow10+table_id,NXM+table_id,OpenFlow11");
        assert_eq!(of("actions=meter:1"), "OXM-OpenFlow13,OXM-OpenFlow14,OXM-OpenFlow15");
        assert_eq!(of("actions=push_vlan:0x8100,1"), "OXM,OpenFlow11");
        assert_eq!(Protocols(0).to_string(), "none");
    }
}
