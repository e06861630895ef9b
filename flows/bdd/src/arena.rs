//! The arena of nodes.

use crate::cache::Cache;
use crate::function::Bdd;
use crate::variable::{Replacement, Variable, VariableBits};

/// A test of a variable, with the functions for its two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) variable: u16,
    pub(crate) low: Bdd,
    pub(crate) high: Bdd,
}

/// The variable of the constants: behind all others.
pub(crate) const LEAF: u16 = u16::MAX;

/// An arena of functions, with the caches of their operations.
#[derive(Debug)]
pub struct Diagrams {
    nodes: Vec<Node>,
    /// An open hash table of node numbers; 0 is a free place.
    unique: Vec<u32>,
    limit: usize,
    exhausted: bool,
    pub(crate) cache: Cache,
    pub(crate) sets: Vec<VariableBits>,
    pub(crate) substitutions: Vec<Vec<Option<Replacement>>>,
}

/// Number of places of a new hash table.
const PLACES: usize = 1 << 12;

impl Diagrams {
    /// Returns an arena for at most `limit` nodes of 12 bytes each, and some 20 bytes for the tables.
    pub fn new(limit: usize) -> Self {
        let leaf = |this| Node { variable: LEAF, low: this, high: this };
        Self {
            nodes: vec![leaf(Bdd::FALSE), leaf(Bdd::TRUE)],
            unique: vec![0; PLACES],
            limit,
            exhausted: false,
            cache: Cache::new(),
            sets: Vec::new(),
            substitutions: Vec::new(),
        }
    }

    /// Returns whether the limit of nodes was reached. No result means anything from then on.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Returns the number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns whether the arena holds nothing but the constants.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 2
    }

    /// Returns the function that is true where the variable is 1.
    pub fn variable(&mut self, variable: Variable) -> Bdd {
        self.node(variable.0, Bdd::FALSE, Bdd::TRUE)
    }

    /// Returns the conjunction of literals: the variables have these values. A variable with both
    /// values gives the empty set.
    pub fn cube(&mut self, literals: impl IntoIterator<Item = (Variable, bool)>) -> Bdd {
        let mut literals: Vec<(Variable, bool)> = literals.into_iter().collect();
        literals.sort_unstable();
        literals.dedup();
        let contradicts = |pair: &[(Variable, bool)]| matches!(pair, [a, b] if a.0 == b.0);
        if literals.windows(2).any(contradicts) {
            return Bdd::FALSE;
        }
        literals.into_iter().rev().fold(Bdd::TRUE, |rest, (variable, value)| {
            let (low, high) = if value { (Bdd::FALSE, rest) } else { (rest, Bdd::FALSE) };
            self.node(variable.0, low, high)
        })
    }

    /// Returns the number of a set or substitution. More than 65,536 exhaust the arena.
    pub(crate) fn numbered(&mut self, place: usize) -> u16 {
        u16::try_from(place).unwrap_or_else(|_| {
            self.exhausted = true;
            u16::MAX
        })
    }

    #[expect(clippy::indexing_slicing, reason = "every function's number is a place in its arena")]
    pub(crate) fn at(&self, function: Bdd) -> Node {
        self.nodes[function.0 as usize]
    }

    /// Returns the number of the variable that is tested first.
    pub(crate) fn top(&self, function: Bdd) -> u16 {
        self.at(function).variable
    }

    /// Returns the functions for both values of a variable that is not behind the first one.
    pub(crate) fn cofactors(&self, function: Bdd, variable: u16) -> (Bdd, Bdd) {
        let node = self.at(function);
        if node.variable == variable { (node.low, node.high) } else { (function, function) }
    }

    /// Returns the function that tests a variable, which must be before those of both branches.
    pub(crate) fn node(&mut self, variable: u16, low: Bdd, high: Bdd) -> Bdd {
        if low == high {
            return low;
        }
        let node = Node { variable, low, high };
        let mask = self.unique.len() - 1;
        let mut place = hash(node) & mask;
        loop {
            let Some(slot) = self.unique.get_mut(place) else { return Bdd::FALSE };
            if *slot == 0 {
                if self.nodes.len() >= self.limit {
                    self.exhausted = true;
                    return Bdd::FALSE;
                }
                let Ok(number) = u32::try_from(self.nodes.len()) else {
                    self.exhausted = true;
                    return Bdd::FALSE;
                };
                *slot = number;
                self.nodes.push(node);
                if self.nodes.len() * 2 > self.unique.len() {
                    self.grow();
                }
                return Bdd(number);
            }
            let known = Bdd(*slot);
            if self.at(known) == node {
                return known;
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let mask = self.unique.len() * 2 - 1;
        let mut unique = vec![0_u32; mask + 1];
        for (number, node) in (0_u32..).zip(&self.nodes).skip(2) {
            let mut place = hash(*node) & mask;
            while unique.get(place).is_some_and(|slot| *slot != 0) {
                place = (place + 1) & mask;
            }
            unique.get_mut(place).into_iter().for_each(|slot| *slot = number);
        }
        self.unique = unique;
        self.cache.grow(self.nodes.len());
    }
}

/// Returns a number whose lower bits depend on all bits of the node.
#[expect(clippy::cast_possible_truncation, reason = "a place in a table needs only the low bits")]
fn hash(node: Node) -> usize {
    let key = u64::from(node.low.0) << 32 | u64::from(node.high.0);
    let mixed = (key ^ u64::from(node.variable) << 17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(23) as usize
}
