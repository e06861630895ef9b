//! Sets of match fields.

use std::fmt;

use ofproto::oxm::Field;

/// A set of fields. A wide register stands for its single registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FieldSet(pub(in crate::verify::interp) u128);

impl FieldSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Returns the set of the given fields.
    pub const fn of(fields: &[Field]) -> Self {
        let mut set = Self(0);
        let mut rest = fields;
        while let Some((&field, tail)) = rest.split_first() {
            set.0 |= bits(field);
            rest = tail;
        }
        set
    }

    /// Adds a field.
    pub fn insert(&mut self, field: Field) {
        self.0 |= bits(field);
    }

    /// Returns whether the set contains the field, or a part of it.
    pub fn contains(self, field: Field) -> bool {
        self.0 & bits(field) != 0
    }

    /// Returns whether the sets have a field in common.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the fields of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the fields, in the order of [`Field::ALL`]; wide registers as single ones.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(move |&f| self.0 & bit(f) != 0)
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|field| field.info().name)).finish()
    }
}

/// The first of the wide registers, which consist of single ones.
pub(in crate::verify::interp) const WIDE: usize = Field::Xreg0 as usize;

/// Returns the bit of a single field; 0 for wide registers, and for tunnel options, which no packet
/// has here.
pub(in crate::verify::interp) const fn bit(field: Field) -> u128 {
    let n = field as usize;
    if n < WIDE { 1 << n } else { 0 }
}

/// Returns the bits of a field, or of all fields that it consists of.
const fn bits(field: Field) -> u128 {
    let mut bits = bit(field);
    let mut rest = field.registers();
    while let Some((&part, tail)) = rest.split_first() {
        bits |= bit(part);
        rest = tail;
    }
    bits
}

const _: () = assert!(WIDE <= 128);
