//! The packet tracer: traces one packet through the bridges.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use flow_model::Flow;
use ofproto::PortNo;
use ofproto::oxm::Field;

use super::{LearnedFlowKey, MAX_LEARNED, NeverReport, WITNESSES};
use crate::verify::explain::Explainer;
use crate::verify::interp::{FieldSet, MatchedFlow, Output, Packet, Pipeline};
use crate::verify::symbolic::BridgePort;
use crate::verify::topology::Topology;
use crate::verify::witness::{Witness, WitnessHop};

/// The maximum number of visits of one packet. Beyond it the packet is in a loop, and the rest is
/// left out.
const MAX_VISITS: usize = 256;

/// The learned flows of a bridge, each once.
#[derive(Debug, Default)]
pub(in crate::verify::sampling) struct LearnedFlows {
    flows: HashMap<LearnedFlowKey, Flow>,
    full: bool,
}

impl LearnedFlows {
    fn add(&mut self, flow: Flow) {
        let room = self.flows.len() < MAX_LEARNED;
        match self.flows.entry((flow.table, flow.priority, flow.matches.clone())) {
            Entry::Occupied(mut old) => *old.get_mut() = flow,
            Entry::Vacant(new) if room => {
                new.insert(flow);
            }
            Entry::Vacant(_) => self.full = true,
        }
    }

    pub(in crate::verify::sampling) fn len(&self) -> usize {
        self.flows.len()
    }

    pub(in crate::verify::sampling) fn full(&self) -> bool {
        self.full
    }

    /// Returns the flows in a fixed order, so that a check always gives one result.
    pub(in crate::verify::sampling) fn into_flows(self) -> Vec<Flow> {
        let mut flows: Vec<(LearnedFlowKey, Flow)> = self.flows.into_iter().collect();
        flows.sort_by(|a, b| a.0.cmp(&b.0));
        flows.into_iter().map(|(_, flow)| flow).collect()
    }
}

/// One round of packets.
#[derive(Debug)]
pub(in crate::verify::sampling) struct PacketRound {
    /// The number of packets that may still be run.
    pub(in crate::verify::sampling) left: u64,
    /// The learned flows of each bridge.
    pub(in crate::verify::sampling) learnt: Vec<LearnedFlows>,
}

/// The way in which a packet came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verify::sampling) enum PacketOrigin {
    Start,
    Wire,
    Forwarded,
}

struct VisitedState {
    place: BridgePort,
    packet: Packet,
    via: PacketOrigin,
    /// The visit before, and the port by which the packet left it.
    from: Option<(usize, PortNo)>,
    path: Vec<MatchedFlow>,
}

/// Traces packets that start at one place.
pub(in crate::verify::sampling) struct PacketTracer<'w, 'a> {
    world: &'w Topology<'a>,
    pipelines: &'w [Pipeline],
    source: BridgePort,
    report: &'w mut NeverReport,
    round: &'w mut PacketRound,
}

impl<'w, 'a> PacketTracer<'w, 'a> {
    pub(in crate::verify::sampling) fn new(
        world: &'w Topology<'a>,
        pipelines: &'w [Pipeline],
        source: BridgePort,
        report: &'w mut NeverReport,
        round: &'w mut PacketRound,
    ) -> Self {
        Self { world, pipelines, source, report, round }
    }

    /// Counts packets that need not be run. If the last packet was not run either, they do not
    /// count as considered.
    pub(in crate::verify::sampling) fn considered(&mut self, packets: usize) {
        if self.round.left == 0 {
            return;
        }
        self.report.packets = self.report.packets.saturating_add(u64::try_from(packets).unwrap_or(u64::MAX));
    }

    pub(in crate::verify::sampling) fn incomplete(&mut self, why: &str) {
        if !self.report.incomplete.iter().any(|w| w == why) {
            self.report.incomplete.push(why.to_owned());
        }
    }

    /// Traces a packet to every place that it reaches; returns the fields that mattered.
    pub(in crate::verify::sampling) fn follow(&mut self, packet: &Packet) -> FieldSet {
        if self.round.left == 0 {
            self.incomplete("there are too many packets to try them all");
            return FieldSet::EMPTY;
        }
        self.considered(1);
        self.round.left -= 1;
        self.report.runs += 1;
        let mut mattered = FieldSet::EMPTY;
        let mut visits = vec![VisitedState {
            place: self.source,
            packet: packet.clone(),
            via: PacketOrigin::Start,
            from: None,
            path: Vec::new(),
        }];
        let mut next = 0;
        while let Some(visit) = visits.get_mut(next) {
            let place = visit.place;
            let Some(pipeline) = self.pipelines.get(place.0) else { break };
            let outcome = pipeline.run(place.1, &visit.packet);
            visit.path = outcome.path;
            mattered = mattered.union(outcome.consulted);
            if let Some(learnt) = self.round.learnt.get_mut(place.0) {
                outcome.learned.into_iter().for_each(|flow| learnt.add(flow));
            }
            for what in &outcome.unsupported {
                self.incomplete(what);
            }
            for (output, packet) in outcome.outputs {
                let ports = match output {
                    Output::Port(port) | Output::InPort(port) => vec![port],
                    // NORMAL may output to any port: strangers can choose what the switch has
                    // learned.
                    Output::Normal | Output::Flood | Output::All => self.world.others(place.0, place.1),
                    Output::Controller => continue,
                };
                for port in ports {
                    self.arrived((place.0, port), &visits, next);
                    self.onward((place.0, port), &packet, next, &mut visits);
                }
            }
            next += 1;
        }
        if visits.len() >= MAX_VISITS {
            self.incomplete("a packet comes by more places than are followed");
        }
        mattered
    }

    /// Adds the next places of the packet from its output port.
    fn onward(&mut self, out: BridgePort, packet: &Packet, from: usize, visits: &mut Vec<VisitedState>) {
        let mut push = |place: BridgePort, packet: Packet, via: PacketOrigin| {
            let seen = visits.iter().any(|v| v.place == place && v.packet == packet);
            if !seen && visits.len() < MAX_VISITS {
                visits.push(VisitedState { place, packet, via, from: Some((from, out.1)), path: Vec::new() });
            }
        };
        if let Some(peer) = self.world.wire(out) {
            push(peer, packet.clone(), PacketOrigin::Wire);
        }
        for place in self.world.forwards(out) {
            // A bridge forwards the frame unchanged, and a router forwards it with its own source
            // address.
            push(place, packet.clone(), PacketOrigin::Forwarded);
            if let Some(mac) = self.world.mac(place) {
                push(place, packet.clone().with(Field::EthSrc, mac), PacketOrigin::Forwarded);
            }
        }
    }

    fn arrived(&mut self, at: BridgePort, visits: &[VisitedState], last: usize) {
        if at == self.source {
            return;
        }
        for (never, (from, to)) in self.world.file.nevers.iter().zip(&self.world.nevers) {
            if !from.contains(&self.source) || !to.contains(&at) {
                continue;
            }
            let start = (self.world.bridge_name(self.source.0), self.world.port_name(self.source));
            let end = (self.world.bridge_name(at.0), self.world.port_name(at));
            let known = self.report.witnesses.iter().filter(|w| w.assertion == never.name);
            let same = |w: &Witness| w.start() == (start.0, &*start.1) && w.end() == (end.0, &*end.1);
            if known.clone().count() >= WITNESSES || known.clone().any(same) {
                continue;
            }
            let witness = Witness {
                assertion: never.name.clone(),
                openers: Vec::new(),
                hops: self.hops(at, visits, last),
            };
            self.report.witnesses.push(witness);
        }
    }

    /// Returns the path of a packet from its start to its output.
    fn hops(&self, at: BridgePort, visits: &[VisitedState], last: usize) -> Vec<WitnessHop> {
        let mut hops = Vec::new();
        let mut step = Some((last, at.1));
        while let Some((visit, out)) = step.and_then(|(n, out)| Some((visits.get(n)?, out))) {
            let forwarded = visit.via == PacketOrigin::Forwarded;
            let explained = Explainer { world: self.world, pipelines: self.pipelines };
            hops.push(explained.hop(visit.place, &visit.packet, forwarded, out, &visit.path));
            step = visit.from;
        }
        hops.reverse();
        hops
    }
}
