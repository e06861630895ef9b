//! Walks back from packets that arrive to those that were sent.

use std::collections::HashMap;

use bdd::{Bdd, Variable};
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId, ethertype, ip_protocol};

use super::emission::{Emission, Target};
use super::engine::Engine;
use super::layout::COPIED;
use super::learned::LearnedRule;
use super::space;
use super::state::{Place, Predecessor, StateId};
use super::world::{BridgePort, Passage};
use crate::verify::interp::Packet;

/// The maximum number of states on the way of one packet.
const MAX_WAY: usize = 512;
/// The maximum number of tries before the walk gives up.
const MAX_TRIES: usize = 20_000;
/// The maximum number of tries for a plain packet.
const FEW_TRIES: usize = 400;
/// The maximum number of times that a way comes by one state.
const MAX_VISITS: usize = 2;
/// The maximum nesting of packets that open the way for others.
const MAX_OPENERS: usize = 4;

/// Packets as they come in at a bridge on their way.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The port.
    pub(crate) place: BridgePort,
    /// How they came there; `None` at the start.
    pub(crate) passage: Option<Passage>,
    /// The port by which they leave the bridge.
    pub(crate) out: PortNo,
    /// The packets, as far as anything reads them.
    pub(crate) set: Bdd,
}

/// The way of packets, and those that have to be sent before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    /// The ways of packets that open the way, in the order in which they are sent.
    pub(crate) openers: Vec<Trace>,
    /// The bridges on the way, in order.
    pub(crate) entries: Vec<Entry>,
}

/// The state of a walk.
struct Walk {
    /// The packets that may be sent.
    start: Bdd,
    /// The number of tries that are left.
    tries: usize,
    visits: HashMap<StateId, usize>,
    /// Entries found so far, the last first.
    entries: Vec<Entry>,
    openers: Vec<Trace>,
    depth: usize,
    /// The port by which the packets leave the current bridge.
    out: PortNo,
}

impl Engine<'_> {
    /// Returns a way by which some of these packets arrive at a port: packets of TCP if that is
    /// found soon. Returns `None` if the walk finds none within its limits.
    pub(crate) fn trace(&mut self, at: BridgePort, wanted: Bdd) -> Option<Trace> {
        let target = Target::Output(at.0, at.1);
        let tcp = [
            (Field::EthType, u128::from(ethertype::IPV4)),
            (Field::IpProto, ip_protocol::TCP.into()),
            (Field::IpFrag, 0),
        ];
        let tcp = tcp.map(|(field, value)| space::exactly(&mut self.diagrams, field, value));
        let tcp = tcp.into_iter().fold(Bdd::TRUE, |all, one| self.diagrams.and(all, one));
        let plain = self.trace_to(&target, at.1, wanted, 0, (tcp, FEW_TRIES));
        plain.or_else(|| self.trace_to(&target, at.1, wanted, 0, (Bdd::TRUE, MAX_TRIES)))
    }

    /// Returns a way to a target of packets that start in a set, within so many tries.
    fn trace_to(
        &mut self,
        target: &Target,
        out: PortNo,
        wanted: Bdd,
        depth: usize,
        (start, tries): (Bdd, usize),
    ) -> Option<Trace> {
        if depth > MAX_OPENERS {
            return None;
        }
        let predecessors: Vec<StateId> = match target {
            Target::Output(bridge, port) => self.arrivals.get(&(*bridge, *port))?.predecessors.clone(),
            Target::Learner(rule) => self.rules.get(*rule)?.predecessors.iter().map(|p| p.state).collect(),
            Target::Tracker(bridge) => {
                self.trackers.get(*bridge)?.predecessors.iter().map(|p| p.state).collect()
            }
            Target::State(_) => return None,
        };
        let mut walk = Walk {
            start,
            tries,
            visits: HashMap::new(),
            entries: Vec::new(),
            openers: Vec::new(),
            depth,
            out,
        };
        for state in predecessors {
            if self.back(state, target, None, wanted, &mut walk) {
                walk.entries.reverse();
                return Some(Trace { openers: walk.openers, entries: walk.entries });
            }
        }
        None
    }

    /// Goes back from packets at a target to the start of some of them.
    fn back(
        &mut self,
        state: StateId,
        target: &Target,
        passage: Option<(PortNo, Passage, PortNo)>,
        wanted: Bdd,
        walk: &mut Walk,
    ) -> bool {
        walk.tries = walk.tries.saturating_sub(1);
        let visits = walk.visits.entry(state).or_insert(0);
        if walk.tries == 0 || *visits >= MAX_VISITS || walk.visits.len() > MAX_WAY {
            return false;
        }
        *walk.visits.entry(state).or_insert(0) += 1;
        let found = self.back_from(state, target, passage, wanted, walk);
        if let Some(visits) = walk.visits.get_mut(&state) {
            *visits -= 1;
        }
        found
    }

    fn back_from(
        &mut self,
        state: StateId,
        target: &Target,
        passage: Option<(PortNo, Passage, PortNo)>,
        wanted: Bdd,
        walk: &mut Walk,
    ) -> bool {
        let Some((key, reached)) = self.states.get(state).map(|state| (state.key, state.reached)) else {
            return false;
        };
        let emissions = self.emissions(key, reached);
        for emission in emissions.iter().filter(|emission| emission.target == *target) {
            let wanted = match passage {
                // On the way between the bridges some fields got any value.
                Some((_, passage, _)) => {
                    let changed = self.changed_by(passage, emission.registers.untagged);
                    let changed = self.diagrams.set(changed);
                    self.diagrams.exists(wanted, changed)
                }
                None => wanted,
            };
            let set = self.diagrams.and(emission.set, wanted);
            if set.is_false() {
                continue;
            }
            let set = emission.changes.before(&mut self.diagrams, set);
            let mut set = self.diagrams.and(set, emission.before);
            if let Some(port) = emission.but_from {
                let own = space::from_port(&mut self.diagrams, port);
                let own = emission.changes.before(&mut self.diagrams, own);
                set = self.diagrams.difference(set, own);
            }
            if set.is_false() {
                continue;
            }
            let table = match key.place {
                Place::Lookup { table, .. } => Some(table),
                Place::Resume => None,
            };
            let sets = self.with_openers(key.bridge, table, emission, set, walk.depth);
            for (set, openers) in sets {
                let (entries, known, out) = (walk.entries.len(), walk.openers.len(), walk.out);
                walk.openers.extend(openers);
                if self.back_to_start(state, set, walk) {
                    return true;
                }
                walk.entries.truncate(entries);
                walk.openers.truncate(known);
                walk.out = out;
            }
        }
        false
    }

    /// Returns packets that take an emission, each with what has to be sent before. Packets of a
    /// learned flow need an opener for each rule that may have written it.
    fn with_openers(
        &mut self,
        bridge: usize,
        table: Option<TableId>,
        emission: &Emission,
        set: Bdd,
        depth: usize,
    ) -> Vec<(Bdd, Vec<Trace>)> {
        let copied = self.diagrams.set(COPIED.variables());
        let (Some(table), Some(program)) = (table, emission.learned) else {
            return vec![(self.diagrams.exists(set, copied), Vec::new())];
        };
        let rules: Vec<usize> = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.bridge == bridge && rule.table == table && rule.program == program)
            .map(|(number, _)| number)
            .collect();
        for number in rules {
            let Some(space) = self.rules.get(number).map(|rule| rule.space) else { continue };
            let taught = self.diagrams.and(set, space);
            let matched = self.rules.get(number).map(LearnedRule::matched).unwrap_or_default();
            let Some(one) = self.one_of(taught, &matched) else { continue };
            let Some(rule) = self.rules.get(number) else { continue };
            let openers = rule.openers_of(&mut self.diagrams, one);
            let Some(trace) = self.trace_to(
                &Target::Learner(number),
                PortNo::ANY,
                openers,
                depth + 1,
                (Bdd::TRUE, MAX_TRIES),
            ) else {
                continue;
            };
            let leaked = self.diagrams.exists(one, copied);
            return vec![(leaked, vec![trace])];
        }
        Vec::new()
    }

    /// Returns one packet of a set: all variables that the set tests, and some others, get a value.
    pub(crate) fn one_of(&mut self, set: Bdd, others: &[Variable]) -> Option<Bdd> {
        let mut tested = self.diagrams.support(set);
        tested.extend(others);
        let mut one = set;
        for variable in tested {
            let plain = super::plain::prefers(variable);
            let literal = self.diagrams.cube([(variable, plain)]);
            let narrowed = self.diagrams.and(one, literal);
            if !narrowed.is_false() {
                one = narrowed;
            }
        }
        (!one.is_false()).then_some(one)
    }

    /// Goes on from packets in a state to its predecessors.
    fn back_to_start(&mut self, state: StateId, set: Bdd, walk: &mut Walk) -> bool {
        let Some(known) = self.states.get(state) else { return false };
        let (key, predecessors) = (known.key, known.predecessors.clone());
        let is_entry = matches!(key.place, Place::Lookup { table: TableId(0), depth: 0, .. })
            && self.states.frame(key.continuation).is_none()
            && self.states.registers(key.registers) == super::registers::Registers::default();
        if is_entry {
            let sources: Vec<(BridgePort, u16)> =
                self.world.sources.iter().map(|(place, class)| (*place, *class)).collect();
            for (place, class) in sources.into_iter().filter(|(place, _)| place.0 == key.bridge) {
                let started = self.started(place, class);
                let sent = self.diagrams.and(set, started);
                let sent = self.diagrams.and(sent, walk.start);
                if !sent.is_false() {
                    walk.entries.push(Entry { place, passage: None, out: walk.out, set: sent });
                    return true;
                }
            }
        }
        let target = Target::State(key);
        for Predecessor { state: before, passage } in predecessors {
            match passage {
                None => {
                    if self.back(before, &target, None, set, walk) {
                        return true;
                    }
                }
                Some((out, passage)) => {
                    let Some(bridge) = self.states.get(before).map(|state| state.key.bridge) else {
                        continue;
                    };
                    for (peer, _) in self.world.onward((bridge, out)) {
                        if peer.0 != key.bridge {
                            continue;
                        }
                        let arrived = space::from_port(&mut self.diagrams, peer.1);
                        let entered = self.diagrams.and(set, arrived);
                        if entered.is_false() {
                            continue;
                        }
                        let leaving = walk.out;
                        walk.entries.push(Entry {
                            place: peer,
                            passage: Some(passage),
                            out: leaving,
                            set: entered,
                        });
                        walk.out = out;
                        if self.back(
                            before,
                            &Target::Output(bridge, out),
                            Some((out, passage, peer.1)),
                            entered,
                            walk,
                        ) {
                            return true;
                        }
                        walk.entries.pop();
                        walk.out = leaving;
                    }
                }
            }
        }
        false
    }

    /// Returns the packets of a set that a host may make of a packet that it forwards.
    pub(crate) fn like_forwarded(&mut self, set: Bdd, packet: &Packet) -> Bdd {
        let changed = self.changed_by(Passage::Host, false);
        let kept = Self::literals_of(packet).into_iter().filter(|(variable, _)| !changed.contains(variable));
        let cube = self.diagrams.cube(kept.collect::<Vec<_>>());
        self.diagrams.and(set, cube)
    }
}
