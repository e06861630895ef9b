//! Counts learned flows against their bounds.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use flows::Flow;
use flows::compile::layout::HOLDERS;
use ofproto::{Cookie, TableId};

use super::Compiled;

/// A bound on learned flows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LearnedBound {
    /// A table, which evicts flows when it is full.
    Table(u8),
    /// The `limit` of a rule. The switch refuses to learn more flows.
    Rule(String),
    /// The limit of IPv6 addresses that an endpoint may make itself.
    Addresses(String),
}

impl LearnedBound {
    /// Returns its label in metrics.
    pub fn label(&self) -> String {
        match self {
            Self::Table(table) => format!("table {table}"),
            Self::Rule(rule) => format!("rule {rule}"),
            Self::Addresses(party) => format!("addresses of {party}"),
        }
    }
}

impl fmt::Display for LearnedBound {
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

/// The number of flows that a learner has installed, and its limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BoundUse {
    /// Learned flows that are installed.
    pub held: u64,
    /// The learner's `limit`.
    pub limit: u64,
}

/// Counts the learned flows of learners that have a limit.
#[derive(Debug, Default)]
pub(super) struct BoundedFlows {
    held: HashMap<(TableId, Cookie), (u64, LearnedBound)>,
}

impl BoundedFlows {
    /// Counts a learned flow of a rule.
    pub(super) fn add(&mut self, flow: &Flow, rule: &str) {
        let bound = || match flow.table {
            HOLDERS => LearnedBound::Addresses(rule.to_owned()),
            _ => LearnedBound::Rule(rule.to_owned()),
        };
        let (held, _) = self.held.entry((flow.table, flow.cookie)).or_insert_with(|| (0, bound()));
        *held += 1;
    }

    /// Returns, for each rule or owner of addresses, the learner with the least room left.
    pub(super) fn limited(self, compiled: &Compiled) -> BTreeMap<LearnedBound, BoundUse> {
        let mut rules: BTreeMap<LearnedBound, BoundUse> = BTreeMap::new();
        for ((table, cookie), (held, rule)) in self.held {
            let Some(limit) = compiled.judge().limit(table, cookie) else { continue };
            let this = BoundUse { held, limit: limit.into() };
            let room = |limited: &BoundUse| limited.limit.saturating_sub(limited.held);
            let most = rules.entry(rule).or_insert(this);
            if room(&this) < room(most) {
                *most = this;
            }
        }
        rules
    }
}
