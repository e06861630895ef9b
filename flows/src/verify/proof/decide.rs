//! Decides the assertions of a file.

use std::collections::{BTreeMap, BTreeSet};

use bdd::Bdd;
use ofproto::PortNo;

use super::always;
use super::classes::{Classes, Forbidden, Places};
use super::replay::replay;
use super::report::{Assertion, AssertionKind, Budget, ProofReport, Verdict};
use crate::network::{Confine, NetworkFile, Never};
use crate::verify::bridge_flows::{self, BridgeFlows, is_temporary, without};
use crate::verify::interp::Pipeline;
use crate::verify::symbolic::{Asked, BridgePort, Engine};
use crate::verify::topology::Topology;
use crate::verify::witness::Witness;

/// The maximum number of witnesses of an assertion.
const WITNESSES: usize = 3;

/// Decides every assertion of a file on the flows that its bridges will have. A confine is also
/// decided with each of its exits' ports gone, and with other numbers.
pub fn prove(file: &NetworkFile, bridges: &[BridgeFlows<'_>], budget: Budget) -> ProofReport {
    let mut report = prove_installed(file, bridges, budget);
    for (confine, variant) in variants(file) {
        let holds = |(known, verdict): &(Assertion, Verdict)| {
            known.kind == AssertionKind::Confine && known.name == confine.name && *verdict == Verdict::Holds
        };
        if !report.results.iter().any(holds) {
            continue;
        }
        let only =
            NetworkFile { nevers: Vec::new(), always: Vec::new(), confines: vec![confine], ..file.clone() };
        let more = prove_installed(&only, &variant, budget.without(report.nodes));
        report.nodes += more.nodes;
        report.states += more.states;
        for (assertion, verdict) in more.results {
            let known = report.results.iter_mut().find(|(known, _)| *known == assertion);
            if let Some((_, known)) = known
                && *known == Verdict::Holds
            {
                *known = verdict;
            }
        }
    }
    report
}

/// Decides every assertion of a file on these flows.
pub fn prove_installed(file: &NetworkFile, bridges: &[BridgeFlows<'_>], budget: Budget) -> ProofReport {
    let mut report = ProofReport::default();
    let mut by_exception: BTreeMap<Vec<String>, Vec<&Never>> = BTreeMap::new();
    for never in &file.nevers {
        let mut except = never.except.clone();
        except.sort();
        by_exception.entry(except).or_default().push(never);
    }
    if !file.confines.is_empty() {
        by_exception.entry(Vec::new()).or_default();
    }
    let mut verdicts: BTreeMap<(AssertionKind, &str), Verdict> = BTreeMap::new();
    for (except, nevers) in by_exception {
        let confines = if except.is_empty() { file.confines.as_slice() } else { &[] };
        let without: Vec<BridgeFlows<'_>> = bridges.iter().map(|bridge| without(bridge, &except)).collect();
        decide(file, &without, &nevers, confines, budget, &mut report, &mut verdicts);
    }
    for statement in &file.always {
        let verdict = always::decide(file, bridges, statement);
        verdicts.insert((AssertionKind::Always, &statement.name), verdict);
    }
    let nevers = file.nevers.iter().map(|never| (AssertionKind::Never, &never.name, &never.span));
    let always = file.always.iter().map(|always| (AssertionKind::Always, &always.name, &always.span));
    let confines = file.confines.iter().map(|confine| (AssertionKind::Confine, &confine.name, &confine.span));
    for (kind, name, span) in nevers.chain(always).chain(confines) {
        let unknown = || Verdict::Unknown { reasons: vec!["it was not examined".to_owned()] };
        let verdict = verdicts.get(&(kind, name.as_str())).cloned().unwrap_or_else(unknown);
        report.results.push((Assertion { kind, name: name.clone(), span: span.clone() }, verdict));
    }
    report
}

/// Decides assertions that share the flows on which they are examined.
fn decide<'f>(
    file: &'f NetworkFile,
    bridges: &[BridgeFlows<'_>],
    nevers: &[&'f Never],
    confines: &'f [Confine],
    budget: Budget,
    report: &mut ProofReport,
    verdicts: &mut BTreeMap<(AssertionKind, &'f str), Verdict>,
) {
    let topology = Topology::new(file, bridges);
    let nevers = nevers.iter().map(|never| {
        let (from, to) = topology.never(&never.from, &never.to);
        (AssertionKind::Never, never.name.as_str(), Forbidden { from, at: Places::These(to) })
    });
    let confines = confines.iter().map(|confine| {
        let from = topology.confined(&confine.from);
        let permitted = topology.confined(&confine.to).into_iter().chain(from.iter().copied()).collect();
        (AssertionKind::Confine, confine.name.as_str(), Forbidden { from, at: Places::Others(permitted) })
    });
    let assertions: Vec<(AssertionKind, &str, Forbidden)> = nevers.chain(confines).collect();
    let forbidden: Vec<Forbidden> = assertions.iter().map(|(_, _, forbidden)| forbidden.clone()).collect();
    let classes = Classes::new(topology.sources(), &forbidden);
    let mut world = topology.world(|bridge, flow| is_temporary(file, bridge, flow));
    world.sources = classes.of.clone();
    let marks = classes.marks(topology.sources(), &forbidden);
    let mut coarse = Engine::coarse(&world, &Asked::default(), budget.without(report.nodes).0, &marks);
    coarse.run();
    let (nodes, states) = coarse.size();
    report.nodes += nodes;
    report.states += states;
    if coarse.is_out_of_budget() {
        // All ports told apart take more still.
        let unknown = Verdict::Unknown { reasons: coarse.gaps().map(str::to_owned).collect() };
        verdicts.extend(assertions.iter().map(|(kind, name, _)| ((*kind, *name), unknown.clone())));
        return;
    }
    let (held, assertions): (Vec<_>, Vec<_>) = assertions.into_iter().partition(|(_, _, forbidden)| {
        coarse.gaps().next().is_none() && arrivals(forbidden, &classes, &mut coarse, &topology).is_empty()
    });
    verdicts.extend(held.into_iter().map(|(kind, name, _)| ((kind, name), Verdict::Holds)));
    if assertions.is_empty() {
        return;
    }
    // The sets with classes of ports may have packets that never arrive.
    drop(coarse);
    let mut engine = Engine::new(&world, &Asked::default(), budget.without(report.nodes).0);
    engine.run();
    let pipelines: Vec<Pipeline> = bridges.iter().map(|bridge| Pipeline::new(bridge.flows.clone())).collect();
    for (kind, name, forbidden) in assertions {
        let verdict = verdict(name, &forbidden, &classes, &mut engine, &topology, &pipelines);
        verdicts.insert((kind, name), verdict);
    }
    let (nodes, states) = engine.size();
    report.nodes += nodes;
    report.states += states;
}

fn verdict(
    name: &str,
    forbidden: &Forbidden,
    classes: &Classes,
    engine: &mut Engine<'_>,
    topology: &Topology<'_>,
    pipelines: &[Pipeline],
) -> Verdict {
    let (mut witnesses, mut doubts): (Vec<Witness>, Vec<String>) = (Vec::new(), Vec::new());
    for (place, arrived) in arrivals(forbidden, classes, engine, topology) {
        if witnesses.len() >= WITNESSES {
            break;
        }
        let found = match engine.trace(place, arrived) {
            Some(trace) => replay(name, &trace, engine, topology, pipelines),
            None => Err("no way back to the sender was found".to_owned()),
        };
        match found {
            Ok(witness) => witnesses.push(witness),
            Err(why) => doubts.push(format!(
                "packets may arrive at {} of {}, but {why}",
                topology.port_name(place),
                topology.bridge_name(place.0)
            )),
        }
    }
    if !witnesses.is_empty() {
        return Verdict::Violated { witnesses };
    }
    doubts.extend(engine.gaps().map(|gap| format!("the proof does not know {gap}")));
    if doubts.is_empty() {
        return Verdict::Holds;
    }
    doubts.sort();
    doubts.dedup();
    Verdict::Unknown { reasons: doubts }
}

/// Returns the packets that arrive where they must not: one set for each place and class of senders.
fn arrivals(
    forbidden: &Forbidden,
    classes: &Classes,
    engine: &mut Engine<'_>,
    topology: &Topology<'_>,
) -> Vec<(BridgePort, Bdd)> {
    let places: BTreeSet<BridgePort> = match &forbidden.at {
        Places::These(places) => places.clone(),
        Places::Others(permitted) => {
            let all = engine.arrival_places();
            // A wire leads to another bridge, which decides what becomes of the packet. What goes to
            // the controller leaves by no port.
            let ends = |place: &BridgePort| topology.wire(*place).is_none() && place.1 != PortNo::CONTROLLER;
            all.into_iter().filter(ends).filter(|place| !permitted.contains(place)).collect()
        }
    };
    let mut arrivals = Vec::new();
    for place in places {
        for class in classes.of_all(&forbidden.from, place) {
            let arrived = engine.arrived(place, &BTreeSet::from([class]));
            if !arrived.is_false() {
                arrivals.push((place, arrived));
            }
        }
    }
    arrivals
}

/// Returns the flows of a file for each confine, with the port of one of its exits gone or with
/// another number.
fn variants(file: &NetworkFile) -> Vec<(Confine, Vec<BridgeFlows<'_>>)> {
    let mut variants = Vec::new();
    for confine in &file.confines {
        for exit in file.exits.iter().filter(|exit| confine.to.contains(&exit.name)) {
            let gone = bridge_flows::compiled_with(file, |bridge, ports| {
                if *bridge == *exit.bridge {
                    ports.remove(&exit.port);
                }
            });
            let renumbered = bridge_flows::compiled_with(file, |bridge, ports| {
                let next = ports.values().map(|port| port.0).max().unwrap_or(0) + 1;
                if *bridge == *exit.bridge {
                    ports.entry(exit.port.clone()).and_modify(|port| *port = PortNo(next));
                }
            });
            variants.extend([gone, renumbered].map(|flows| (confine.clone(), flows)));
        }
    }
    variants
}
