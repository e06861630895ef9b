//! Compares what two files let pass.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::permitted::{Counted, Pair, with_run};
use super::ranges::Ranges;
use super::row::{Row, RowKind, When};
use super::states::{without_learning, without_temporary};
use super::table::{Rows, State, States, states};
use super::temporary::Temporaries;
use crate::network::NetworkFile;
use crate::verify::bridge_flows::BridgeFlows;
use crate::verify::interp::Pipeline;
use crate::verify::proof::{Budget, replay};
use crate::verify::topology::Topology;
use crate::verify::witness::Witness;

/// Traffic that one of two files lets pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The traffic.
    #[serde(flatten)]
    pub row: Row,
    /// A packet of it that passes in the file that permits it.
    pub witness: Option<Witness>,
}

/// The traffic in which two files differ.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Traffic that only the new file lets pass.
    pub permitted: Vec<Change>,
    /// Traffic that only the old file lets pass.
    pub denied: Vec<Change>,
    /// The reasons for which differences may be missing, or shown where there are none.
    pub unknown: Vec<String>,
}

impl Difference {
    /// Returns whether a packet shows that the files differ.
    pub fn is_shown(&self) -> bool {
        self.permitted.iter().chain(&self.denied).any(|change| change.witness.is_some())
    }
}

/// A file with its flows.
pub type FileFlows<'f> = (&'f NetworkFile, &'f [BridgeFlows<'f>]);

/// Compares the traffic that passes between every two parties. Places are compared by the names of
/// their parties, bridge and port.
pub fn difference(old: FileFlows<'_>, new: FileFlows<'_>, budget: Budget) -> Difference {
    if old.0 == new.0 && is_alike(old.1, new.1) {
        return Difference::default();
    }
    let before = states(old.0, old.1, budget, |_, _| true);
    let after = states(new.0, new.1, budget, |_, _| true);
    let gaps: BTreeSet<&String> = before.gaps().chain(after.gaps()).collect();
    let mut unknown: Vec<String> =
        gaps.into_iter().map(|gap| format!("the engine does not know {gap}")).collect();
    let permitted = changes(new, &before, &after, budget, &mut unknown);
    let denied = changes(old, &after, &before, budget, &mut unknown);
    Difference { permitted, denied, unknown }
}

fn is_alike(old: &[BridgeFlows<'_>], new: &[BridgeFlows<'_>]) -> bool {
    let all = |bridges: &[BridgeFlows<'_>]| -> Vec<_> {
        bridges.iter().map(|b| (b.name.to_owned(), b.ports.clone(), b.flows.clone())).collect()
    };
    all(old) == all(new)
}

/// Returns what passes after and not before, in the file of the state after.
fn changes(
    file: FileFlows<'_>,
    before: &States,
    after: &States,
    budget: Budget,
    unknown: &mut Vec<String>,
) -> Vec<Change> {
    let topology = Topology::new(file.0, file.1);
    let temporaries = Temporaries::new(&topology);
    let mut rows = Rows::default();
    for (pair, carried) in after.keys() {
        for kind in [RowKind::Opens, RowKind::Answers] {
            let added = |before: &State, after: &State| -> Ranges {
                let others = match kind {
                    RowKind::Opens => before.of(kind, &pair, carried),
                    // What opened connections before needs no answers.
                    RowKind::Answers => before.all(&pair, carried),
                };
                after.of(kind, &pair, carried).except(&others)
            };
            let open = added(&before.open, &after.open);
            let closed = added(&before.closed, &after.closed);
            let always = open.except(&open.except(&closed));
            rows.add(&pair, carried, open.except(&always), kind, When::Open, &temporaries);
            rows.add(&pair, carried, closed.except(&always), kind, When::Closed, &temporaries);
            rows.add(&pair, carried, always, kind, When::Always, &temporaries);
        }
    }
    witnessed(file, rows.finish(), budget, unknown)
}

/// Finds a packet for each row. Rows of one state share a run of the engine.
fn witnessed(
    (file, bridges): FileFlows<'_>,
    rows: Vec<Row>,
    budget: Budget,
    unknown: &mut Vec<String>,
) -> Vec<Change> {
    let mut by_run: BTreeMap<(bool, RowKind), Vec<usize>> = BTreeMap::new();
    for (number, row) in rows.iter().enumerate() {
        by_run.entry((row.when == When::Closed, row.kind)).or_default().push(number);
    }
    let mut changes: Vec<Change> = rows.into_iter().map(|row| Change { row, witness: None }).collect();
    for ((is_closed, kind), numbers) in by_run {
        let state = if is_closed { without_temporary(file, bridges) } else { bridges.to_vec() };
        let (flows, counted) = match kind {
            RowKind::Opens => (without_learning(&state), Counted::Openers),
            RowKind::Answers => (state, Counted::All),
        };
        let pipelines: Vec<Pipeline> = flows.iter().map(|b| Pipeline::new(b.flows.clone())).collect();
        with_run(file, &flows, counted, budget, |run| {
            for number in numbers {
                let Some(change) = changes.get_mut(number) else { continue };
                match witness(run, &change.row, &pipelines) {
                    Ok(witness) => change.witness = Some(witness),
                    Err(why) => unknown.push(format!("{}: {why}", change.row.summary())),
                }
            }
        });
    }
    changes
}

/// Sends a packet of a row.
fn witness(
    run: &mut super::permitted::Run<'_, '_>,
    row: &Row,
    pipelines: &[Pipeline],
) -> Result<Witness, String> {
    let pair: Pair = (row.from.clone(), row.to.clone());
    let places = run.place(&pair.0).zip(run.place(&pair.1)).ok_or("a place is missing")?;
    let (carried, number) = row.carried.first().zip(row.ports.first()).ok_or("the row is empty")?;
    let set = run.of_kind(places, *carried, number).ok_or("no packet is left")?;
    let trace = run.engine.trace(places.1, set).ok_or("no way back to the sender was found")?;
    replay(&row.summary(), &trace, &mut run.engine, run.topology, pipelines)
}
