//! Walks the states of all bridges until no new packets reach any.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use bdd::{Bdd, Diagrams, Variable};
use ofproto::TableId;
use ofproto::oxm::Field;

use super::cone::Cones;
use super::emission::{At, Emission, Target};
use super::layout::{self, IN_PORT, INNER_TAG, ORIGIN, literals};
use super::learned::LearnedRule;
use super::ports::PortClasses;
use super::program::{ProgramId, Programs};
use super::registers::{Concrete, Registers};
use super::space;
use super::state::{Continuation, Frame, Place, Predecessor, Rank, StateId, StateKey, States};
use super::table::Table;
use super::tracked::{self, Tracker};
use super::variables::{self, Variables};
use super::world::{BridgeInput, BridgePort, Passage, World};

/// The limits of a proof.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The maximum number of diagram nodes, some 50 bytes each.
    pub(crate) nodes: usize,
    /// The maximum number of states that are followed.
    pub(crate) visits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 8_000_000, visits: 5_000_000 }
    }
}

/// The packets that arrive at a port.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) set: Bdd,
    pub(super) predecessors: Vec<StateId>,
}

/// The fields that a question asks about at the ports where packets arrive, beside their origin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Variables);

impl Asked {
    /// Returns a question about some fields.
    pub(crate) fn about(fields: impl IntoIterator<Item = Field>) -> Self {
        Self(fields.into_iter().flat_map(layout::whole).collect())
    }
}

/// The key of a learned rule: the bridge, the learner's place, and the registers that it copies.
type RuleKey = (usize, ProgramId, u16, Vec<u128>);

/// The engine with what it has found so far.
#[derive(Debug)]
pub(crate) struct Engine<'w> {
    pub(super) world: &'w World<'w>,
    /// The classes of each bridge's ingress ports.
    pub(super) classes: Vec<PortClasses>,
    pub(super) concrete: Concrete,
    pub(super) diagrams: Diagrams,
    pub(super) programs: Programs,
    pub(super) states: States,
    pub(super) rules: Vec<LearnedRule>,
    /// The variables in which learned flows keep ingress ports, the lowest bit first.
    pub(super) copied_ports: HashSet<Vec<Variable>>,
    pub(super) rule_numbers: HashMap<RuleKey, usize>,
    pub(super) trackers: Vec<Tracker>,
    pub(super) arrivals: BTreeMap<BridgePort, Arrival>,
    tables: Vec<BTreeMap<TableId, Table>>,
    cones: Vec<Cones>,
    state_cones: HashMap<StateKey, Rc<Variables>>,
    asked: Variables,
    queue: BTreeSet<(Rank, StateId)>,
    /// Set when a state looks connections up.
    pub(super) looked_up_connections: bool,
    gaps: BTreeSet<String>,
    limits: Limits,
    visits: usize,
}

impl<'w> Engine<'w> {
    /// Returns an engine for some bridges and a question.
    pub(crate) fn new(world: &'w World<'w>, asked: &Asked, limits: Limits) -> Self {
        let classes = world.bridges.iter().map(|_| PortClasses::default()).collect();
        Self::with_classes(world, asked, limits, classes)
    }

    /// Returns an engine that tells ingress ports apart only by their marks, and by what admission
    /// does with their packets. Its sets may have packets that never arrive.
    pub(crate) fn coarse(
        world: &'w World<'w>,
        asked: &Asked,
        limits: Limits,
        marks: &BTreeMap<BridgePort, u32>,
    ) -> Self {
        Self::with_classes(world, asked, limits, PortClasses::of(world, marks))
    }

    fn with_classes(world: &'w World<'w>, asked: &Asked, limits: Limits, classes: Vec<PortClasses>) -> Self {
        let mut diagrams = Diagrams::new(limits.nodes);
        let mut programs = Programs::default();
        let concrete = Concrete::of(world.bridges.iter().flat_map(BridgeInput::flows).map(|(flow, _)| flow));
        let tables: Vec<_> = world
            .bridges
            .iter()
            .zip(&classes)
            .map(|(bridge, classes)| {
                Table::of_bridge(bridge, concrete, classes, &mut diagrams, &mut programs)
            })
            .collect();
        let mut variables = asked.0.clone();
        ORIGIN.variables().for_each(|variable| variables.insert(variable));
        let mut this = Self {
            world,
            classes,
            concrete,
            diagrams,
            programs,
            states: States::default(),
            rules: Vec::new(),
            copied_ports: HashSet::new(),
            rule_numbers: HashMap::new(),
            trackers: world.bridges.iter().map(|_| Tracker::default()).collect(),
            arrivals: BTreeMap::new(),
            cones: Vec::new(),
            state_cones: HashMap::new(),
            asked: variables,
            queue: BTreeSet::new(),
            looked_up_connections: false,
            gaps: BTreeSet::new(),
            limits,
            visits: 0,
            tables,
        };
        this.find_cones();
        this
    }

    /// Finds what each bridge reads, with what is read beyond its links.
    fn find_cones(&mut self) {
        let mut entries = vec![Variables::default(); self.world.bridges.len()];
        loop {
            let mut cones = Vec::new();
            for (number, tables) in self.tables.iter().enumerate() {
                let ports = self.world.bridges.get(number).map(|b| b.ports.as_slice()).unwrap_or_default();
                let beyond = ports.iter().map(|port| {
                    let mut read = Variables::default();
                    for ((bridge, _), _) in self.world.onward((number, *port)) {
                        entries.get(bridge).into_iter().for_each(|entry| read.add(entry));
                    }
                    (*port, read.without(IN_PORT.variables()))
                });
                cones.push(Cones::new(tables, &self.programs, self.concrete, beyond.collect(), &self.asked));
            }
            let found: Vec<Variables> = cones.iter().map(|cones| cones.of_table(TableId(0))).collect();
            self.cones = cones;
            if found == entries {
                break;
            }
            entries = found;
        }
    }

    /// Follows all packets from all sources. Afterwards the sets are complete, or a gap is known.
    pub(crate) fn run(&mut self) {
        for (place, class) in &self.world.sources {
            let set = self.started(*place, *class);
            self.enter(place.0, set, None);
        }
        loop {
            self.follow();
            if !self.refresh() || self.is_out_of_budget() {
                break;
            }
        }
    }

    /// Returns the packets that a class of senders starts at a port.
    pub(super) fn started(&mut self, place: BridgePort, class: u16) -> Bdd {
        let none = PortClasses::default();
        let classes = self.classes.get(place.0).unwrap_or(&none);
        let start = space::matching(&mut self.diagrams, &self.world.start, self.concrete, classes);
        let well_formed = space::well_formed(&mut self.diagrams, self.concrete);
        let origin = self.diagrams.cube(literals(ORIGIN, class.into(), 0xffff));
        let port = self.came_in(place);
        [start, well_formed, origin, port].into_iter().fold(Bdd::TRUE, |all, one| self.diagrams.and(all, one))
    }

    /// Returns the packets that come in at a port.
    fn came_in(&mut self, place: BridgePort) -> Bdd {
        let port = self.classes.get(place.0).map_or(place.1, |classes| classes.representative(place.1));
        space::from_port(&mut self.diagrams, port)
    }

    /// Returns whether the walk ended before all packets were followed.
    pub(crate) fn is_out_of_budget(&self) -> bool {
        self.diagrams.is_exhausted() || self.visits >= self.limits.visits
    }

    /// Follows all states with new packets.
    fn follow(&mut self) {
        while let Some((_, state)) = self.queue.pop_first() {
            if self.is_out_of_budget() {
                self.queue.clear();
                return;
            }
            self.visits += 1;
            let Some(known) = self.states.get_mut(state) else { continue };
            let set = std::mem::replace(&mut known.pending, Bdd::FALSE);
            let key = known.key;
            self.looked_up_connections = false;
            for emission in self.emissions(key, set) {
                self.deliver(state, emission);
            }
            if self.looked_up_connections
                && let Some(tracker) = self.trackers.get_mut(key.bridge)
            {
                tracker.users.insert(state);
            }
        }
    }

    /// Computes the learned rules again. Queues the states that look into their tables, and those
    /// that look connections up, if there are more than before.
    fn refresh(&mut self) -> bool {
        let mut changed: BTreeSet<(usize, TableId)> = BTreeSet::new();
        for rule in &mut self.rules {
            if rule.refresh(&mut self.diagrams) {
                changed.insert((rule.bridge, rule.table));
            }
        }
        let mut again: BTreeSet<StateId> = BTreeSet::new();
        for (number, state) in (0..).map(StateId).zip(&self.states.all) {
            if let Place::Lookup { table, .. } = state.key.place
                && changed.contains(&(state.key.bridge, table))
            {
                again.insert(number);
            }
        }
        for tracker in &mut self.trackers {
            again.append(&mut tracker.outdated());
        }
        for state in &again {
            let Some(known) = self.states.get_mut(*state) else { continue };
            known.pending = known.reached;
            let rank = self.states.get(*state).map(|state| state.key).map(|key| self.states.rank(key));
            self.queue.extend(rank.map(|rank| (rank, *state)));
        }
        !again.is_empty()
    }

    /// Returns what becomes of a set of packets in a state.
    pub(super) fn emissions(&mut self, key: StateKey, set: Bdd) -> Vec<Emission> {
        let registers = self.states.registers(key.registers);
        match key.place {
            Place::Resume => {
                let Some(frame) = self.states.frame(key.continuation) else { return Vec::new() };
                let at = At { bridge: key.bridge, frame };
                self.execute(at, registers, set)
            }
            Place::Lookup { table, in_port, depth } => {
                let learned = self.learned_in(key.bridge, table, &registers);
                let mut out = Vec::new();
                let empty = Table::default();
                let tables = self.tables.get(key.bridge).and_then(|tables| tables.get(&table));
                let hits =
                    tables.unwrap_or(&empty).look_up(&mut self.diagrams, set, &registers, &learned, in_port);
                // A miss ends this lookup. The program that waits goes on.
                let miss = (self.programs.add(Vec::new()), hits.missed);
                for (program, set) in hits.hits.into_iter().map(|hit| (hit.program, hit.set)).chain([miss]) {
                    let frame = Frame { program, place: 0, table, depth, parent: key.continuation };
                    let at = At { bridge: key.bridge, frame };
                    let taught = learned.iter().any(|rule| rule.1 == program).then_some(program);
                    let emissions = self.execute(at, registers.clone(), set).into_iter();
                    out.extend(emissions.map(|emission| Emission { learned: taught, ..emission }));
                }
                out
            }
        }
    }

    /// Returns the learned rules that packets with these registers can match in a table: priority,
    /// program and packets, highest priority first.
    fn learned_in(
        &mut self,
        bridge: usize,
        table: TableId,
        registers: &Registers,
    ) -> Vec<(u16, ProgramId, Bdd)> {
        let mut found: BTreeMap<(std::cmp::Reverse<u16>, ProgramId), Bdd> = BTreeMap::new();
        for rule in &self.rules {
            let fits = rule.bridge == bridge
                && rule.table == table
                && !rule.space.is_false()
                && rule.matches.iter().all(|condition| condition.admits(registers));
            if !fits {
                continue;
            }
            let compared = rule.compared.iter().flat_map(|(sub, copies)| {
                let value = registers.part(*sub);
                copies.iter().zip(0..).map(move |(variable, bit)| (*variable, value >> bit & 1 == 1))
            });
            let compared = self.diagrams.cube(compared.collect::<Vec<_>>());
            let space = self.diagrams.and(rule.space, compared);
            let all = found.entry((std::cmp::Reverse(rule.priority), rule.program)).or_insert(Bdd::FALSE);
            *all = self.diagrams.or(*all, space);
        }
        let found = found.into_iter().map(|((priority, program), space)| (priority.0, program, space));
        found.collect()
    }

    /// Hands packets on to where they go.
    fn deliver(&mut self, from: StateId, emission: Emission) {
        let predecessor = Predecessor { state: from, passage: None };
        match emission.target {
            Target::State(key) => self.add(key, emission.set, Some(predecessor)),
            Target::Learner(rule) => {
                if let Some(rule) = self.rules.get_mut(rule) {
                    rule.open(&mut self.diagrams, emission.set, predecessor);
                }
            }
            Target::Tracker(bridge) => {
                if let Some(tracker) = self.trackers.get_mut(bridge) {
                    tracker.commit(&mut self.diagrams, emission.set, predecessor);
                }
            }
            Target::Output(bridge, port) => self.arrive(from, (bridge, port), &emission),
        }
    }

    fn arrive(&mut self, from: StateId, at: BridgePort, emission: &Emission) {
        let asked = self.asked.set(&mut self.diagrams);
        let set = self.diagrams.project(emission.set, asked);
        let arrival =
            self.arrivals.entry(at).or_insert(Arrival { set: Bdd::FALSE, predecessors: Vec::new() });
        arrival.set = self.diagrams.or(arrival.set, set);
        if !arrival.predecessors.contains(&from) {
            arrival.predecessors.push(from);
        }
        for (peer, passage) in self.world.onward(at) {
            let set = self.passed(emission, peer, passage);
            self.enter(peer.0, set, Some(Predecessor { state: from, passage: Some((at.1, passage)) }));
        }
    }

    /// Returns packets as they come in at the next bridge.
    fn passed(&mut self, emission: &Emission, peer: BridgePort, passage: Passage) -> Bdd {
        let forgotten = self.changed_by(passage, emission.registers.untagged);
        let forgotten = self.diagrams.set(forgotten);
        let set = self.diagrams.exists(emission.set, forgotten);
        let port = self.came_in(peer);
        let set = self.diagrams.and(set, port);
        let well_formed = space::well_formed(&mut self.diagrams, self.concrete);
        self.diagrams.and(set, well_formed)
    }

    /// Returns the variables that get new values on the way to the next bridge.
    pub(super) fn changed_by(&self, passage: Passage, untagged: bool) -> Vec<Variable> {
        let mut changed: Vec<Variable> = IN_PORT.variables().chain(INNER_TAG.variables()).collect();
        changed.extend(tracked::fields().chain(self.concrete.variables()));
        if passage == Passage::Host {
            let headers = [Field::EthSrc, Field::EthDst, Field::IpTtl];
            changed.extend(headers.into_iter().flat_map(layout::whole));
        }
        // A second tag may have been below the one that was removed.
        if untagged || passage == Passage::Host {
            changed.extend(layout::whole(Field::VlanVid).chain(layout::whole(Field::VlanPcp)));
        }
        changed
    }

    /// Adds packets that come in at a bridge.
    fn enter(&mut self, bridge: usize, set: Bdd, from: Option<Predecessor>) {
        let registers = self.states.registers_id(&Registers::default());
        let place = Place::Lookup { table: TableId(0), in_port: None, depth: 0 };
        let key = StateKey { bridge, place, continuation: Continuation::END, registers };
        self.add(key, set, from);
    }

    /// Adds packets to a state, without what nothing reads any more.
    fn add(&mut self, key: StateKey, set: Bdd, from: Option<Predecessor>) {
        let cone = self.cone(key).set(&mut self.diagrams);
        let set = self.diagrams.project(set, cone);
        let state = self.states.of(key);
        let Some(known) = self.states.get_mut(state) else { return };
        if let Some(from) = from
            && !known.predecessors.contains(&from)
        {
            known.predecessors.push(from);
        }
        let new = self.diagrams.difference(set, known.reached);
        if new.is_false() {
            return;
        }
        let was_idle = known.pending.is_false();
        known.reached = self.diagrams.or(known.reached, new);
        known.pending = self.diagrams.or(known.pending, new);
        if was_idle {
            let rank = self.states.rank(key);
            self.queue.insert((rank, state));
        }
    }

    /// Returns what a target of packets reads.
    pub(super) fn kept(&mut self, target: &Target, untagged: bool) -> Rc<Variables> {
        let kept = match target {
            Target::State(key) => return self.cone(*key),
            Target::Learner(rule) => {
                self.rules.get(*rule).map(|rule| variables::of_learn(&rule.learn)).unwrap_or_default()
            }
            Target::Tracker(_) => tracked::kept().collect(),
            Target::Output(bridge, port) => {
                let mut kept = self.asked.clone();
                for ((peer, _), passage) in self.world.onward((*bridge, *port)) {
                    let read =
                        self.cones.get(peer).map(|cones| cones.of_table(TableId(0))).unwrap_or_default();
                    kept.add(&read.without(self.changed_by(passage, untagged)));
                }
                kept
            }
        };
        Rc::new(kept)
    }

    /// Returns what something still reads from a state on.
    fn cone(&mut self, key: StateKey) -> Rc<Variables> {
        if let Some(known) = self.state_cones.get(&key) {
            return Rc::clone(known);
        }
        let cone = Rc::new(self.find_cone(key));
        self.state_cones.insert(key, Rc::clone(&cone));
        cone
    }

    fn find_cone(&mut self, key: StateKey) -> Variables {
        let registers = self.states.registers(key.registers);
        let (Some(cones), Some(tables)) = (self.cones.get_mut(key.bridge), self.tables.get(key.bridge))
        else {
            return Variables::default();
        };
        let mut read = match key.place {
            Place::Lookup { table, .. } => cones.of_lookup(table, &registers, tables, &self.programs),
            Place::Resume => self.states.frame(key.continuation).map_or_else(Variables::default, |frame| {
                cones.of_program(frame.table, frame.program, frame.place, &registers, tables, &self.programs)
            }),
        };
        let mut next = match key.place {
            Place::Lookup { .. } => self.states.frame(key.continuation),
            Place::Resume => self.states.frame(key.continuation).and_then(|f| self.states.frame(f.parent)),
        };
        while let Some(frame) = next {
            read.add(&cones.of_rest(frame.table, frame.program, frame.place, &self.programs));
            next = self.states.frame(frame.parent);
        }
        if let Some(actions) = &registers.action_set {
            read.add(&cones.of_actions(actions));
        }
        read
    }

    /// Records a reason for which the sets may lack packets.
    pub(super) fn gap(&mut self, reason: String) {
        self.gaps.insert(reason);
    }

    /// Returns the reasons for which nothing is proven: packets may arrive that the sets lack.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = &str> {
        let used_up = self.is_out_of_budget().then_some("the budget of the proof is used up");
        self.gaps.iter().map(String::as_str).chain(used_up)
    }

    /// Returns the packets of some classes that arrive at a port.
    pub(crate) fn arrived(&mut self, at: BridgePort, classes: &BTreeSet<u16>) -> Bdd {
        let Some(set) = self.arrivals.get(&at).map(|arrival| arrival.set) else { return Bdd::FALSE };
        let classes: Vec<Bdd> = classes
            .iter()
            .map(|class| self.diagrams.cube(literals(ORIGIN, (*class).into(), 0xffff)))
            .collect();
        let classes = self.diagrams.any(classes);
        self.diagrams.and(set, classes)
    }

    /// Returns the places where packets arrive.
    pub(crate) fn arrival_places(&self) -> BTreeSet<BridgePort> {
        self.arrivals.keys().copied().collect()
    }

    /// Returns the number of diagram nodes, and of states.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.diagrams.len(), self.states.all.len())
    }
}
