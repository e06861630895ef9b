//! The tables of a bridge: flows of one priority, program and register match are one group.

use std::collections::{BTreeMap, HashMap};

use bdd::{Bdd, Diagrams, Replacement};
use ofproto::action::Action;
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};

use super::layout::{IN_PORT, literals};
use super::ports::PortClasses;
use super::program::{Operation, ProgramId, Programs};
use super::registers::{Concrete, RegisterMatch, Registers};
use super::space;
use super::variables::{self, Variables};
use super::world::BridgeInput;

/// A clause of a conjunction (ovs-actions(7), "conjunction").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Clause {
    id: u32,
    clause: u8,
    clauses: u8,
}

/// Flows of one priority that do the same under the same condition on registers.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) priority: u16,
    pub(super) registers: Vec<RegisterMatch>,
    pub(super) program: ProgramId,
    /// The packets that some flow of the group matches.
    pub(super) space: Bdd,
    /// The variables that the flows compare.
    pub(super) compared: Variables,
    /// True if the flows may be absent: packets then also take the flows below.
    pub(super) may_be_absent: bool,
    /// The conj_id that its flows match.
    conjunction: Option<u32>,
    /// The clause that its flows fulfil, if they do nothing else.
    clause: Option<Clause>,
}

impl Group {
    /// Returns whether the group takes part in lookups by itself.
    pub(super) fn is_plain(&self) -> bool {
        self.conjunction.is_none() && self.clause.is_none()
    }

    /// Returns whether packets with these registers can take the group.
    pub(super) fn admits(&self, registers: &Registers) -> bool {
        self.registers.iter().all(|register| register.admits(registers))
    }
}

/// A table.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Highest priority first.
    pub(super) groups: Vec<Group>,
}

/// Packets that take a program.
pub(super) struct Hit {
    pub(super) program: ProgramId,
    pub(super) set: Bdd,
}

/// The flows of a group.
#[derive(Debug, Default)]
struct Members {
    spaces: Vec<Bdd>,
    compared: Variables,
}

/// The outcome of a lookup.
pub(super) struct Lookup {
    pub(super) hits: Vec<Hit>,
    /// The packets that no flow takes for certain.
    pub(super) missed: Bdd,
}

type GroupKey = (u16, ProgramId, Vec<RegisterMatch>, bool, Option<u32>, Option<Clause>);

impl Table {
    /// Returns the tables of a bridge. A flow with a match that the engine does not know may match or
    /// not.
    pub(super) fn of_bridge(
        bridge: &BridgeInput<'_>,
        concrete: Concrete,
        classes: &PortClasses,
        diagrams: &mut Diagrams,
        programs: &mut Programs,
    ) -> BTreeMap<TableId, Self> {
        let mut spaces: BTreeMap<TableId, HashMap<GroupKey, Members>> = BTreeMap::new();
        for (flow, may_be_absent) in bridge.flows() {
            let (space, compared) = (
                space::matching(diagrams, &flow.matches, concrete, classes),
                variables::of_match(&flow.matches, concrete),
            );
            let unknown = flow.matches.has_unknown();
            let of_others = flow.matches.in_port().is_some_and(|port| !classes.is_alone(port));
            let conjunction = flow.matches.exact(Field::ConjId).and_then(|id| u32::try_from(id).ok());
            let program = programs.of_flow(&flow.instructions);
            let clauses = clauses(programs.operations(program));
            let all = if clauses.is_empty() { vec![None] } else { clauses.into_iter().map(Some).collect() };
            for clause in all {
                let key = (
                    flow.priority,
                    program,
                    RegisterMatch::of(&flow.matches, concrete),
                    may_be_absent || unknown || of_others,
                    conjunction,
                    clause,
                );
                let group = spaces.entry(flow.table).or_default().entry(key).or_default();
                group.spaces.push(space);
                group.compared.add(&compared);
            }
        }
        spaces.into_iter().map(|(table, groups)| (table, Self::of_groups(groups, diagrams))).collect()
    }

    fn of_groups(groups: HashMap<GroupKey, Members>, diagrams: &mut Diagrams) -> Self {
        let mut groups: Vec<(GroupKey, Members)> = groups.into_iter().collect();
        groups.sort_by(|(a, _), (b, _)| b.0.cmp(&a.0).then_with(|| a.cmp(b)));
        let groups = groups.into_iter().map(|(key, Members { spaces, compared })| {
            let (priority, program, registers, may_be_absent, conjunction, clause) = key;
            let space = diagrams.any(spaces);
            Group { priority, registers, program, space, compared, may_be_absent, conjunction, clause }
        });
        Self { groups: groups.collect() }
    }

    /// Returns the groups that packets with these registers can take, highest priority first.
    pub(super) fn admitted<'t>(&'t self, registers: &'t Registers) -> impl Iterator<Item = &'t Group> {
        self.groups.iter().filter(move |group| group.admits(registers))
    }

    /// Looks a set of packets up. `learned` are flows that may be there, with their priority and
    /// packets, highest priority first.
    pub(super) fn look_up(
        &self,
        diagrams: &mut Diagrams,
        set: Bdd,
        registers: &Registers,
        learned: &[(u16, ProgramId, Bdd)],
        in_port: Option<PortNo>,
    ) -> Lookup {
        let mut hits = Hits::default();
        let admitted: Vec<&Group> = self.admitted(registers).collect();
        let (mut rest, mut groups, mut learned) = (set, admitted.as_slice(), learned);
        while !rest.is_false() {
            let next = groups.first().map(|group| group.priority);
            let Some(priority) = next.max(learned.first().map(|flow| flow.0)) else { break };
            let (level, below) = groups.split_at(groups.partition_point(|group| group.priority == priority));
            let (taught, lower) = learned.split_at(learned.partition_point(|flow| flow.0 == priority));
            for (_, program, space) in taught {
                let hit = diagrams.and(rest, *space);
                hits.add(diagrams, *program, hit);
            }
            // Packets that match several flows of one priority may take any of them.
            let mut taken = Vec::new();
            for group in level.iter().filter(|group| group.is_plain()) {
                let space = as_seen(diagrams, group.space, in_port);
                let hit = diagrams.and(rest, space);
                if hit.is_false() {
                    continue;
                }
                hits.add(diagrams, group.program, hit);
                if !group.may_be_absent {
                    taken.push(hit);
                }
            }
            let fulfilled = conjunctions(diagrams, level, rest, in_port);
            let taken = diagrams.any(taken);
            rest = diagrams.difference(rest, taken);
            for Fulfilled { id, set, is_certain } in fulfilled {
                // The lookup starts again with the conj_id, and finds plain flows too.
                let found = look_up_again(diagrams, &admitted, id, set, in_port, &mut hits);
                if is_certain {
                    rest = diagrams.difference(rest, found);
                }
            }
            (groups, learned) = (below, lower);
        }
        Lookup { hits: hits.0, missed: rest }
    }
}

/// Returns the packets that match as if they had come in at another port.
fn as_seen(diagrams: &mut Diagrams, space: Bdd, in_port: Option<PortNo>) -> Bdd {
    let Some(port) = in_port.and_then(PortNo::to_u16) else { return space };
    let bits = literals(IN_PORT, port.into(), 0xffff);
    let bits: Vec<_> = bits.map(|(v, value)| (v, Replacement::Constant(value))).collect();
    let substitution = diagrams.substitution(bits);
    diagrams.replace(space, substitution)
}

/// Packets that fulfil all clauses of a conjunction.
struct Fulfilled {
    id: u32,
    set: Bdd,
    /// False if a flow of a clause may be absent: the packets then also take the flows below.
    is_certain: bool,
}

/// Returns the packets of a set that fulfil all clauses of a conjunction.
fn conjunctions(
    diagrams: &mut Diagrams,
    level: &[&Group],
    set: Bdd,
    in_port: Option<PortNo>,
) -> Vec<Fulfilled> {
    let mut clauses: BTreeMap<Clause, (Bdd, bool)> = BTreeMap::new();
    for (group, clause) in level.iter().filter_map(|group| Some((group, group.clause?))) {
        let space = as_seen(diagrams, group.space, in_port);
        let (known, is_certain) = clauses.entry(clause).or_insert((Bdd::FALSE, true));
        *known = diagrams.or(*known, space);
        *is_certain &= !group.may_be_absent;
    }
    let mut by_id: BTreeMap<(u32, u8), (u8, Fulfilled)> = BTreeMap::new();
    for (Clause { id, clauses, .. }, (space, is_certain)) in clauses {
        let start = || (0, Fulfilled { id, set, is_certain: true });
        let (count, all) = by_id.entry((id, clauses)).or_insert_with(start);
        *count += 1;
        all.set = diagrams.and(all.set, space);
        all.is_certain &= is_certain;
    }
    let whole =
        by_id.into_iter().filter(|((_, wanted), (count, all))| count == wanted && !all.set.is_false());
    whole.map(|(_, (_, all))| all).collect()
}

/// Looks packets with a conj_id up. Returns those that some flow takes for certain.
fn look_up_again(
    diagrams: &mut Diagrams,
    groups: &[&Group],
    id: u32,
    set: Bdd,
    in_port: Option<PortNo>,
    hits: &mut Hits,
) -> Bdd {
    let mut rest = set;
    let mut groups = groups;
    while let Some(first) = groups.first() {
        let (level, below) =
            groups.split_at(groups.partition_point(|group| group.priority == first.priority));
        let mut taken = Bdd::FALSE;
        let own = |group: &&&Group| group.clause.is_none() && group.conjunction.is_none_or(|own| own == id);
        for group in level.iter().filter(own) {
            let space = as_seen(diagrams, group.space, in_port);
            let hit = diagrams.and(rest, space);
            hits.add(diagrams, group.program, hit);
            if !group.may_be_absent {
                taken = diagrams.or(taken, hit);
            }
        }
        rest = diagrams.difference(rest, taken);
        groups = below;
    }
    diagrams.difference(set, rest)
}

/// The hits of a lookup, each program once, in the order of their priority.
#[derive(Default)]
struct Hits(Vec<Hit>);

impl Hits {
    fn add(&mut self, diagrams: &mut Diagrams, program: ProgramId, set: Bdd) {
        if set.is_false() {
            return;
        }
        match self.0.iter_mut().find(|hit| hit.program == program) {
            Some(hit) => hit.set = diagrams.or(hit.set, set),
            None => self.0.push(Hit { program, set }),
        }
    }
}

/// Returns the clauses that a program fulfils, if it does nothing else.
fn clauses(operations: &[Operation]) -> Vec<Clause> {
    let clause = |operation: &Operation| match operation {
        Operation::Apply(Action::Conjunction { id, clause, n_clauses }) => {
            Some(Clause { id: *id, clause: *clause, clauses: *n_clauses })
        }
        _ => None,
    };
    operations.iter().filter_map(clause).collect()
}
