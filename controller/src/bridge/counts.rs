//! Sums the packets and bytes of flows by rule, over the lifetimes of the flows.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use flows::Flow;
use ofproto::message::multipart::FlowStats;

use super::learned_bounds::BoundedFlows;
use super::{BoundUse, Compiled, LearnedBound};

/// Value of a counter that a switch does not support.
const UNCOUNTED: u64 = u64::MAX;

/// The last counters of each flow. The next read counts the difference.
#[derive(Debug, Default)]
pub struct Counts {
    last: HashMap<u64, (u64, u64)>,
    keys: RandomState,
    /// Counters of the read under way.
    reading: CountsUnderWay,
}

#[derive(Debug, Default)]
struct CountsUnderWay {
    seen: HashMap<u64, (u64, u64)>,
    sums: Sums,
    learned: BoundedFlows,
}

/// The sums over the flows of a bridge.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Flows by table.
    pub tables: HashMap<u8, u64>,
    /// Number of learned flows.
    pub learned: u64,
    /// New packets and bytes by rule.
    pub rules: HashMap<String, (u64, u64)>,
    /// The number of learned flows and the limit of each learner that has one, by rule or by owner
    /// of the addresses.
    pub limited: BTreeMap<LearnedBound, BoundUse>,
    /// New denied packets by reason.
    pub denied: HashMap<&'static str, u64>,
}

impl Counts {
    /// Begins a read. Counters of an earlier unfinished read do not count.
    pub fn begin(&mut self) {
        self.reading = CountsUnderWay::default();
    }

    /// Adds counters of some installed flows. A counter that decreased started again. Passes on each
    /// flow, and whether it is learned.
    pub fn take(&mut self, compiled: &Compiled, stats: &[FlowStats], mut each: impl FnMut(Flow, bool)) {
        let CountsUnderWay { seen, sums, learned: of_rules } = &mut self.reading;
        for entry in stats {
            *sums.tables.entry(entry.table_id.0).or_default() += 1;
            let flow = Flow::from_stats(entry);
            let Some((origin, learned)) = compiled.whence(&flow) else {
                each(flow, false);
                continue;
            };
            if learned {
                sums.learned += 1;
                of_rules.add(&flow, &origin.rule);
            }
            let key = self.keys.hash_one((flow.key(), flow.cookie));
            let counted = |n: u64| if n == UNCOUNTED { 0 } else { n };
            let now = (counted(entry.packet_count), counted(entry.byte_count));
            let last = self.last.get(&key).copied().unwrap_or_default();
            seen.insert(key, now);
            let since = if now.0 < last.0 || now.1 < last.1 { now } else { (now.0 - last.0, now.1 - last.1) };
            if !sums.rules.contains_key(&*origin.rule) {
                sums.rules.insert(origin.rule.to_string(), (0, 0));
            }
            if let Some(rule) = sums.rules.get_mut(&*origin.rule) {
                *rule = (rule.0.saturating_add(since.0), rule.1.saturating_add(since.1));
            }
            if let Some(reason) = origin.reason {
                let denied = sums.denied.entry(reason.label()).or_default();
                *denied = denied.saturating_add(since.0);
            }
            each(flow, learned);
        }
    }

    /// Ends a read. Returns the increase since the last one.
    pub fn end(&mut self, compiled: &Compiled) -> Sums {
        let CountsUnderWay { seen, sums, learned } = std::mem::take(&mut self.reading);
        self.last = seen;
        Sums { limited: learned.limited(compiled), ..sums }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::policy::Policy;

    fn compiled() -> Compiled {
        let text = include_str!("../../../flows/networks/dual-socket.toml").to_owned();
        let policy = Policy::from_text(Path::new("test.toml"), text).unwrap();
        Compiled::new(policy.compile("mesh-privacy", &policy.assumed_ports("mesh-privacy")))
    }

    fn seen(compiled: &Compiled, packets: u64) -> Vec<FlowStats> {
        let stats = |f: &Flow| FlowStats {
            packet_count: packets,
            byte_count: packets.saturating_mul(100),
            ..f.to_stats()
        };
        compiled.program.flows().map(stats).collect()
    }

    /// Reads the flows in two parts, after a read that was given up.
    fn read(counts: &mut Counts, compiled: &Compiled, stats: &[FlowStats]) -> Sums {
        counts.begin();
        counts.take(compiled, stats, |_, _| {});
        counts.begin();
        let (some, rest) = stats.split_at(stats.len() / 2);
        counts.take(compiled, some, |_, _| {});
        counts.take(compiled, rest, |_, _| {});
        counts.end(compiled)
    }

    #[test]
    fn counters_add_up_over_the_lives_of_flows() {
        let compiled = compiled();
        let wires = compiled.program.origins().filter(|(_, o)| o.rule == "privacy-mesh").count() as u64;
        let mut counts = Counts::default();
        let mut total = (0, 0);
        // Counted from 3 to 5. Then the flow was made anew and counted to 2.
        for (packets, added) in [(3, 3), (5, 2), (5, 0), (2, 2)] {
            let sums = read(&mut counts, &compiled, &seen(&compiled, packets));
            let rule = sums.rules["privacy-mesh"];
            assert_eq!(rule, (added * wires, added * wires * 100));
            total = (total.0 + rule.0, total.1 + rule.1);
            assert_eq!(sums.tables.values().sum::<u64>(), compiled.program.flows().count() as u64);
            assert!(sums.denied.values().all(|n| *n % added.max(1) == 0));
        }
        assert_eq!(total.0, 7 * wires);
    }

    #[test]
    fn what_nobody_asked_for_counts_for_no_rule() {
        let compiled = compiled();
        let mut foreign = seen(&compiled, 9);
        foreign.truncate(1);
        foreign[0].priority = 4_242;
        let sums = read(&mut Counts::default(), &compiled, &foreign);
        assert_eq!((sums.rules.len(), sums.denied.len(), sums.learned), (0, 0, 0));
        assert_eq!(sums.tables[&0], 1);
    }

    #[test]
    fn a_switch_that_does_not_count_adds_nothing() {
        let compiled = compiled();
        let sums = read(&mut Counts::default(), &compiled, &seen(&compiled, u64::MAX));
        assert!(sums.rules.values().all(|n| *n == (0, 0)));
    }
}
