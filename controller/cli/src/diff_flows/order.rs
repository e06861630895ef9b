//! The order in which `ovs-ofctl` prints differences.
//!
//! It keeps each table's flows as a switch does, in groups that match the same bits: the group with the highest priority first,
//! of two alike the one that came first; inside a group each flow where it first came.

use std::collections::{BTreeMap, HashMap};

use flows::{Flow, FlowMatch};
use ofproto::TableId;
use ofproto::oxm::Field;

/// A flow in both of its versions.
pub(super) type Versions = [Option<Flow>; 2];

/// Two sets of flows, side by side.
#[derive(Default)]
pub(super) struct FlowsSideBySide(BTreeMap<TableId, TableFlows>);

#[derive(Default)]
struct TableFlows {
    groups: Vec<Group>,
    by_mask: HashMap<Mask, usize>,
}

#[derive(Default)]
struct Group {
    highest: u16,
    flows: Vec<Versions>,
    by_key: HashMap<(u16, FlowMatch), usize>,
}

impl FlowsSideBySide {
    /// Puts a flow into the set of that number, 0 or 1; of two with one key in a set the last counts.
    pub(super) fn insert(&mut self, flow: Flow, set: usize) {
        let table = self.0.entry(flow.table).or_default();
        let new = table.groups.len();
        let group = *table.by_mask.entry(Mask::of(&flow.matches)).or_insert(new);
        if group == new {
            table.groups.push(Group::default());
        }
        let Some(group) = table.groups.get_mut(group) else { return };
        group.highest = group.highest.max(flow.priority);
        let new = group.flows.len();
        let at = *group.by_key.entry((flow.priority, flow.matches.clone())).or_insert(new);
        if at == new {
            group.flows.push([None, None]);
        }
        if let Some(version) = group.flows.get_mut(at).and_then(|versions| versions.get_mut(set)) {
            *version = Some(flow);
        }
    }

    /// All flows, in order.
    pub(super) fn into_flows(self) -> impl Iterator<Item = Versions> {
        self.0.into_values().flat_map(|mut table| {
            table.groups.sort_by_key(|group| std::cmp::Reverse(group.highest));
            table.groups.into_iter().flat_map(|group| group.flows)
        })
    }
}

/// Which bits a flow looks at, where Open vSwitch has them: fields of different protocols share a place there.
#[derive(PartialEq, Eq, Hash)]
struct Mask {
    fields: BTreeMap<Field, u128>,
    /// Tunnel options: the number, and which bits.
    options: Vec<(Field, Vec<u8>)>,
}

impl Mask {
    fn of(matches: &FlowMatch) -> Self {
        let mut fields = BTreeMap::new();
        for (field, bits) in matches.iter() {
            let (place, mask) = match field {
                Field::ArpSpa => (Field::Ipv4Src, bits.mask),
                Field::ArpTpa => (Field::Ipv4Dst, bits.mask),
                Field::NdSll => (Field::ArpSha, bits.mask),
                Field::NdTll => (Field::ArpTha, bits.mask),
                Field::UdpSrc | Field::SctpSrc => (Field::TcpSrc, bits.mask),
                Field::UdpDst | Field::SctpDst => (Field::TcpDst, bits.mask),
                // These fill their places.
                Field::ArpOp => (Field::IpProto, Field::IpProto.info().exact()),
                Field::Icmpv4Type | Field::Icmpv6Type => (Field::TcpSrc, Field::TcpSrc.info().exact()),
                Field::Icmpv4Code | Field::Icmpv6Code => (Field::TcpDst, Field::TcpDst.info().exact()),
                _ => (field, bits.mask),
            };
            fields.insert(place, mask);
        }
        // Fields that only Ethernet packets have are matched with the packet type.
        let ethernet = [Field::EthSrc, Field::EthDst, Field::EthType, Field::VlanVid, Field::VlanPcp];
        if ethernet.iter().any(|field| fields.contains_key(field)) {
            fields.insert(Field::PacketType, Field::PacketType.info().exact());
        }
        let option = |(field, bits): (Field, flows::TunnelOption)| {
            let all = vec![0xff; bits.value.len()];
            (field, bits.mask.unwrap_or(all))
        };
        Self { fields, options: matches.tunnel_options().map(option).collect() }
    }
}
