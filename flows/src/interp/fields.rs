//! Sets of match fields.

use std::fmt;

use ofproto::oxm::Field;

/// A set of fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FieldSet(pub(super) u128);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// Those fields.
    pub const fn of(fields: &[Field]) -> Self {
        let mut set = Self(0);
        let mut rest = fields;
        while let Some((&field, tail)) = rest.split_first() {
            set.0 |= bit(field);
            rest = tail;
        }
        set
    }

    /// Adds a field.
    pub fn insert(&mut self, field: Field) {
        self.0 |= bit(field);
    }

    /// Whether the field is among them.
    pub fn contains(self, field: Field) -> bool {
        self.0 & bit(field) != 0
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

    /// The fields, in the order of [`Field::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(move |&f| self.contains(f))
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|field| field.info().name)).finish()
    }
}

pub(super) const fn bit(field: Field) -> u128 {
    // They fit 128 bits, checked below; tunnel options are no field that a packet has here.
    let n = field as u32;
    if n < 128 { 1 << n } else { 0 }
}

const _: () = assert!(Field::ALL.len() <= 128);
