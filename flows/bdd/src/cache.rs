//! The cache of results: direct-mapped, so a result may be forgotten and computed again.

use crate::node::Bdd;

/// Number of places of a new cache: half a megabyte. Most results are never asked for again, and a
/// cache that the processor's own holds is twice as fast.
const PLACES: usize = 1 << 15;
/// Maximum number of places: 16 bytes each.
const MAX_PLACES: usize = 1 << 21;
/// Number of results per place after which the cache asks whether it is too small.
const TURNS: usize = 8;
/// Number of results per new node from which on it is too small.
const REPEATED: usize = 4;

/// A kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    And,
    Or,
    /// The first without the second.
    Difference,
    /// Quantifies the variables of a set away.
    Exists(u16),
    /// Quantifies all variables but those of a set away.
    Project(u16),
    /// Substitutes variables.
    Replace(u16),
    /// Tests a variable at its place.
    Test(u16),
}

impl Operation {
    /// Returns a number of its own, which is not 0.
    fn number(self) -> u32 {
        let (kind, detail) = match self {
            Self::And => (1, 0),
            Self::Or => (2, 0),
            Self::Difference => (3, 0),
            Self::Exists(set) => (4, set),
            Self::Project(set) => (5, set),
            Self::Replace(substitution) => (6, substitution),
            Self::Test(variable) => (7, variable),
        };
        kind << 16 | u32::from(detail)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The operation's number; 0 is a free place.
    operation: u32,
    first: u32,
    second: u32,
    result: u32,
}

#[derive(Debug)]
pub(crate) struct Cache {
    entries: Vec<Entry>,
    /// The number of results since the cache last asked whether it is too small.
    results: usize,
    /// The highest number of a result.
    newest: u32,
    /// The highest number when the cache last asked.
    newest_before: u32,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self { entries: vec![Entry::default(); PLACES], results: 0, newest: 0, newest_before: 0 }
    }

    /// Grows if most results were functions that existed. Then they were forgotten, and computed
    /// again. New functions would not be found in a larger cache either.
    #[cold]
    fn ask(&mut self) {
        let new = usize::try_from(self.newest - self.newest_before).unwrap_or(usize::MAX);
        if self.results / REPEATED > new && self.entries.len() < MAX_PLACES {
            let places = self.entries.len() * 2;
            let old = std::mem::replace(&mut self.entries, vec![Entry::default(); places]);
            for entry in old.into_iter().filter(|entry| entry.operation != 0) {
                let place = self.place(entry.operation, Bdd(entry.first), Bdd(entry.second));
                self.entries.get_mut(place).into_iter().for_each(|slot| *slot = entry);
            }
        }
        self.results = 0;
        self.newest_before = self.newest;
    }

    /// Returns the number of places.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, operation: Operation, first: Bdd, second: Bdd) -> Option<Bdd> {
        let number = operation.number();
        let entry = self.entries.get(self.place(number, first, second))?;
        let same = entry.operation == number && entry.first == first.0 && entry.second == second.0;
        same.then_some(Bdd(entry.result))
    }

    pub(crate) fn put(&mut self, operation: Operation, first: Bdd, second: Bdd, result: Bdd) {
        let number = operation.number();
        let place = self.place(number, first, second);
        if let Some(entry) = self.entries.get_mut(place) {
            *entry = Entry { operation: number, first: first.0, second: second.0, result: result.0 };
        }
        self.newest = self.newest.max(result.0);
        self.results += 1;
        if self.results >= self.entries.len() * TURNS {
            self.ask();
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place in a table needs only the low bits")]
    fn place(&self, number: u32, first: Bdd, second: Bdd) -> usize {
        let key = (u64::from(first.0) << 32 | u64::from(second.0)) ^ u64::from(number).rotate_left(40);
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 31).wrapping_mul(0x94d0_49bb_1331_11eb).rotate_left(21) as usize
            & (self.entries.len() - 1)
    }
}
