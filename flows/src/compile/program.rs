//! What compiling a bridge gives.

use std::collections::{BTreeMap, BTreeSet};

use ofproto::action::{Action, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};

use super::cookie::cookie;
use super::origin::{Origin, OriginKind, Reason};
use crate::model::{Flow, FlowMatch};

/// The flows of one bridge, and where each comes from.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The flows.
    pub flows: Vec<Flow>,
    /// Where the flow of a cookie comes from. One cookie a flow, except for raw lines.
    pub origins: BTreeMap<Cookie, Origin>,
    /// Ports that the file names and the bridge lacks.
    pub missing_ports: BTreeSet<String>,
}

/// Collects flows.
pub(super) struct Builder<'a> {
    bridge: &'a str,
    program: Program,
    /// A map that is made of all at once costs half of one that grows.
    origins: Vec<(Cookie, Origin)>,
}

/// Who asks for a flow and what tells it from its siblings: together with bridge and kind, its cookie.
pub(super) struct Asked<'a> {
    pub(super) kind: OriginKind,
    pub(super) rule: &'a str,
    pub(super) reason: Option<Reason>,
    /// In words.
    pub(super) detail: String,
    /// What tells it from its siblings, where the words may change without it being another flow.
    pub(super) key: Option<String>,
    /// Seconds until it ends, where the clock ends it.
    pub(super) ends: Option<u16>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(kind: OriginKind, rule: &'a str, detail: impl Into<String>) -> Self {
        Self { kind, rule, reason: None, detail: detail.into(), key: None, ends: None }
    }

    pub(super) fn drop(kind: OriginKind, reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason: Some(reason), ..Self::new(kind, kind.label(), detail) }
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(bridge: &'a str) -> Self {
        Self { bridge, program: Program::default(), origins: Vec::new() }
    }

    pub(super) fn missing(&mut self, port: &str) {
        self.program.missing_ports.insert(port.to_owned());
    }

    /// The cookie that `asked` has.
    pub(super) fn cookie(&self, asked: &Asked<'_>) -> Cookie {
        cookie(&[self.bridge, asked.kind.label(), asked.rule, asked.key.as_ref().unwrap_or(&asked.detail)])
    }

    pub(super) fn flow(
        &mut self,
        table: TableId,
        priority: u16,
        matches: FlowMatch,
        instructions: Vec<Instruction>,
        asked: Asked<'_>,
    ) {
        let mut flow = Flow::new(table, priority, matches);
        flow.cookie = self.cookie(&asked);
        flow.instructions = instructions;
        flow.hard_timeout = asked.ends.unwrap_or_default();
        let Asked { kind, rule, reason, detail, .. } = asked;
        self.origins.push((flow.cookie, Origin { kind, rule: rule.to_owned(), reason, detail }));
        self.program.flows.push(flow);
    }

    /// A flow that drops.
    pub(super) fn drop(
        &mut self,
        table: TableId,
        priority: u16,
        matches: FlowMatch,
        kind: OriginKind,
        reason: Reason,
        detail: impl Into<String>,
    ) {
        self.flow(table, priority, matches, Vec::new(), Asked::drop(kind, reason, detail));
    }

    /// A flow as somebody wrote it. Several may share a cookie; the first gives it its origin.
    pub(super) fn verbatim(&mut self, flow: Flow, origin: Origin) {
        self.program.origins.entry(flow.cookie).or_insert(origin);
        self.program.flows.push(flow);
    }

    pub(super) fn finish(mut self) -> Program {
        let raw = std::mem::take(&mut self.program.origins);
        self.program.origins = self.origins.into_iter().collect();
        for (cookie, origin) in raw {
            self.program.origins.entry(cookie).or_insert(origin);
        }
        self.program
    }
}

/// `load:1->register[bit]`.
pub(super) fn mark(dst: Subfield) -> Action {
    Action::Load { dst, value: 1 }
}

/// `resubmit(,table)`.
pub(super) fn resubmit(table: TableId) -> Action {
    Action::Resubmit { port: None, table: Some(table) }
}

/// `load:value->field`.
pub(super) fn load(field: Field, value: u64) -> Action {
    Action::Load { dst: Subfield::whole(field), value }
}

/// `output:port`.
pub(super) fn output(port: PortNo) -> Action {
    Action::Output { port, max_len: 0 }
}

/// Applies actions and goes on.
pub(super) fn apply_and_goto(actions: Vec<Action>, table: TableId) -> Vec<Instruction> {
    vec![Instruction::ApplyActions(actions), Instruction::GotoTable(table)]
}
