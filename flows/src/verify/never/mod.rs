//! Checks each `never` on the flows themselves. The packets cover every kind that the file or the
//! flows distinguish. The interpreter traces them through the bridges, over links and through a
//! forwarding host.
//!
//! First every port sends every packet. The flows that the switches learn are added, all at once,
//! and every packet is sent again. So no opening packet, from any sender, opens a path for another.

mod packet_tracer;
mod probe;
mod topology;
mod values;
mod witness;

use std::collections::BTreeMap;

use flow_model::{Flow, FlowMatch};
use ofproto::{Cookie, PortNo};

use self::packet_tracer::{LearnedFlows, PacketRound, PacketTracer};
use self::topology::Topology;
pub use self::witness::{Witness, WitnessHop};
use crate::compile::{Origin, OriginKind, PortMap, TimeContext, compile, shared};
use crate::finding::Finding;
use crate::finding_code::FindingCode;
use crate::learner::Learner;
use crate::network::{NetworkFile, Never};
use crate::verify::interp::Pipeline;

/// The maximum number of witnesses per `never`.
const WITNESSES: usize = 3;
/// The maximum number of packets run in one round, shared equally between the ports. A check that
/// needs more reports that it is incomplete.
const MAX_RUNS: u64 = 8_000_000;
/// The maximum number of learned flows per bridge that are added for the second round.
const MAX_LEARNED: usize = 100_000;
/// The maximum number of rounds; flows learned from learned flows are added again.
const MAX_ROUNDS: usize = 4;

/// One bridge with its future flows.
#[derive(Debug, Clone)]
pub struct BridgeFlows<'a> {
    /// Its name.
    pub name: &'a str,
    /// The numbers of its ports.
    pub ports: PortMap,
    /// Its flows.
    pub flows: Vec<Flow>,
    /// The origins of its flows, for witnesses; may be empty.
    pub origins: BTreeMap<Cookie, Origin>,
}

/// The result of a check.
#[derive(Debug, Clone, Default)]
pub struct NeverReport {
    /// The packets that break a `never`, at most three for each.
    pub witnesses: Vec<Witness>,
    /// The number of considered packets in all rounds. A packet is considered with another that
    /// differs only in fields that no flow on the path examined.
    pub packets: u64,
    /// The number of packets that were run.
    pub runs: u64,
    /// The largest number of flows that one bridge learned.
    pub learned: usize,
    /// Features that the interpreter passed over, and limits that the check reached; empty if it is
    /// complete.
    pub incomplete: Vec<String>,
}

impl NeverReport {
    /// Returns the findings: an error `never-violated` for each witness, and a warning
    /// `never-unchecked` if the check is incomplete.
    pub fn findings(&self, file: &NetworkFile) -> Vec<Finding> {
        let span = |name: &str| file.nevers.iter().find(|n| n.name == name).map(|n| n.span.clone());
        let mut findings: Vec<Finding> = self
            .witnesses
            .iter()
            .map(|w| Finding::error(FindingCode::NeverViolated, span(&w.never), w.summary(), w.to_string()))
            .collect();
        if !self.incomplete.is_empty() && !file.nevers.is_empty() {
            findings.push(Finding::warning(
                FindingCode::NeverUnchecked,
                file.nevers.first().map(|n| n.span.clone()),
                format!("the check of `never` is not complete: {}", self.incomplete.join("; ")),
                "do without what the check does not know, or test by hand with ofproto/trace",
            ));
        }
        findings
    }
}

/// Returns numbers for the ports that the file gives a bridge, for checks without a switch.
pub fn numbered_ports(file: &NetworkFile, bridge: &str) -> PortMap {
    let ports = file.bridge_ports(bridge).into_iter().filter(|p| *p != "LOCAL");
    ports.zip(1..).map(|(name, n)| (name.to_owned(), PortNo(n))).collect()
}

/// Compiles every bridge of the file with all the ports that the file gives it.
pub fn compiled(file: &NetworkFile) -> Vec<BridgeFlows<'_>> {
    let bridges = file.bridges.iter().map(|bridge| {
        let ports = numbered_ports(file, &bridge.name);
        let program = compile(file, &bridge.name, &ports, &TimeContext::widest(file));
        let executed: Vec<Flow> = program.reactive().map(Learner::as_written).collect();
        let [.., a, b, c, d, e, f] = values::STRANGER.to_be_bytes();
        let (program, _) = program.with_leases([a, b, c, d, e, f]);
        let (mut flows, origins) = program.into_whole();
        // The controller's work for a switch is included.
        for written in executed {
            flows
                .iter_mut()
                .filter(|flow| flow.key() == written.key())
                .for_each(|flow| *flow = written.clone());
        }
        BridgeFlows { name: &bridge.name, ports, flows, origins }
    });
    bridges.collect()
}

/// Checks every `never` of the file on the flows of all its bridges together. A `never` that
/// excepts crossings is checked on the flows without those crossings: all other traffic must still
/// be blocked.
pub fn check(file: &NetworkFile, bridges: &[BridgeFlows<'_>]) -> NeverReport {
    let (plain, excepting): (Vec<Never>, Vec<Never>) =
        file.nevers.iter().cloned().partition(|never| never.except.is_empty());
    let mut report = NeverReport::default();
    if !plain.is_empty() {
        let file = NetworkFile { nevers: plain, ..file.clone() };
        hold(&file, bridges, &mut report);
    }
    let mut by_exception: BTreeMap<Vec<String>, Vec<Never>> = BTreeMap::new();
    for mut never in excepting {
        never.except.sort();
        by_exception.entry(never.except.clone()).or_default().push(never);
    }
    for (except, nevers) in by_exception {
        let bridges: Vec<BridgeFlows<'_>> = bridges.iter().map(|bridge| without(bridge, &except)).collect();
        hold(&NetworkFile { nevers, ..file.clone() }, &bridges, &mut report);
    }
    report.incomplete.sort();
    report.incomplete.dedup();
    report
}

/// Returns a bridge without the flows of some crossings.
fn without<'a>(bridge: &BridgeFlows<'a>, crossings: &[String]) -> BridgeFlows<'a> {
    let of_crossing = |flow: &Flow| {
        let origin = bridge.origins.get(&flow.cookie);
        origin.is_some_and(|o| o.kind == OriginKind::Crossing && crossings.contains(&o.rule))
    };
    let mut bridge = bridge.clone();
    let flows = std::mem::take(&mut bridge.flows);
    bridge.flows = flows.into_iter().filter(|flow| !of_crossing(flow)).collect();
    bridge
}

/// Checks with each shared address at each of its holders in turn.
fn hold(file: &NetworkFile, bridges: &[BridgeFlows<'_>], report: &mut NeverReport) {
    let turns = bridges.iter().map(|bridge| shared::turns(&bridge.flows)).max().unwrap_or(1);
    for turn in 0..turns {
        let pinned = |bridge: &BridgeFlows<'_>| shared::pinned_holders(&bridge.flows, turn);
        let mut bridges = bridges.to_vec();
        for bridge in &mut bridges {
            bridge.flows.extend(pinned(bridge));
        }
        hold_once(file, &bridges, report);
    }
}

fn hold_once(file: &NetworkFile, bridges: &[BridgeFlows<'_>], report: &mut NeverReport) {
    let world = Topology::new(file, bridges);
    let values = values::ProbeValues::collect(file, bridges);
    let mut pipelines: Vec<Pipeline> = bridges.iter().map(|b| Pipeline::new(b.flows.clone())).collect();
    let sources = u64::try_from(world.sources().count()).unwrap_or(u64::MAX);
    let share = MAX_RUNS / sources.max(1);
    for number in 0..MAX_ROUNDS {
        let learnt = bridges.iter().map(|_| LearnedFlows::default()).collect();
        let mut round = PacketRound { number, left: 0, learnt };
        for source in world.sources() {
            round.left = share;
            let mut follower = PacketTracer::new(&world, &pipelines, source, report, &mut round);
            probe::from_port(&world, &values, source, &mut follower);
        }
        let mut changed = false;
        for (pipeline, learnt) in pipelines.iter_mut().zip(round.learnt) {
            report.learned = report.learned.max(learnt.len());
            if learnt.full() {
                report.incomplete.push(format!("more than {MAX_LEARNED} flows were learned"));
            }
            changed |= pipeline.learn(learnt.into_flows());
        }
        if !changed {
            break;
        }
        if number + 1 == MAX_ROUNDS {
            report.incomplete.push("learned flows learn without an end".to_owned());
        }
    }
}

/// The key of a learned flow.
type LearnedFlowKey = (ofproto::TableId, u16, FlowMatch);

#[cfg(test)]
mod tests;
