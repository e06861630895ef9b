//! Who tried what, counted: as many of them as fit, and of those the ones seen last.

use std::collections::{BTreeMap, HashMap};

use ofproto::PortNo;

use super::sample::{Sample, Seen};

/// So many of one bridge.
pub const CAPACITY: usize = 1_024;

/// What samples have in common that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SampleKey {
    /// The port that they came in by.
    pub in_port: PortNo,
    /// What they say.
    pub seen: Seen,
}

/// Samples of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last one.
    pub last: Sample,
    /// How many there were.
    pub samples: u64,
    /// When the first came, in seconds since 1970-01-01 UTC.
    pub first_at: u64,
    /// When the last came.
    pub last_at: u64,
    /// Its place in the order in which they were last seen.
    turn: u64,
}

/// The table of one bridge. Who sends from many addresses, or to many, pushes out what was not seen for longest.
#[derive(Debug, Default)]
pub struct DeniedTable {
    entries: HashMap<SampleKey, Entry>,
    /// The keys in the order in which they were last seen.
    order: BTreeMap<u64, SampleKey>,
    next_turn: u64,
    forgotten: u64,
}

impl DeniedTable {
    /// Counts a sample that came so many seconds after 1970-01-01 UTC.
    pub fn add(&mut self, sample: Sample, at: u64) {
        let key = SampleKey { in_port: sample.in_port, seen: sample.seen };
        let turn = self.next_turn;
        self.next_turn += 1;
        if let Some(entry) = self.entries.get_mut(&key) {
            self.order.remove(&entry.turn);
            entry.samples = entry.samples.saturating_add(1);
            (entry.last, entry.last_at, entry.turn) = (sample, at, turn);
        } else {
            if self.entries.len() >= CAPACITY
                && let Some((_, oldest)) = self.order.pop_first()
            {
                self.entries.remove(&oldest);
                self.forgotten = self.forgotten.saturating_add(1);
            }
            let entry = Entry { last: sample, samples: 1, first_at: at, last_at: at, turn };
            self.entries.insert(key.clone(), entry);
        }
        self.order.insert(turn, key);
    }

    /// All that is known, the last seen first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.order.values().rev().filter_map(|key| self.entries.get(key))
    }

    /// How many were pushed out by others.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
