//! The result of compiling a bridge.

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

/// The flows of one bridge, and the origin of each.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// One part for each network of the bridge, in the order of the file, and last the flows that
    /// no single network owns. [`recompile`](crate::compile::recompile) keeps unchanged parts: two
    /// programs then share the part's `Arc`.
    pub parts: Vec<Arc<ProgramPart>>,
    /// Ports that the file names and the bridge lacks.
    pub missing_ports: BTreeSet<String>,
}

/// Some flows of a bridge, and the origin of each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProgramPart {
    /// The number of the network that owns these flows; `None` for flows that the networks share.
    pub network: Option<u16>,
    /// True if the connection tracker identifies that network's answers, in the zone of its number.
    pub tracked: bool,
    /// The flows.
    pub flows: Vec<Flow>,
    /// The origin of each cookie. Each flow has a cookie of its own, except for raw lines.
    pub origins: BTreeMap<Cookie, Origin>,
    /// True if raw lines are among the flows. Only those may have the key or the cookie of another
    /// flow.
    pub verbatim: bool,
    /// The learners that the controller executes for packets of some flows: raw lines with `learn`,
    /// if the file assigns them to the controller.
    pub reactive: Vec<Learner>,
    /// The controller's view of a network where DHCP gives addresses or a rule allows DHCP.
    pub leasing: Option<Leasing>,
    /// The identity behind each cookie, as the tests that pin them write it.
    #[cfg(test)]
    pub(in crate::compile) identities: Vec<(Cookie, String)>,
    /// The complete input of a network's part; empty for parts that are always compiled again.
    pub(in crate::compile) inputs: Vec<u8>,
}

impl Program {
    /// Removes the samples, for a switch without such meters.
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

    /// Returns all flows. Raw lines may share a key, and then the later flow counts.
    pub fn flows(&self) -> impl DoubleEndedIterator<Item = &Flow> + Clone {
        self.parts.iter().flat_map(|part| &part.flows)
    }

    /// Returns the zones of networks with a connection tracker.
    pub fn zones(&self) -> impl Iterator<Item = u16> {
        self.parts.iter().filter(|part| part.tracked).filter_map(|part| part.network)
    }

    /// Returns the learners that the controller executes, by the table and the cookie of a
    /// PACKET_IN.
    pub fn reactive(&self) -> impl Iterator<Item = &Learner> {
        self.parts.iter().flat_map(|part| &part.reactive)
    }

    /// Returns the origin of a cookie.
    pub fn origin(&self, cookie: Cookie) -> Option<&Origin> {
        self.parts.iter().find_map(|part| part.origins.get(&cookie))
    }

    /// Returns the origins of all flows.
    pub fn origins(&self) -> impl Iterator<Item = (Cookie, &Origin)> {
        self.parts.iter().flat_map(|part| &part.origins).map(|(cookie, origin)| (*cookie, origin))
    }

    /// Returns all flows and their origins, without the parts.
    pub fn into_whole(self) -> (Vec<Flow>, BTreeMap<Cookie, Origin>) {
        let (mut flows, mut origins) = (Vec::new(), Vec::new());
        for part in self.parts {
            let part = Arc::unwrap_or_clone(part);
            flows.extend(part.flows);
            origins.extend(part.origins);
        }
        // If a raw line has another flow's cookie, the origin of the earlier flow counts.
        origins.reverse();
        (flows, origins.into_iter().collect())
    }
}

/// Collects the flows of a program part.
pub(in crate::compile) struct ProgramBuilder<'a> {
    bridge: &'a str,
    /// True if the controller receives samples of denied packets.
    samples: bool,
    part: ProgramPart,
    /// Building the map once costs half as much as growing it.
    origins: Vec<(Cookie, Origin)>,
    pub(in crate::compile) missing: BTreeSet<String>,
}

/// A flow specification: the flow's identity and its description.
pub(in crate::compile) struct FlowSpec<'a> {
    pub(in crate::compile) identity: FlowIdentity<'a>,
    /// The part of the file that asks for the flow; the kind of flow if no single part does.
    pub(in crate::compile) rule: &'a str,
    pub(in crate::compile) reason: Option<Reason>,
    /// A description for people: no cookie depends on it.
    pub(in crate::compile) detail: String,
    /// Seconds until the flow ends, if it has a deadline.
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

    /// Returns the specification, attributed to a part of the file.
    pub(in crate::compile) fn of(self, rule: &'a str) -> Self {
        Self { rule, ..self }
    }

    /// Returns the specification with a deadline.
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

    /// Returns the cookie of a flow specification.
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
        // A program lives long, and matches and actions take most of its memory.
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

    /// Adds a flow that drops.
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

    /// Adds a flow verbatim. Several may share a cookie, and the first sets its origin.
    pub(in crate::compile) fn verbatim(&mut self, flow: Flow, origin: Origin) {
        self.part.verbatim = true;
        self.part.origins.entry(flow.cookie).or_insert(origin);
        self.part.flows.push(flow);
    }

    /// Adds a flow verbatim, whose actions the controller executes.
    pub(in crate::compile) fn reactive(&mut self, learner: Learner, origin: Origin) {
        self.verbatim(learner.asks.clone(), origin);
        self.part.reactive.push(learner);
    }

    /// Records the parties of the network, before the rules decide which of them use DHCP.
    pub(in crate::compile) fn leasing(&mut self, leasing: Leasing) {
        self.part.leasing = Some(leasing);
    }

    /// Records the packets that a flow sends to the controller.
    pub(in crate::compile) fn relay(&mut self, relay: Relay) {
        self.part.leasing.iter_mut().for_each(|leasing| leasing.relays.push(relay.clone()));
    }

    pub(in crate::compile) fn finish(mut self) -> ProgramPart {
        // A network without DHCP needs no leasing.
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

/// Returns `load:1->register[bit]`.
pub(in crate::compile) fn mark(dst: Subfield) -> Action {
    Action::Load { dst, value: 1 }
}

/// Returns `resubmit(,table)`.
pub(in crate::compile) fn resubmit(table: TableId) -> Action {
    Action::Resubmit { port: None, table: Some(table) }
}

/// Returns `load:value->field`.
pub(in crate::compile) fn load(field: Field, value: u64) -> Action {
    Action::Load { dst: Subfield::whole(field), value }
}

/// Returns `output:port`.
pub(in crate::compile) fn output(port: PortNo) -> Action {
    Action::Output { port, max_len: 0 }
}

/// Returns instructions that apply actions and continue in a table.
pub(in crate::compile) fn apply_and_goto(actions: Vec<Action>, table: TableId) -> Vec<Instruction> {
    vec![Instruction::ApplyActions(actions), Instruction::GotoTable(table)]
}
