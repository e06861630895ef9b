//! Decides the assertions of a file on the flows that switches have now.
//!
//! Each flow that a switch reports is of one kind:
//!
//! | kind | in the proof |
//! |---|---|
//! | compiled from the file | as a flow, with the controller's work for its packets |
//! | learned by an installed learner | left out: the learner stands for all flows that it writes |
//! | a lease of the file's DHCP | as a flow |
//! | any other: drift | as a flow |
//!
//! The judge of learned flows knows the installed learners alone, and the flows before them. So a
//! learned flow whose learner is gone is drift, and a leak by it is found.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flow_model::Flow;
use ofctl::syntax::print_flow;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::{Cookie, TableId};

use crate::compile::lease::{Lease, is_lease};
use crate::compile::{
    Origin, OriginKind, PortMap, Program, ProgramPart, TimeContext, compile, mac_pairs, owns,
};
use crate::diff::same;
use crate::network::{ANY_BRIDGE, NetworkFile};
use crate::runtime::return_flows::LearnedFlowJudge;
use crate::verify::bridge_flows::{BridgeFlows, OwnedKey, numbered_ports, owned_key};
use crate::verify::proof::{AssertionKind, Budget, ProofReport, Verdict, prove_installed};

/// The maximum number of flows of a bridge that a report names.
const NAMED: usize = 5;

/// The flows and ports of a switch.
#[derive(Debug, Clone)]
pub struct InstalledBridge<'a> {
    /// The bridge's name.
    pub name: &'a str,
    /// Its ports by name.
    pub ports: PortMap,
    /// Its flows.
    pub flows: Cow<'a, [Flow]>,
}

/// The flows of one bridge, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstalledCounts {
    /// The bridge's name.
    pub name: String,
    /// The number of flows.
    pub flows: usize,
    /// The number of flows that the switch or the controller learned.
    pub learned: usize,
    /// The number of flows that are neither of the file nor learned.
    pub foreign: usize,
    /// Some of those, as `ovs-ofctl` prints them.
    pub examples: Vec<String>,
}

/// The verdicts on installed flows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstalledReport {
    /// The verdicts.
    pub proof: ProofReport,
    /// The bridges, in the order of the file.
    pub bridges: Vec<InstalledCounts>,
    /// The bridges of the file whose flows are not known.
    pub unread: Vec<String>,
}

/// Decides every assertion of a file on the flows that its bridges have. A bridge that the file does
/// not name is ignored. If the flows of a bridge are not given, no assertion holds for certain.
pub fn decide(file: &NetworkFile, installed: &[InstalledBridge<'_>], budget: Budget) -> InstalledReport {
    let mut report = InstalledReport::default();
    let mut bridges = Vec::new();
    for bridge in &file.bridges {
        let given = installed.iter().find(|given| given.name == bridge.name);
        let Some(given) = given else {
            if bridge.name != ANY_BRIDGE && owns(file, &bridge.name) {
                report.unread.push(bridge.name.clone());
            }
            // Its ports remain, because a wire to it is no way out.
            bridges.push(without_flows(file, &bridge.name));
            continue;
        };
        let (flows, counts) = sorted(file, &bridge.name, given);
        bridges.push(flows);
        report.bridges.push(counts);
    }
    report.proof = prove_installed(file, &bridges, budget);
    if !report.unread.is_empty() {
        let why = format!("the flows of {} are not known", report.unread.join(", "));
        for (assertion, verdict) in &mut report.proof.results {
            // The unknown flows may break what seems to hold, and carry what seems not to arrive.
            match (assertion.kind, &mut *verdict) {
                (_, Verdict::Holds) | (AssertionKind::Always, Verdict::Violated { .. }) => {
                    *verdict = Verdict::Unknown { reasons: vec![why.clone()] };
                }
                (_, Verdict::Unknown { reasons }) => reasons.push(why.clone()),
                (_, Verdict::Violated { .. }) => {}
            }
        }
    }
    report
}

fn without_flows<'a>(file: &NetworkFile, name: &'a str) -> BridgeFlows<'a> {
    let ports = numbered_ports(file, name);
    BridgeFlows { name, ports, flows: Vec::new(), origins: Default::default(), foreign: HashSet::new() }
}

/// The program of a bridge, as the controller installs it and as it works.
struct Desired {
    program: Program,
    /// Each flow as it is installed, and with what the controller does for it.
    by_key: HashMap<OwnedKey, (Flow, Flow)>,
}

impl Desired {
    fn new(file: &NetworkFile, bridge: &str, ports: &PortMap) -> Self {
        let program = compile(file, bridge, ports, &TimeContext::widest(file));
        let written = program.reactive().map(|learner| {
            let flow = learner.as_written();
            (owned_key(&flow), flow)
        });
        let written: HashMap<OwnedKey, Flow> = written.collect();
        let relayed = program.clone().relayed();
        let both = program.flows().zip(relayed.flows()).map(|(installed, works)| {
            let key = owned_key(installed);
            let works = written.get(&key).unwrap_or(works).clone();
            (key, (installed.clone(), works))
        });
        let by_key = both.collect();
        Self { program, by_key }
    }

    /// Returns what an installed flow of the program does, or `None` for any other flow.
    fn works(&self, flow: &Flow) -> Option<Flow> {
        let (installed, works) = self.by_key.get(&owned_key(flow))?;
        // Whoever adds the flow again may give it less time.
        let timed = Flow {
            hard_timeout: flow.hard_timeout,
            importance: flow.importance,
            flags: flow.flags,
            ..installed.clone()
        };
        let unmetered = || {
            let lacks = asks(flow) || flow.instructions.is_empty();
            flow.cookie == installed.cookie && asks(installed) && lacks
        };
        if !same(flow, &timed) && !unmetered() {
            return None;
        }
        Some(if works == installed { flow.clone() } else { works.clone() })
    }

    /// Returns the parts of the program that are installed, for the judge. Learners of raw lines are
    /// judged as strictly as others.
    fn installed_parts(&self, there: &HashSet<OwnedKey>, others: Vec<Flow>) -> Vec<Arc<ProgramPart>> {
        let strict = |origin: &Origin| match origin.kind {
            OriginKind::Raw => Origin { kind: OriginKind::Allow, ..origin.clone() },
            _ => origin.clone(),
        };
        let mut parts: Vec<Arc<ProgramPart>> = Vec::new();
        for part in &self.program.parts {
            let mut part = ProgramPart::clone(part);
            part.flows.retain(|flow| there.contains(&owned_key(flow)));
            part.reactive.retain(|learner| there.contains(&owned_key(&learner.asks)));
            part.origins = part.origins.iter().map(|(cookie, origin)| (*cookie, strict(origin))).collect();
            parts.push(Arc::new(part));
        }
        let origin = |flow: &Flow| {
            let origin =
                Origin { kind: OriginKind::Allow, rule: String::new(), reason: None, detail: String::new() };
            (flow.cookie, origin)
        };
        let mut part = ProgramPart::default();
        part.origins = others.iter().map(origin).collect();
        part.flows = others;
        parts.push(Arc::new(part));
        parts
    }

    /// Returns the flows of the leases that the program admits, among installed flows.
    fn leased(&self, flows: &[Flow]) -> HashSet<(OwnedKey, Cookie, Vec<Instruction>)> {
        let leasings: Vec<_> = self.program.parts.iter().filter_map(|part| part.leasing.as_ref()).collect();
        let leases = flows.iter().filter_map(Lease::of);
        let admitted = leases.filter(|lease| leasings.iter().any(|leasing| leasing.admits(lease)));
        admitted.flat_map(|lease| lease.flows()).map(|flow| lease_of(&flow)).collect()
    }
}

fn lease_of(flow: &Flow) -> (OwnedKey, Cookie, Vec<Instruction>) {
    (owned_key(flow), flow.cookie, flow.instructions.clone())
}

/// Returns whether a flow only sends its packets to the controller.
fn asks(flow: &Flow) -> bool {
    let mut actions = flow.actions();
    let first = matches!(actions.next(), Some(Action::Controller(_)));
    first && actions.next().is_none() && flow.instructions.len() == 1
}

/// Sorts the flows of a bridge by their kinds.
fn sorted<'a>(
    file: &NetworkFile,
    name: &'a str,
    given: &InstalledBridge<'_>,
) -> (BridgeFlows<'a>, InstalledCounts) {
    let desired = Desired::new(file, name, &given.ports);
    let learns = file.bridge_for(name).is_some_and(|bridge| bridge.learning.is_some());
    let (mut there, mut flows, mut others) = (HashSet::new(), Vec::new(), Vec::new());
    for flow in given.flows.iter() {
        match desired.works(flow) {
            Some(works) => {
                there.insert(owned_key(flow));
                flows.push(works);
            }
            None => others.push(flow.clone()),
        }
    }
    let mut counts =
        InstalledCounts { name: name.to_owned(), flows: given.flows.len(), ..InstalledCounts::default() };
    let leased = desired.leased(&others);
    others.retain(|flow| {
        let is_leased = is_lease(flow) && leased.contains(&lease_of(flow));
        // The controller learned it; no flow of the switch stands for it.
        let is_pair = learns && mac_pairs::learned(flow).is_some();
        counts.learned += usize::from(is_pair);
        if is_leased || is_pair {
            flows.push(flow.clone());
        }
        !is_leased && !is_pair
    });
    // The learners that the controller executes are among the flows as they work.
    let learns = flows.iter().chain(&others).flat_map(Flow::learns);
    let taught: HashSet<(TableId, Cookie)> = learns.map(|learn| (learn.table, learn.cookie)).collect();
    let (claims, others): (Vec<Flow>, Vec<Flow>) =
        others.into_iter().partition(|flow| taught.contains(&(flow.table, flow.cookie)));
    let judge = LearnedFlowJudge::new(&desired.installed_parts(&there, others.clone()));
    let (learned, drift): (Vec<Flow>, Vec<Flow>) =
        claims.into_iter().partition(|flow| judge.accounts_for(flow).is_some());
    counts.learned += learned.len();
    let mut foreign = HashSet::new();
    for flow in others.into_iter().chain(drift) {
        counts.foreign += 1;
        if counts.examples.len() < NAMED {
            counts.examples.push(print_flow(&flow, &given.ports).trim().to_owned());
        }
        foreign.insert(owned_key(&flow));
        flows.push(flow);
    }
    let (_, origins) = desired.program.into_whole();
    (BridgeFlows { name, ports: given.ports.clone(), flows, origins, foreign }, counts)
}

#[cfg(test)]
mod tests;
