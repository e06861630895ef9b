//! Flows that several rules may share.

use std::collections::HashMap;

use flow_model::FlowMatch;
use ofproto::TableId;
use ofproto::action::Action;

use crate::compile::output::program::{FlowSpec, ProgramBuilder};
use crate::compile::tables::policy::forward;
use crate::compile::vocabulary::layout::POLICY;

/// Flows of policy that several rules may share: each match once, in the order of the rules.
#[derive(Default)]
pub(in crate::compile) struct JointFlows<'a> {
    order: Vec<JointPass<'a>>,
    by_match: HashMap<(u16, FlowMatch), usize>,
}

/// A flow that lets packets pass.
pub(in crate::compile) struct JointPass<'a> {
    pub(in crate::compile) priority: u16,
    pub(in crate::compile) matches: FlowMatch,
    pub(in crate::compile) actions: Vec<Action>,
    pub(in crate::compile) asked: FlowSpec<'a>,
}

impl<'a> JointFlows<'a> {
    /// Adds a flow. If several rules share it, it lasts as long as the longest rule.
    pub(in crate::compile) fn add(&mut self, pass: JointPass<'a>) {
        let key = (pass.priority, pass.matches.clone());
        match self.by_match.get(&key).and_then(|place| self.order.get_mut(*place)) {
            Some(before) => {
                before.asked.ends = before.asked.ends.zip(pass.asked.ends).map(|(a, b)| a.max(b));
            }
            None => {
                self.by_match.insert(key, self.order.len());
                self.order.push(pass);
            }
        }
    }

    pub(in crate::compile) fn finish(self, out: &mut ProgramBuilder<'_>) {
        let table: TableId = POLICY;
        for JointPass { priority, matches, actions, asked } in self.order {
            out.flow(table, priority, matches, forward(actions), asked);
        }
    }
}
