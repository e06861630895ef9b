//! Match fields (OpenFlow 1.3.5 §7.2.3, ovs-fields(7)).

mod field;
pub(crate) mod header;
pub(crate) mod refusal;
pub(crate) mod wire;

use bytes::Bytes;

pub use field::{Field, FieldInfo, Format};

/// One field of a match: a value, and which bits of it count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Oxm {
    /// A field of the table in [`Field`].
    Known {
        /// Which.
        field: Field,
        /// Its value, right-aligned; bits outside the mask are as they came.
        value: u128,
        /// Its mask, if the header says that it has one.
        mask: Option<u128>,
    },
    /// Any other field, kept as it came.
    Unknown {
        /// OXM class.
        class: u16,
        /// Field number, 7 bits.
        number: u8,
        /// Whether the header says that it has a mask.
        has_mask: bool,
        /// The payload: for class 0xffff it begins with the experimenter's id.
        payload: Bytes,
    },
}

/// A match as it stands on the wire, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Match {
    /// Its fields.
    pub fields: Vec<Oxm>,
}
