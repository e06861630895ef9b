//! The cache of results: direct-mapped, so a result may be forgotten and computed again.

use crate::function::Bdd;

/// Number of places of a new cache.
const PLACES: usize = 1 << 12;
/// Maximum number of places: 16 bytes each.
const MAX_PLACES: usize = 1 << 21;

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
pub(crate) struct Cache(Vec<Entry>);

impl Cache {
    pub(crate) fn new() -> Self {
        Self(vec![Entry::default(); PLACES])
    }

    /// Grows with the number of nodes. Forgets all results when it does.
    pub(crate) fn grow(&mut self, nodes: usize) {
        let places = nodes.next_power_of_two().clamp(PLACES, MAX_PLACES);
        if places > self.0.len() {
            self.0 = vec![Entry::default(); places];
        }
    }

    pub(crate) fn get(&self, operation: Operation, first: Bdd, second: Bdd) -> Option<Bdd> {
        let number = operation.number();
        let entry = self.0.get(self.place(number, first, second))?;
        let same = entry.operation == number && entry.first == first.0 && entry.second == second.0;
        same.then_some(Bdd(entry.result))
    }

    pub(crate) fn put(&mut self, operation: Operation, first: Bdd, second: Bdd, result: Bdd) {
        let number = operation.number();
        let place = self.place(number, first, second);
        if let Some(entry) = self.0.get_mut(place) {
            *entry = Entry { operation: number, first: first.0, second: second.0, result: result.0 };
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place in a table needs only the low bits")]
    fn place(&self, number: u32, first: Bdd, second: Bdd) -> usize {
        let key = (u64::from(first.0) << 32 | u64::from(second.0)) ^ u64::from(number).rotate_left(40);
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 31).wrapping_mul(0x94d0_49bb_1331_11eb).rotate_left(21) as usize
            & (self.0.len() - 1)
    }
}
