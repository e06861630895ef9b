//! Values of a field of which only some bits count.

use ofproto::oxm::Field;

/// A value of a field, and which of its bits count. The value has no bits outside the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Masked {
    /// The bits.
    pub value: u128,
    /// Which count.
    pub mask: u128,
}

impl Masked {
    /// Every bit of the field counts.
    pub fn exact(field: Field, value: u128) -> Self {
        let mask = field.info().exact();
        Self { value: value & mask, mask }
    }

    /// Whether a value of the field has these bits.
    pub fn admits(self, value: u128) -> bool {
        value & self.mask == self.value
    }

    /// Whether some value has the bits of both.
    pub fn overlaps(self, other: Self) -> bool {
        (self.value ^ other.value) & self.mask & other.mask == 0
    }

    /// Whether every value that `self` admits, `other` admits too.
    pub fn within(self, other: Self) -> bool {
        other.mask & !self.mask == 0 && (self.value ^ other.value) & other.mask == 0
    }
}
