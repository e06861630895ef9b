//! Functions, their nodes, and what operations say about variables.

/// A variable. Lower numbers are tested first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable(pub u16);

/// A Boolean function: the number of a node in a [`Diagrams`](crate::Diagrams).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bdd(pub(crate) u32);

impl Bdd {
    /// The function that is false everywhere: the empty set.
    pub const FALSE: Self = Self(0);
    /// The function that is true everywhere: the set of all packets.
    pub const TRUE: Self = Self(1);

    /// Returns whether it is false everywhere.
    pub fn is_false(self) -> bool {
        self == Self::FALSE
    }

    /// Returns whether it is true everywhere.
    pub fn is_true(self) -> bool {
        self == Self::TRUE
    }

    /// Returns whether it is one of the two constants.
    pub(crate) fn is_constant(self) -> bool {
        self.0 < 2
    }
}

/// A test of a variable, with the functions for its two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) variable: u16,
    pub(crate) low: Bdd,
    pub(crate) high: Bdd,
}

/// The variable of the constants: behind all others.
pub(crate) const LEAF: u16 = u16::MAX;

/// The replacement of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Replacement {
    /// Another variable.
    Variable(Variable),
    /// A constant.
    Constant(bool),
}

/// The variables of a set, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableBits {
    pub(crate) bits: Vec<u64>,
    pub(crate) last: u16,
}

impl VariableBits {
    /// Returns whether a variable is in the set.
    pub(crate) fn contains(&self, variable: u16) -> bool {
        let word = self.bits.get(usize::from(variable / 64)).copied().unwrap_or(0);
        word >> (variable % 64) & 1 == 1
    }
}
