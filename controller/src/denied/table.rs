//! Counts the samples of denied packets by key, and keeps the last seen ones.

use std::collections::{BTreeMap, HashMap};

use ofproto::PortNo;

use super::sample::{Sample, Seen};

/// Largest number of entries of one bridge.
pub const CAPACITY: usize = 1_024;

/// The key of samples that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SampleKey {
    /// The ingress port.
    pub in_port: PortNo,
    /// The packet's fields.
    pub seen: Seen,
}

/// The samples of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last sample.
    pub last: Sample,
    /// Number of samples.
    pub samples: u64,
    /// Arrival of the first sample, in seconds since 1970-01-01 UTC.
    pub first_at: u64,
    /// Arrival of the last sample, in seconds since 1970-01-01 UTC.
    pub last_at: u64,
    /// Its place in the order of last arrivals.
    turn: u64,
}

/// The table of one bridge. A host that sends from or to many addresses pushes out the longest
/// unseen entries.
#[derive(Debug, Default)]
pub struct DeniedTable {
    entries: HashMap<SampleKey, Entry>,
    /// The keys in the order of last arrivals.
    order: BTreeMap<u64, SampleKey>,
    next_turn: u64,
    forgotten: u64,
}

impl DeniedTable {
    /// Counts a sample that arrived at `at`, in seconds since 1970-01-01 UTC.
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

    /// Returns all entries, the last seen first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.order.values().rev().filter_map(|key| self.entries.get(key))
    }

    /// Returns the number of entries that others pushed out.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
