//! Masked values of fields.

use ofproto::oxm::Field;

/// A value of a field with a mask. The value has no bits outside the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Masked {
    /// The bits.
    pub value: u128,
    /// The mask of the bits that are compared.
    pub mask: u128,
}

impl Masked {
    /// Returns an exact match on a value: the mask covers every bit of the field.
    pub fn exact(field: Field, value: u128) -> Self {
        let mask = field.info().exact();
        Self { value: value & mask, mask }
    }

    /// Returns whether a value of the field has these bits.
    pub fn admits(self, value: u128) -> bool {
        value & self.mask == self.value
    }

    /// Returns whether some value has the bits of both.
    pub fn overlaps(self, other: Self) -> bool {
        (self.value ^ other.value) & self.mask & other.mask == 0
    }

    /// Returns whether `other` admits every value that `self` admits.
    pub fn within(self, other: Self) -> bool {
        other.mask & !self.mask == 0 && (self.value ^ other.value) & other.mask == 0
    }
}
