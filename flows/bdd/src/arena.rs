//! The arena of nodes.

use std::collections::HashMap;

use crate::cache::Cache;
use crate::node::{Bdd, LEAF, Node, Replacement, Variable, VariableBits};

/// An arena of functions, with the caches of their operations.
#[derive(Debug)]
pub struct Diagrams {
    nodes: Vec<Node>,
    /// An open hash table of node numbers; 0 is a free place. The bits above the numbers are those of
    /// the hash, so most places of other nodes are passed over without a look at the node.
    unique: Vec<u32>,
    limit: usize,
    exhausted: bool,
    pub(crate) cache: Cache,
    pub(crate) sets: Vec<VariableBits>,
    pub(crate) set_numbers: HashMap<Vec<u64>, u16>,
    pub(crate) substitutions: Vec<Vec<Option<Replacement>>>,
}

/// Number of places of a new hash table.
const PLACES: usize = 1 << 12;

impl Diagrams {
    /// Returns an arena for at most `limit` nodes. A node takes 12 bytes, and 8 to 16 in the table. The
    /// cache takes at most 32 MB.
    pub fn new(limit: usize) -> Self {
        let leaf = |this| Node { variable: LEAF, low: this, high: this };
        Self {
            nodes: vec![leaf(Bdd::FALSE), leaf(Bdd::TRUE)],
            unique: vec![0; PLACES],
            limit,
            exhausted: false,
            cache: Cache::new(),
            sets: Vec::new(),
            set_numbers: HashMap::new(),
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
        let numbers = numbers(mask);
        let hash = hash(node);
        let mut place = hash.place & mask;
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
                *slot = hash.tag & !numbers | number;
                self.nodes.push(node);
                if self.nodes.len() * 2 >= self.unique.len() {
                    self.grow();
                }
                return Bdd(number);
            }
            if (*slot ^ hash.tag) & !numbers == 0 {
                let known = Bdd(*slot & numbers);
                if self.at(known) == node {
                    return known;
                }
            }
            place = (place + 1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mask = self.unique.len() * 2 - 1;
        let numbers = numbers(mask);
        let mut unique = vec![0_u32; mask + 1];
        for (number, node) in (0_u32..).zip(&self.nodes).skip(2) {
            let hash = hash(*node);
            let mut place = hash.place & mask;
            while unique.get(place).is_some_and(|slot| *slot != 0) {
                place = (place + 1) & mask;
            }
            unique.get_mut(place).into_iter().for_each(|slot| *slot = hash.tag & !numbers | number);
        }
        self.unique = unique;
    }
}

/// Returns the bits of a slot that hold a node's number, in a table with this mask. At most half of
/// the places are taken, so the numbers need one bit less than the places.
#[expect(clippy::cast_possible_truncation, reason = "the numbers have 32 bits")]
fn numbers(mask: usize) -> u32 {
    (mask >> 1) as u32
}

/// The hash of a node.
struct Hash {
    /// Its place in the table, before the mask.
    place: usize,
    /// The bits that a slot holds above the number. Most other nodes differ in them.
    tag: u32,
}

/// Returns the hash of a node. Nodes that are made one after another are children of each other, so
/// 16 of them share a line of the processor's cache.
#[expect(clippy::cast_possible_truncation, reason = "a place in a table needs only the low bits")]
fn hash(node: Node) -> Hash {
    let (first, last) = (node.low.0.min(node.high.0), node.low.0.max(node.high.0));
    let side = u64::from(node.low.0 < node.high.0);
    let key = u64::from(first) << 33 | side << 32 | u64::from(last >> 4);
    let mixed = (key ^ u64::from(node.variable >> 4) << 28).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    // The line depends on 16 children and 16 variables together; the tag tells them apart.
    let apart = last << 28 ^ u32::from(node.variable) << 24;
    Hash { place: (mixed.rotate_left(23) << 4) as usize | (last & 15) as usize, tag: mixed as u32 ^ apart }
}
