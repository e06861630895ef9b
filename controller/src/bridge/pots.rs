//! Where return flows are kept, and which of those places is full.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use flows::compile::layout::HOLDERS;

use super::notice::Evicted;
use super::{Compiled, Sums};
use crate::ovs::BOUNDS;

/// A place that holds so many return flows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pot {
    /// A table, which evicts.
    Table(u8),
    /// What a flow of a rule may learn by its `limit`, which refuses.
    Rule(String),
    /// The IPv6 addresses that an endpoint made itself.
    Addresses(String),
}

impl Pot {
    /// Its name in metrics.
    pub fn label(&self) -> String {
        match self {
            Self::Table(table) => format!("table {table}"),
            Self::Rule(rule) => format!("rule {rule}"),
            Self::Addresses(party) => format!("addresses of {party}"),
        }
    }
}

impl fmt::Display for Pot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => {
                write!(f, "table {table} (whoever has most in it loses his own oldest)")
            }
            Self::Rule(rule) => write!(f, "the limit of rule {rule} (new connections get no answer)"),
            Self::Addresses(party) => {
                write!(
                    f,
                    "the IPv6 addresses of {party} (a new one works once another was idle for a minute)"
                )
            }
        }
    }
}

/// The places of a bridge that are full.
#[derive(Debug, Default)]
pub struct Pots {
    /// With how many they held then.
    full: BTreeMap<Pot, u64>,
}

impl Pots {
    /// Takes what a read showed, and gives those that became full. One stays so until half of it is free: what goes up and
    /// down at its brim is told once.
    pub fn look(&mut self, sums: &Sums, evicted: &Evicted) -> Vec<Pot> {
        let held = |pot: &Pot| match pot {
            Pot::Table(table) => sums.tables.get(table).copied().unwrap_or_default(),
            Pot::Rule(_) | Pot::Addresses(_) => sums.limited.get(pot).map_or(0, |limited| limited.held),
        };
        let bounded = BOUNDS.iter().map(|bound| (bound.table.0, u64::from(bound.flow_limit)));
        let at_bound = bounded.filter(|(table, limit)| held(&Pot::Table(*table)) >= *limit);
        // Raw lines have learned flows in any table.
        let brimming: BTreeSet<u8> =
            at_bound.map(|(table, _)| table).chain(evicted.keys().copied()).collect();
        let brimming = brimming.into_iter().map(Pot::Table);
        let at_limit = sums.limited.iter().filter(|(_, limited)| limited.held >= limited.limit);
        let full: Vec<Pot> = brimming.chain(at_limit.map(|(pot, _)| pot.clone())).collect();
        self.full.retain(|pot, then| full.contains(pot) || held(pot).saturating_mul(2) > *then);
        let mut new = Vec::new();
        for pot in full {
            let held = held(&pot);
            if self.full.insert(pot.clone(), held).is_none() {
                new.push(pot);
            }
        }
        new
    }

    /// Those that are full.
    pub fn full(&self) -> impl Iterator<Item = &Pot> {
        self.full.keys()
    }
}

/// How many return flows a flow of a rule has learned, of those that it may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limited {
    /// So many are there.
    pub held: u64,
    /// So many may be.
    pub limit: u64,
}

/// Counts the learned flows of learners that have a limit.
#[derive(Debug, Default)]
pub(super) struct Learned {
    held: std::collections::HashMap<(ofproto::TableId, ofproto::Cookie), (u64, Pot)>,
}

impl Learned {
    /// A flow that a flow of a rule learned.
    pub(super) fn add(&mut self, flow: &flows::Flow, rule: &str) {
        let pot = || match flow.table {
            HOLDERS => Pot::Addresses(rule.to_owned()),
            _ => Pot::Rule(rule.to_owned()),
        };
        let (held, _) = self.held.entry((flow.table, flow.cookie)).or_insert_with(|| (0, pot()));
        *held += 1;
    }

    /// By rule, or whose addresses they are, that of the flows which has the least room left.
    pub(super) fn limited(self, compiled: &Compiled) -> BTreeMap<Pot, Limited> {
        let mut rules: BTreeMap<Pot, Limited> = BTreeMap::new();
        for ((table, cookie), (held, rule)) in self.held {
            let Some(limit) = compiled.judge().limit(table, cookie) else { continue };
            let this = Limited { held, limit: limit.into() };
            let room = |limited: &Limited| limited.limit.saturating_sub(limited.held);
            let most = rules.entry(rule).or_insert(this);
            if room(&this) < room(most) {
                *most = this;
            }
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(table: u64, rule: u64) -> Sums {
        Sums {
            tables: [(1, table)].into(),
            limited: [(Pot::Rule("web".to_owned()), Limited { held: rule, limit: 10 })].into(),
            ..Sums::default()
        }
    }

    #[test]
    fn what_goes_up_and_down_at_the_brim_is_told_once() {
        let (mut pots, none, some) = (Pots::default(), Evicted::new(), Evicted::from([(1, 3)]));
        assert_eq!(pots.look(&sums(100, 9), &none), []);
        assert_eq!(pots.look(&sums(100, 10), &some), [Pot::Table(1), Pot::Rule("web".to_owned())]);
        for (table, rule, evicted) in [(99, 9, &none), (100, 10, &some), (60, 6, &none)] {
            assert_eq!(pots.look(&sums(table, rule), evicted), []);
            assert_eq!(pots.full().count(), 2);
        }
        assert_eq!(pots.look(&sums(20, 2), &none), []);
        assert_eq!(pots.full().count(), 0);
        // A switch without a flow monitor tells of no eviction, but how many there are.
        assert_eq!(pots.look(&sums(131_072, 2), &none), [Pot::Table(1)]);
    }
}
