//! Derives the probes of a network file: a pure function.

use std::collections::BTreeMap;

use fastrand::Rng;
use flows::network::NetworkFile;

use super::definition::{Action, Expected, Probe};
use super::flows as by_flows;
use super::pairs::PairProbes;
use super::view::{LabView, ProbeContext};
use crate::plan::{LabPlan, PlannedPort};

/// Largest number of places for which every pair is tried by real packets.
const SMALL: usize = 12;
/// Number of pairs of a large file that are tried, beside those that a rule joins.
const SAMPLE: usize = 120;
/// Number of conversations of a large file for each rule.
const TALKS: usize = 6;
/// The seed of the sample, so that a file always has the same probes.
const SEED: u64 = 0x7063_6c2d_7072_6f62;

/// Returns the probes of a file in its lab, at the time of `now`.
pub fn derive(file: &NetworkFile, plan: &LabPlan, now: &ProbeContext) -> Vec<Probe> {
    let view = LabView { file, plan, now };
    let kinds = view.universe();
    let mut probes = Vec::new();
    by_flows::probes(&view, &kinds, &mut probes);
    let places: Vec<&PlannedPort> = plan.places.iter().filter(|p| p.network.is_some()).collect();
    let mut pairs = Vec::new();
    for a in &places {
        for b in places.iter().filter(|b| b.name != a.name) {
            PairProbes { view: &view, kinds: &kinds, a, b }.probes(&mut pairs);
        }
    }
    if places.len() > SMALL {
        pairs = sample(pairs);
    }
    probes.extend(pairs);
    PairProbes::dhcp(&view, &mut probes);
    for bridge in &file.bridges {
        view.unknown_local(&bridge.name, &mut probes);
    }
    view.crossing_wires(&mut probes);
    let mut nevers = Vec::new();
    for never in &file.nevers {
        view.never(never, &mut nevers);
    }
    if places.len() > SMALL {
        nevers = chosen(nevers, SAMPLE);
    }
    probes.extend(nevers);
    probes
}

/// Returns some conversations of every rule, and some of all other probes.
fn sample(probes: Vec<Probe>) -> Vec<Probe> {
    let (talks, frames): (Vec<_>, Vec<_>) = probes
        .into_iter()
        .partition(|p| matches!(p.action, Action::Talk { .. }) || p.expected == Expected::Passes);
    let mut of_rule: BTreeMap<String, Vec<Probe>> = BTreeMap::new();
    for probe in talks {
        let rule = probe.what.rsplit_once(" (").map_or_else(String::new, |(_, rule)| rule.to_owned());
        of_rule.entry(rule).or_default().push(probe);
    }
    let mut some: Vec<Probe> = of_rule.into_values().flat_map(|talks| chosen(talks, TALKS)).collect();
    some.extend(chosen(frames, SAMPLE));
    some
}

/// Returns `want` items of a list, in its order.
fn chosen<T>(all: Vec<T>, want: usize) -> Vec<T> {
    let (mut left, mut want, mut random) = (all.len(), want, Rng::with_seed(SEED));
    let mut some = Vec::new();
    for one in all {
        if random.usize(..left) < want {
            some.push(one);
            want -= 1;
        }
        left -= 1;
    }
    some
}
