//! The tables of a bridge, as a walk uses them.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::Flow;
use ofproto::TableId;
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};

use super::super::known_packet::spellings;
use crate::verify::interp::{FieldSet, IndexNode};

/// A single table.
#[derive(Debug)]
pub(in crate::runtime::return_flows::openers) struct OpenerTable {
    pub(in crate::runtime::return_flows::openers) flows: IndexNode,
    /// The tables that its flows lead to, directly or through others.
    pub(in crate::runtime::return_flows::openers) leads_to: BTreeSet<TableId>,
    /// True if a flow of the table learns.
    pub(in crate::runtime::return_flows::openers) learns: bool,
    /// The loads of flows that are learned into the table.
    pub(in crate::runtime::return_flows::openers) learned: Vec<Loads>,
    /// The effect of lease flows in the table.
    pub(in crate::runtime::return_flows::openers) leases: Option<Leases>,
    /// The fields that packets may have lost on the way to the table.
    pub(in crate::runtime::return_flows::openers) written: FieldSet,
}

/// The effect of lease flows in a table. They are not part of a program, and each may be installed
/// or not.
#[derive(Debug, Clone, Copy)]
pub(in crate::runtime::return_flows::openers) enum Leases {
    /// The packet goes on with this table.
    Admit(TableId),
    /// The holder's port is loaded, and possibly the mark of a lease.
    Find,
}

/// The loads of a learned flow: the value is `None` if the teaching packet determines it.
pub(in crate::runtime::return_flows::openers) type Loads = Vec<(Subfield, Option<u128>)>;

/// Returns the tables that a flow sends its packets to.
pub(in crate::runtime::return_flows::openers) fn targets(flow: &Flow) -> impl Iterator<Item = TableId> + '_ {
    let goes_to = flow.instructions.iter().filter_map(|instruction| match instruction {
        Instruction::GotoTable(table) => Some(*table),
        _ => None,
    });
    goes_to.chain(flow.actions().filter_map(|action| match action {
        Action::Resubmit { table, .. } => Some(table.unwrap_or(flow.table)),
        Action::Ct(ct) => ct.table,
        _ => None,
    }))
}

/// Returns the tables that a table leads to, directly or through others.
pub(in crate::runtime::return_flows::openers) fn closure(
    from: TableId,
    next: &BTreeMap<TableId, BTreeSet<TableId>>,
) -> BTreeSet<TableId> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(table) = open.pop() {
        let fresh = next.get(&table).into_iter().flatten().filter(|table| found.insert(**table));
        open.extend(fresh.copied().collect::<Vec<_>>());
    }
    found
}

/// Adds the fields that an action writes, in the spelling of a [`FlowMatch`](crate::FlowMatch).
pub(in crate::runtime::return_flows::openers) fn written(action: &Action, fields: &mut FieldSet) {
    let mut add = |field: Field| spellings(field).iter().for_each(|field| fields.insert(*field));
    match action {
        Action::Load { dst, .. } | Action::Move { dst, .. } => add(dst.field),
        Action::SetField(Oxm::Known { field, .. }) => add(*field),
        Action::PushVlan(_) | Action::PopVlan => add(Field::VlanVid),
        Action::PushMpls(_) | Action::PopMpls(_) => add(Field::EthType),
        Action::SetNwTtl(_) | Action::DecNwTtl => add(Field::IpTtl),
        Action::Learn(learn) => learn.result_dst.iter().for_each(|dst| add(dst.field)),
        _ => {}
    }
}

/// Returns the loads of a flow that is learned so.
pub(in crate::runtime::return_flows::openers) fn loads(learn: &Learn) -> Loads {
    let load = |spec: &LearnSpec| match spec {
        LearnSpec::Load { dst, src: LearnSrc::Immediate(value) } => Some((*dst, Some(*value))),
        LearnSpec::Load { dst, .. } => Some((*dst, None)),
        LearnSpec::Match { .. } | LearnSpec::Output { .. } => None,
    };
    learn.specs.iter().filter_map(load).collect()
}

/// Returns whether a field holds a port of a transport protocol.
pub(in crate::runtime::return_flows::openers) fn is_port(field: Field) -> bool {
    use Field::{SctpDst, SctpSrc, TcpDst, TcpSrc, UdpDst, UdpSrc};
    matches!(field, TcpSrc | TcpDst | UdpSrc | UdpDst | SctpSrc | SctpDst)
}

/// Returns whether a field can select flows. A field that a learned flow does not fix would lead
/// everywhere.
pub(in crate::runtime::return_flows::openers) fn is_known(field: Field) -> bool {
    let says = [
        Field::InPortOxm,
        Field::EthType,
        Field::IpProto,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
    ];
    says.contains(&field) || is_port(field) || !field.is_header()
}
