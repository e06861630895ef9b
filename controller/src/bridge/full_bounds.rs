//! Detects reached bounds on learned flows.

use std::collections::{BTreeMap, BTreeSet};

use super::Sums;
use super::learned_bounds::LearnedBound;
use super::notice::Evicted;
use crate::ovs::BOUNDS;

/// The bounds of a bridge that are reached.
#[derive(Debug, Default)]
pub struct FullBounds {
    /// Number of learned flows under each bound when it was reached.
    full: BTreeMap<LearnedBound, u64>,
}

impl FullBounds {
    /// Checks the sums of a read. Returns the bounds that it found reached for the first time. A
    /// bound counts as reached until half of it is free, so that flapping is reported once.
    pub fn look(&mut self, sums: &Sums, evicted: &Evicted) -> Vec<LearnedBound> {
        let held = |bound: &LearnedBound| match bound {
            LearnedBound::Table(table) => sums.tables.get(table).copied().unwrap_or_default(),
            LearnedBound::Rule(_) | LearnedBound::Addresses(_) => {
                sums.limited.get(bound).map_or(0, |limited| limited.held)
            }
        };
        let bounded = BOUNDS.iter().map(|bound| (bound.table.0, u64::from(bound.flow_limit)));
        let at_bound = bounded.filter(|(table, limit)| held(&LearnedBound::Table(*table)) >= *limit);
        // Raw lines have learned flows in any table.
        let brimming: BTreeSet<u8> =
            at_bound.map(|(table, _)| table).chain(evicted.keys().copied()).collect();
        let brimming = brimming.into_iter().map(LearnedBound::Table);
        let at_limit = sums.limited.iter().filter(|(_, limited)| limited.held >= limited.limit);
        let full: Vec<LearnedBound> = brimming.chain(at_limit.map(|(bound, _)| bound.clone())).collect();
        self.full.retain(|bound, then| full.contains(bound) || held(bound).saturating_mul(2) > *then);
        let mut new = Vec::new();
        for bound in full {
            let held = held(&bound);
            if self.full.insert(bound.clone(), held).is_none() {
                new.push(bound);
            }
        }
        new
    }

    /// Returns the bounds that are reached.
    pub fn full(&self) -> impl Iterator<Item = &LearnedBound> {
        self.full.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::BoundUse;

    fn sums(table: u64, rule: u64) -> Sums {
        Sums {
            tables: [(1, table)].into(),
            limited: [(LearnedBound::Rule("web".to_owned()), BoundUse { held: rule, limit: 10 })].into(),
            ..Sums::default()
        }
    }

    #[test]
    fn what_goes_up_and_down_at_the_brim_is_told_once() {
        let (mut full, none, some) = (FullBounds::default(), Evicted::new(), Evicted::from([(1, 3)]));
        assert_eq!(full.look(&sums(100, 9), &none), []);
        assert_eq!(
            full.look(&sums(100, 10), &some),
            [LearnedBound::Table(1), LearnedBound::Rule("web".to_owned())]
        );
        for (table, rule, evicted) in [(99, 9, &none), (100, 10, &some), (60, 6, &none)] {
            assert_eq!(full.look(&sums(table, rule), evicted), []);
            assert_eq!(full.full().count(), 2);
        }
        assert_eq!(full.look(&sums(20, 2), &none), []);
        assert_eq!(full.full().count(), 0);
        // A switch without a flow monitor reports no eviction, only the number of flows.
        assert_eq!(full.look(&sums(131_072, 2), &none), [LearnedBound::Table(1)]);
    }
}
