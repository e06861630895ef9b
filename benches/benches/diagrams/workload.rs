//! The work of a proof on the flows of a bridge, the same for each engine.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use flow_model::Flow;
use flows::compile::layout::{ADMISSION, DESTINATION, POLICY};

use crate::encoding::{Group, Layout, Registers, matched, swapped};
use crate::engine::{Engine, Measured};

/// The quantified sets: the fields that nobody reads after a table.
const AFTER_ADMISSION: usize = 0;
const AFTER_DESTINATION: usize = 1;
const AFTER_POLICY: usize = 2;
/// The replacement that exchanges the two directions.
const SWAP: usize = 0;
/// One in so many sets goes through the policy: all of them would take too long for some engines.
const SAMPLE: usize = 16;
/// The number of ways that are picked from each set for the comparison.
const PICKS: u64 = 4;

/// The steps of a run, and the time that they took.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The time for cubes and their unions.
    pub(crate) unions: Duration,
    /// The time for the walks through the tables.
    pub(crate) walks: Duration,
    /// The time for the learned flows.
    pub(crate) learned: Duration,
    /// The number of sets that are compared.
    pub(crate) sets: usize,
    /// The number of groups that a set was compared with.
    pub(crate) steps: usize,
    /// The number of nodes at the end.
    pub(crate) nodes: usize,
    /// A hash of the ways that were picked from all sets.
    pub(crate) fingerprint: u64,
}

/// Returns the time that this process's threads have had a processor. Others share the machine.
fn busy() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = tasks.map(|task| -> u64 {
        let text = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        text.split_whitespace().next().unwrap().parse().unwrap()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// A group with its packets.
struct Class<'a, S> {
    group: &'a Group,
    set: S,
}

/// Does a bridge's part of a proof.
pub(crate) fn bridge<E: Measured>(flows: &[Flow], outcome: &mut Outcome) {
    let layout = Layout::new(flows);
    let read_in = |tables: &[_]| {
        let mut fields = matched(flows.iter().filter(|flow| tables.contains(&flow.table)));
        fields.extend(swapped());
        fields
    };
    let later = [read_in(&[DESTINATION, POLICY]), read_in(&[POLICY]), swapped()];
    let tables = [ADMISSION, DESTINATION, POLICY].map(|table| Group::of_table(flows, table, &layout));
    let mut run = Run::<E>::new(E::new(&layout.shape(&later)));

    let start = busy();
    let [admission, destination, policy] = tables.each_ref().map(|groups| run.classes(groups));
    outcome.unions += busy() - start;

    let start = busy();
    let all = BTreeMap::from([(Registers::default(), run.all.clone())]);
    let admitted = run.through(&admission, &all, AFTER_ADMISSION, false);
    let sent = run.through(&destination, &admitted, AFTER_DESTINATION, true);
    let (rules, passed) = run.allowed(&policy, &sent);
    outcome.walks += busy() - start;

    let start = busy();
    let learned = run.learned(&rules);
    let known = run.known(passed.values(), &learned);
    outcome.learned += busy() - start;

    let classes = [&admission, &destination, &policy].into_iter().flatten().map(|class| &class.set);
    let states = admitted.values().chain(sent.values()).chain(passed.values());
    let mut sets = 0;
    let mut hasher = DefaultHasher::new();
    outcome.fingerprint.hash(&mut hasher);
    for set in classes.chain(states).chain(rules.values()).chain(&learned).chain(&known) {
        sets += 1;
        for seed in 0..PICKS {
            // The bits of a multiplication are random enough to take different ways.
            let prefer =
                |v: u16| (u64::from(v) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ seed << 40) >> 57 & 1 == 1;
            run.engine.pick(set, prefer).hash(&mut hasher);
        }
    }
    outcome.sets += sets;
    outcome.steps += run.steps;
    outcome.nodes += run.engine.nodes().unwrap_or_default();
    outcome.fingerprint = hasher.finish();
}

struct Run<E: Engine> {
    engine: E,
    all: E::Set,
    none: E::Set,
    steps: usize,
}

/// Sets of packets by their registers.
type States<S> = BTreeMap<Registers, S>;

impl<E: Engine> Run<E> {
    fn new(mut engine: E) -> Self {
        let all = engine.cube(&[]);
        let none = engine.not(&all);
        Self { engine, all, none, steps: 0 }
    }

    fn classes<'a>(&mut self, groups: &'a [Group]) -> Vec<Class<'a, E::Set>> {
        let class = |group: &'a Group| {
            let cubes = group.cubes.iter().map(|cube| self.engine.cube(cube)).collect();
            let set = self.engine.any(cubes).unwrap_or_else(|| self.none.clone());
            Class { group, set }
        };
        groups.iter().map(class).collect()
    }

    /// Walks down the classes. Calls back with each class that is hit, its place and the hit.
    fn walk<'a>(
        &mut self,
        classes: &[Class<'a, E::Set>],
        registers: &Registers,
        packets: &E::Set,
        mut hits: impl FnMut(&mut Self, usize, &'a Group, E::Set),
    ) {
        let mut rest = packets.clone();
        for (place, class) in classes.iter().enumerate().filter(|(_, class)| class.group.admits(registers)) {
            self.steps += 1;
            let hit = self.engine.and(&rest, &class.set);
            if hit == self.none {
                continue;
            }
            rest = self.engine.difference(&rest, &class.set);
            hits(self, place, class.group, hit);
            if rest == self.none {
                break;
            }
        }
    }

    /// Returns the packets behind a table. Where the table is a lookup, drops end only the lookup.
    fn through(
        &mut self,
        classes: &[Class<'_, E::Set>],
        states: &States<E::Set>,
        after: usize,
        lookup: bool,
    ) -> States<E::Set> {
        let mut out = States::new();
        for (registers, packets) in states {
            self.walk(classes, registers, packets, |run, _, group, hit| {
                if lookup || !group.drops {
                    let hit = run.engine.exists(&hit, after);
                    run.add(&mut out, group.after(registers), hit);
                }
            });
        }
        out
    }

    fn add<K: Ord>(&mut self, sets: &mut BTreeMap<K, E::Set>, key: K, set: E::Set) {
        match sets.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(set);
            }
            Entry::Occupied(mut entry) => {
                let both = self.engine.or(entry.get(), &set);
                entry.insert(both);
            }
        }
    }

    /// Returns the packets that each rule allows to open a connection, and all that pass by their
    /// registers.
    fn allowed(
        &mut self,
        classes: &[Class<'_, E::Set>],
        states: &States<E::Set>,
    ) -> (BTreeMap<usize, E::Set>, BTreeMap<u32, E::Set>) {
        let (mut rules, mut passed) = (BTreeMap::new(), BTreeMap::new());
        for (registers, packets) in states.iter().step_by(SAMPLE) {
            self.walk(classes, registers, packets, |run, place, group, hit| {
                if group.drops {
                    return;
                }
                let sent = run.engine.exists(&hit, AFTER_POLICY);
                if group.learns {
                    run.add(&mut rules, place, hit);
                }
                run.add(&mut passed, group.after(registers)[1], sent);
            });
        }
        (rules, passed)
    }

    /// Returns the answers to the packets of each rule.
    fn learned(&mut self, rules: &BTreeMap<usize, E::Set>) -> Vec<E::Set> {
        let swap = |set| {
            let sent = self.engine.exists(set, AFTER_POLICY);
            self.engine.replace(&sent, SWAP)
        };
        rules.values().map(swap).collect()
    }

    /// Returns the packets that each learned flow takes, and those that none takes.
    fn known<'a>(&mut self, packets: impl Iterator<Item = &'a E::Set>, learned: &[E::Set]) -> Vec<E::Set>
    where
        E::Set: 'a,
    {
        let mut rest = self.engine.any(packets.cloned().collect()).unwrap_or_else(|| self.none.clone());
        let mut known = Vec::new();
        for set in learned {
            self.steps += 1;
            known.push(self.engine.and(&rest, set));
            rest = self.engine.difference(&rest, set);
        }
        known.push(rest);
        known
    }
}
