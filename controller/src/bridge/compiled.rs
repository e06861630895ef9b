//! A compiled program, ready to be asked about single flows.

use std::collections::HashMap;

use flows::compile::{Origin, Program};
use flows::learned::Learners;
use flows::{Flow, FlowMatch};
use ofproto::TableId;

/// The desired flows of a bridge, by their keys, with their learners.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The flows and where they come from.
    pub program: Program,
    /// The learners among them.
    pub learners: Learners,
    index: HashMap<(TableId, u16, FlowMatch), usize>,
}

impl Compiled {
    /// Indexes a program.
    pub fn new(program: Program) -> Self {
        // Of two flows with one key the last counts, as it does for a switch.
        let index = program.flows.iter().enumerate();
        let index = index.map(|(i, f)| ((f.table, f.priority, f.matches.clone()), i)).collect();
        Self { learners: Learners::of(&program.flows), index, program }
    }

    /// The desired flow that has the key of `flow`.
    pub fn twin(&self, flow: &Flow) -> Option<&Flow> {
        let key = (flow.table, flow.priority, flow.matches.clone());
        self.index.get(&key).and_then(|i| self.program.flows.get(*i))
    }

    /// Whether a live learner accounts for the flow.
    pub fn learned(&self, flow: &Flow) -> bool {
        self.learners.accounts_for(flow).is_some()
    }

    /// Where a flow comes from; a learned one comes from where its learner does.
    pub fn origin(&self, flow: &Flow) -> Option<&Origin> {
        let cookie = match self.twin(flow) {
            Some(twin) => twin.cookie,
            None => self.learners.accounts_for(flow)?,
        };
        self.program.origins.get(&cookie)
    }
}
