//! Tables of what a party can reach, and of who can reach it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::error::ReachError;
use super::permitted::{Counted, Pair, Permitted, is_at, with_run};
use super::places::{PartyPlace, known};
use super::ranges::Ranges;
use super::row::{Row, RowKind, When};
use super::states::{without_learning, without_temporary};
use super::temporary::Temporaries;
use super::traffic::Carried;
use crate::network::NetworkFile;
use crate::verify::bridge_flows::{BridgeFlows, is_temporary};
use crate::verify::proof::Budget;
use crate::verify::topology::Topology;

/// The side of the traffic on which a party is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It sends.
    From,
    /// It receives.
    To,
}

/// A table of traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReachTable {
    /// The rows.
    pub rows: Vec<Row>,
    /// The reasons for which traffic may be missing; empty if none is.
    pub unknown: Vec<String>,
}

/// The traffic in each state of the temporary flows.
#[derive(Debug, Clone, Default)]
pub(super) struct States {
    pub(super) open: State,
    pub(super) closed: State,
}

/// The traffic in one state.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) openers: Permitted,
    pub(super) all: Permitted,
}

impl State {
    /// Returns the traffic that opens connections, or what else passes.
    pub(super) fn of(&self, kind: RowKind, pair: &Pair, carried: Carried) -> Ranges {
        let openers = in_traffic(&self.openers, pair, carried);
        match kind {
            RowKind::Opens => openers,
            RowKind::Answers => in_traffic(&self.all, pair, carried).except(&openers),
        }
    }

    /// Returns everything that passes.
    pub(super) fn all(&self, pair: &Pair, carried: Carried) -> Ranges {
        in_traffic(&self.all, pair, carried).or(&in_traffic(&self.openers, pair, carried))
    }

    fn keys(&self) -> impl Iterator<Item = (Pair, Carried)> + '_ {
        let all = self.openers.traffic.iter().chain(&self.all.traffic);
        all.flat_map(|(pair, carried)| carried.keys().map(|carried| (pair.clone(), *carried)))
    }
}

impl States {
    /// Returns every pair with each kind of its traffic.
    pub(super) fn keys(&self) -> BTreeSet<(Pair, Carried)> {
        self.open.keys().chain(self.closed.keys()).collect()
    }

    /// Returns the reasons for which traffic may be missing.
    pub(super) fn gaps(&self) -> impl Iterator<Item = &String> {
        let states = [&self.open, &self.closed];
        states.into_iter().flat_map(|state| state.openers.gaps.iter().chain(&state.all.gaps))
    }
}

fn in_traffic(permitted: &Permitted, pair: &Pair, carried: Carried) -> Ranges {
    let of_pair = permitted.traffic.get(pair);
    of_pair.and_then(|kinds| kinds.get(&carried)).cloned().unwrap_or_default()
}

/// Returns whether flows of a file may be absent.
pub(super) fn has_temporary(file: &NetworkFile, bridges: &[BridgeFlows<'_>]) -> bool {
    bridges.iter().any(|bridge| bridge.flows.iter().any(|flow| is_temporary(file, bridge, flow)))
}

/// Computes the traffic in every state.
pub(super) fn states(
    file: &NetworkFile,
    bridges: &[BridgeFlows<'_>],
    budget: Budget,
    wanted: impl Fn(&PartyPlace, &PartyPlace) -> bool,
) -> States {
    let state = |bridges: &[BridgeFlows<'_>]| {
        let forgetful = without_learning(bridges);
        let openers = with_run(file, &forgetful, Counted::Openers, budget, |run| run.permitted(&wanted));
        let all = with_run(file, bridges, Counted::All, budget, |run| run.permitted(&wanted));
        State { openers, all }
    };
    let open = state(bridges);
    let closed = match has_temporary(file, bridges) {
        true => state(&without_temporary(file, bridges)),
        false => open.clone(),
    };
    States { open, closed }
}

/// Computes what a party can reach, or who can reach it.
///
/// # Errors
/// [`ReachError`] if the file has no such party.
pub fn reach(
    file: &NetworkFile,
    bridges: &[BridgeFlows<'_>],
    party: &str,
    direction: Direction,
    budget: Budget,
) -> Result<ReachTable, ReachError> {
    known(file, party)?;
    let topology = Topology::new(file, bridges);
    let is_of_party = is_at(&topology, party);
    let states = states(file, bridges, budget, |from, to| match direction {
        Direction::From => is_of_party(from),
        Direction::To => is_of_party(to),
    });
    let temporaries = Temporaries::new(&topology);
    let mut rows = Rows::default();
    for (pair, carried) in states.keys() {
        for kind in [RowKind::Opens, RowKind::Answers] {
            let always = states.closed.of(kind, &pair, carried);
            let known = match kind {
                RowKind::Opens => always.clone(),
                // What opens a connection while windows are closed answers nothing more.
                RowKind::Answers => states.closed.all(&pair, carried),
            };
            let open = states.open.of(kind, &pair, carried).except(&known);
            rows.add(&pair, carried, always, kind, When::Always, &temporaries);
            rows.add(&pair, carried, open, kind, When::Open, &temporaries);
        }
    }
    let unknown: BTreeSet<&String> = states.gaps().collect();
    let unknown = unknown.into_iter().map(|gap| format!("the engine does not know {gap}")).collect();
    Ok(ReachTable { rows: rows.finish(), unknown })
}

/// What tells rows apart, beside the family.
type RowKey = (Pair, &'static str, Ranges, RowKind, When, Vec<String>);

/// Rows, of which those that differ in the family alone become one.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: BTreeMap<RowKey, Vec<Carried>>,
}

impl Rows {
    /// Adds a row unless it is empty.
    pub(super) fn add(
        &mut self,
        pair: &Pair,
        carried: Carried,
        ports: Ranges,
        kind: RowKind,
        when: When,
        temporaries: &Temporaries,
    ) {
        if ports.is_empty() {
            return;
        }
        let windows = match when {
            When::Open => temporaries.of(pair, carried, &ports, kind),
            When::Always | When::Closed => Vec::new(),
        };
        let key = (pair.clone(), carried.label(), ports, kind, when, windows);
        self.rows.entry(key).or_default().push(carried);
    }

    /// Returns the rows in order.
    pub(super) fn finish(self) -> Vec<Row> {
        let row = |((pair, protocol, ports, kind, when, windows), carried): (_, Vec<Carried>)| {
            let (from, to): Pair = pair;
            let families = carried.iter().filter_map(|carried| carried.family()).collect();
            let background = carried.iter().all(|carried| carried.is_background(&ports));
            Row { from, to, protocol, families, ports, kind, when, windows, background, carried }
        };
        self.rows.into_iter().map(row).collect()
    }
}
