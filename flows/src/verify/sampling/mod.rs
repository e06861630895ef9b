//! Checks each `never` with samples: an oracle of the proofs, for small files.
//!
//!  The packets cover every kind that the file or the
//! flows distinguish. The interpreter traces them through the bridges, over links and through a
//! forwarding host.
//!
//! First every port sends every packet. The flows that the switches learn are added, all at once,
//! and every packet is sent again. So no opening packet, from any sender, opens a path for another.

mod packet_tracer;
mod probe;
mod values;

use std::collections::BTreeMap;

use flow_model::FlowMatch;

use self::packet_tracer::{LearnedFlows, PacketRound, PacketTracer};
use super::bridge_flows::{BridgeFlows, without};
use super::interp::Pipeline;
use super::topology::Topology;
use super::witness::Witness;
use crate::compile::shared;
use crate::network::{NetworkFile, Never};

/// The maximum number of witnesses per `never`.
const WITNESSES: usize = 3;
/// The maximum number of packets run in one round, shared equally between the ports. A check that
/// needs more reports that it is incomplete.
const MAX_RUNS: u64 = 8_000_000;
/// The maximum number of learned flows per bridge that are added for the second round.
const MAX_LEARNED: usize = 100_000;
/// The maximum number of rounds; flows learned from learned flows are added again.
const MAX_ROUNDS: usize = 4;

/// The result of a check.
#[derive(Debug, Clone, Default)]
pub(in crate::verify) struct NeverReport {
    /// The packets that break a `never`, at most three for each.
    pub(in crate::verify) witnesses: Vec<Witness>,
    /// The number of considered packets in all rounds. A packet is considered with another that
    /// differs only in fields that no flow on the path examined.
    pub(in crate::verify) packets: u64,
    /// The number of packets that were run.
    pub(in crate::verify) runs: u64,
    /// The largest number of flows that one bridge learned.
    pub(in crate::verify) learned: usize,
    /// Features that the interpreter passed over, and limits that the check reached; empty if it is
    /// complete.
    pub(in crate::verify) incomplete: Vec<String>,
}

/// Checks every `never` of the file on the flows of all its bridges together. A `never` that
/// excepts crossings is checked on the flows without those crossings: all other traffic must still
/// be blocked.
pub(in crate::verify) fn check(file: &NetworkFile, bridges: &[BridgeFlows<'_>]) -> NeverReport {
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
        let mut round = PacketRound { left: 0, learnt };
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
