//! Variables, sets of them, and their replacements.

/// A variable. Lower numbers are tested first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable(pub u16);

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
    /// The last variable of the set.
    pub(crate) last: u16,
}

impl VariableBits {
    /// Returns whether the variable is in the set.
    pub(crate) fn contains(&self, variable: u16) -> bool {
        let word = self.bits.get(usize::from(variable / 64)).copied().unwrap_or(0);
        word >> (variable % 64) & 1 == 1
    }
}
