//! Functions: numbers of nodes in an arena.

/// A Boolean function: the number of a node in a [`Diagrams`].
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
