//! What compiling a bridge gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flow_model::{Flow, FlowMatch};
use ofproto::action::{Action, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};

use crate::compile::output::leasing::{Leasing, Relay};
use crate::compile::output::sample;
use crate::compile::vocabulary::identity::{FlowIdentity, cookie};
use crate::compile::vocabulary::origin::{Origin, Reason};
use crate::learner::Learner;

/// The flows of one bridge, and where each comes from.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// One for each network of the bridge, in the order of the file, and last what belongs to none of them alone. What
    /// [`recompile`](crate::compile::recompile) finds unchanged it takes over: of two programs the same part is the same `Arc`.
    pub parts: Vec<Arc<ProgramPart>>,
    /// Ports that the file names and the bridge lacks.
    pub missing_ports: BTreeSet<String>,
}

/// Some of the flows of a bridge, and where each comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProgramPart {
    /// The number of the network whose flows these are; none for what the networks have in common.
    pub network: Option<u16>,
    /// Whether the connection tracker tells that network's answers, in the zone of its number.
    pub tracked: bool,
    /// The flows.
    pub flows: Vec<Flow>,
    /// Where the flow of a cookie comes from. One cookie a flow, except for raw lines.
    pub origins: BTreeMap<Cookie, Origin>,
    /// Whether raw lines are among them. Those alone may have the key or the cookie of another flow.
    pub verbatim: bool,
    /// What the controller executes for the packets of some of the flows: raw lines with `learn`, where the file gives
    /// that to the controller.
    pub reactive: Vec<Learner>,
    /// What the controller has to know where DHCP gives addresses, or is spoken at all.
    pub leasing: Option<Leasing>,
    /// The identity behind each cookie, as the tests that pin them write it.
    #[cfg(test)]
    pub(in crate::compile) identities: Vec<(Cookie, String)>,
    /// All that a network's part is made from; none for what is always made anew.
    pub(in crate::compile) inputs: Vec<u8>,
}

impl Program {
    /// Takes the samples out: for a switch that has no such meters.
    pub fn unsample(&mut self) {
        for part in &mut self.parts {
            if part.flows.iter().any(|flow| flow.instructions == sample::instructions()) {
                let flows = Arc::make_mut(part).flows.iter_mut();
                flows
                    .filter(|flow| flow.instructions == sample::instructions())
                    .for_each(|flow| flow.instructions.clear());
            }
        }
    }

    /// All flows. Of two with one key, as raw lines may have it, the later one counts.
    pub fn flows(&self) -> impl DoubleEndedIterator<Item = &Flow> + Clone {
        self.parts.iter().flat_map(|part| &part.flows)
    }

    /// The zones of networks with a connection tracker.
    pub fn zones(&self) -> impl Iterator<Item = u16> {
        self.parts.iter().filter(|part| part.tracked).filter_map(|part| part.network)
    }

    /// What the controller executes, by the flow that a packet comes from: the table and the cookie that a PACKET_IN tells.
    pub fn reactive(&self) -> impl Iterator<Item = &Learner> {
        self.parts.iter().flat_map(|part| &part.reactive)
    }

    /// Where the flow of a cookie comes from.
    pub fn origin(&self, cookie: Cookie) -> Option<&Origin> {
        self.parts.iter().find_map(|part| part.origins.get(&cookie))
    }

    /// Where all flows come from.
    pub fn origins(&self) -> impl Iterator<Item = (Cookie, &Origin)> {
        self.parts.iter().flat_map(|part| &part.origins).map(|(cookie, origin)| (*cookie, origin))
    }

    /// All flows, and where they come from, without the parts.
    pub fn into_whole(self) -> (Vec<Flow>, BTreeMap<Cookie, Origin>) {
        let (mut flows, mut origins) = (Vec::new(), Vec::new());
        for part in self.parts {
            let part = Arc::unwrap_or_clone(part);
            flows.extend(part.flows);
            origins.extend(part.origins);
        }
        // Where a raw line has another flow's cookie, the other's origin counts, which is before.
        origins.reverse();
        (flows, origins.into_iter().collect())
    }
}

/// Collects flows.
pub(in crate::compile) struct ProgramBuilder<'a> {
    bridge: &'a str,
    /// Whether the controller sees samples of what is denied.
    samples: bool,
    part: ProgramPart,
    /// A map that is made of all at once costs half of one that grows.
    origins: Vec<(Cookie, Origin)>,
    pub(in crate::compile) missing: BTreeSet<String>,
}

/// A flow that is asked for: what it is, and what is said of it.
pub(in crate::compile) struct FlowSpec<'a> {
    pub(in crate::compile) identity: FlowIdentity<'a>,
    /// The part of the file that asks for it; the kind of flow where no single one does.
    pub(in crate::compile) rule: &'a str,
    pub(in crate::compile) reason: Option<Reason>,
    /// In words, for people alone: no cookie depends on it.
    pub(in crate::compile) detail: String,
    /// Seconds until it ends, where the clock ends it.
    pub(in crate::compile) ends: Option<u16>,
}

impl<'a> FlowSpec<'a> {
    pub(in crate::compile) fn new(identity: FlowIdentity<'a>, detail: impl Into<String>) -> Self {
        Self { identity, rule: identity.kind().label(), reason: None, detail: detail.into(), ends: None }
    }

    pub(in crate::compile) fn drop(
        identity: FlowIdentity<'a>,
        reason: Reason,
        detail: impl Into<String>,
    ) -> Self {
        Self { reason: Some(reason), ..Self::new(identity, detail) }
    }

    /// Returns the same, asked for by a part of the file.
    pub(in crate::compile) fn of(self, rule: &'a str) -> Self {
        Self { rule, ..self }
    }

    /// Returns the same, which ends by the clock.
    pub(in crate::compile) fn until(self, ends: Option<u16>) -> Self {
        Self { ends, ..self }
    }
}

impl<'a> ProgramBuilder<'a> {
    pub(in crate::compile) fn new(bridge: &'a str, samples: bool) -> Self {
        Self { bridge, samples, part: ProgramPart::default(), origins: Vec::new(), missing: BTreeSet::new() }
    }

    pub(in crate::compile) fn missing(&mut self, port: &str) {
        self.missing.insert(port.to_owned());
    }

    /// The cookie that `asked` has.
    pub(in crate::compile) fn cookie(&self, asked: &FlowSpec<'_>) -> Cookie {
        cookie(self.bridge, &asked.identity)
    }

    pub(in crate::compile) fn flow(
        &mut self,
        table: TableId,
        priority: u16,
        matches: FlowMatch,
        instructions: Vec<Instruction>,
        asked: FlowSpec<'_>,
    ) {
        let mut flow = Flow::new(table, priority, matches);
        flow.cookie = self.cookie(&asked);
        flow.instructions = instructions;
        flow.hard_timeout = asked.ends.unwrap_or_default();
        let FlowSpec { identity, rule, reason, detail, .. } = asked;
        #[cfg(test)]
        self.part.identities.push((flow.cookie, format!("{identity:?}")));
        let origin = Origin { kind: identity.kind(), rule: rule.to_owned(), reason, detail };
        if self.samples && sample::is_sampled(&origin) {
            flow.instructions = sample::instructions();
        }
        // A program lives long, and most of its memory is matches and actions.
        flow.matches.shrink();
        for instruction in &mut flow.instructions {
            if let Instruction::ApplyActions(actions) = instruction {
                actions.shrink_to_fit();
            }
        }
        flow.instructions.shrink_to_fit();
        self.origins.push((flow.cookie, origin));
        self.part.flows.push(flow);
    }

    /// A flow that drops.
    pub(in crate::compile) fn drop(
        &mut self,
        table: TableId,
        priority: u16,
        matches: FlowMatch,
        identity: FlowIdentity<'_>,
        reason: Reason,
        detail: impl Into<String>,
    ) {
        self.flow(table, priority, matches, Vec::new(), FlowSpec::drop(identity, reason, detail));
    }

    /// A flow as somebody wrote it. Several may share a cookie; the first gives it its origin.
    pub(in crate::compile) fn verbatim(&mut self, flow: Flow, origin: Origin) {
        self.part.verbatim = true;
        self.part.origins.entry(flow.cookie).or_insert(origin);
        self.part.flows.push(flow);
    }

    /// A flow as somebody wrote it, whose actions the controller executes.
    pub(in crate::compile) fn reactive(&mut self, learner: Learner, origin: Origin) {
        self.verbatim(learner.asks.clone(), origin);
        self.part.reactive.push(learner);
    }

    /// Who is on the network, before it is known who speaks DHCP.
    pub(in crate::compile) fn leasing(&mut self, leasing: Leasing) {
        self.part.leasing = Some(leasing);
    }

    /// What a flow shows to the controller.
    pub(in crate::compile) fn relay(&mut self, relay: Relay) {
        self.part.leasing.iter_mut().for_each(|leasing| leasing.relays.push(relay.clone()));
    }

    pub(in crate::compile) fn finish(mut self) -> ProgramPart {
        // Where nobody speaks DHCP there is nothing to know.
        self.part.leasing.take_if(|leasing| leasing.relays.is_empty() && !leasing.gives());
        let raw = std::mem::take(&mut self.part.origins);
        self.part.flows.shrink_to_fit();
        self.part.origins = self.origins.into_iter().collect();
        for (cookie, origin) in raw {
            self.part.origins.entry(cookie).or_insert(origin);
        }
        self.part
    }
}

/// `load:1->register[bit]`.
pub(in crate::compile) fn mark(dst: Subfield) -> Action {
    Action::Load { dst, value: 1 }
}

/// `resubmit(,table)`.
pub(in crate::compile) fn resubmit(table: TableId) -> Action {
    Action::Resubmit { port: None, table: Some(table) }
}

/// `load:value->field`.
pub(in crate::compile) fn load(field: Field, value: u64) -> Action {
    Action::Load { dst: Subfield::whole(field), value }
}

/// `output:port`.
pub(in crate::compile) fn output(port: PortNo) -> Action {
    Action::Output { port, max_len: 0 }
}

/// Applies actions and goes on.
pub(in crate::compile) fn apply_and_goto(actions: Vec<Action>, table: TableId) -> Vec<Instruction> {
    vec![Instruction::ApplyActions(actions), Instruction::GotoTable(table)]
}
