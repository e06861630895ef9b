//! Which tables packets come to.

use std::collections::BTreeSet;

use ofproto::TableId;
use ofproto::action::{Action, Learn};
use ofproto::instruction::Instruction;

use crate::model::Flow;

/// Every action of a flow, of lists and action sets alike, and those inside other actions.
pub(super) fn actions(flow: &Flow) -> impl Iterator<Item = &Action> {
    let mut all = Vec::new();
    for instruction in &flow.instructions {
        if let Instruction::ApplyActions(actions) | Instruction::WriteActions(actions) = instruction {
            all.extend(actions);
        }
    }
    let mut at = 0;
    while let Some(action) = all.get(at).copied() {
        match action {
            Action::Clone(inner) => all.extend(inner),
            Action::Ct(ct) => all.extend(&ct.actions),
            _ => {}
        }
        at += 1;
    }
    all.into_iter()
}

/// The `learn` actions of a flow.
pub(super) fn learns(flow: &Flow) -> impl Iterator<Item = &Learn> {
    actions(flow).filter_map(|action| match action {
        Action::Learn(learn) => Some(&**learn),
        _ => None,
    })
}

/// The tables that packets come to from `start`, by the flows that are there.
pub(super) fn looked_up(flows: &[&Flow], start: impl IntoIterator<Item = TableId>) -> BTreeSet<TableId> {
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
    let resubmits = actions(flow).filter_map(|action| match action {
        Action::Resubmit { table, .. } | Action::ResubmitCt { table, .. } => *table,
        Action::Ct(ct) => ct.table,
        _ => None,
    });
    gotos.chain(resubmits)
}
