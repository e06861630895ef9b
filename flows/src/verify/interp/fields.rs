//! Sets of match fields.

use std::fmt;

use ofproto::oxm::Field;

/// A set of fields. A wide register stands for the single ones that it consists of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FieldSet(pub(in crate::verify::interp) u128);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// Those fields.
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

    /// Whether the field, or a part of it, is among them.
    pub fn contains(self, field: Field) -> bool {
        self.0 & bits(field) != 0
    }

    /// Whether some field is in both.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The fields of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The fields, in the order of [`Field::ALL`]; of registers the single ones.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(move |&f| self.0 & bit(f) != 0)
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|field| field.info().name)).finish()
    }
}

/// Fields from here on are wide registers, which consist of others.
pub(in crate::verify::interp) const WIDE: usize = Field::Xreg0 as usize;

/// The bit of a field of its own; none for wide registers, and for tunnel options, which no packet has here.
pub(in crate::verify::interp) const fn bit(field: Field) -> u128 {
    let n = field as usize;
    if n < WIDE { 1 << n } else { 0 }
}

/// The bits of a field, or of all that it consists of.
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
