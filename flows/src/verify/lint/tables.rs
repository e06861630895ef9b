//! The tables that packets reach.

use std::collections::BTreeSet;

use flow_model::Flow;
use ofproto::TableId;
use ofproto::action::Action;
use ofproto::instruction::Instruction;

/// Returns the tables that packets reach from `start` by the given flows.
pub(in crate::verify::lint) fn looked_up(
    flows: &[&Flow],
    start: impl IntoIterator<Item = TableId>,
) -> BTreeSet<TableId> {
    let mut seen: BTreeSet<TableId> = start.into_iter().collect();
    loop {
        let before = seen.len();
        for flow in flows {
            if seen.contains(&flow.table) {
                seen.extend(next(flow));
            }
        }
        if seen.len() == before {
            return seen;
        }
    }
}

fn next(flow: &Flow) -> impl Iterator<Item = TableId> + '_ {
    let gotos = flow.instructions.iter().filter_map(|instruction| match instruction {
        Instruction::GotoTable(table) => Some(*table),
        _ => None,
    });
    let resubmits = flow.actions().filter_map(|action| match action {
        Action::Resubmit { table, .. } | Action::ResubmitCt { table, .. } => *table,
        Action::Ct(ct) => ct.table,
        _ => None,
    });
    gotos.chain(resubmits)
}
