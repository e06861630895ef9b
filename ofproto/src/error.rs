//! What goes wrong on the wire, and the OFPT_ERROR that answers it.

use thiserror::Error;

/// Why bytes are not a message. Small and `Copy`: made on hot paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field}: {kind} at byte {at}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Which part of which structure.
    pub field: &'static str,
    /// Offset from the start of the message, in bytes.
    pub at: usize,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeErrorKind {
    /// The structure ends before the field.
    #[error("too short")]
    Truncated,
    /// A length field that no valid structure has, or bytes left over.
    #[error("bad length {0}")]
    BadLength(usize),
    /// A version other than 1.3.
    #[error("bad version {0:#04x}")]
    BadVersion(u8),
    /// A type or subtype nobody knows, where it cannot be passed over.
    #[error("bad type {0}")]
    BadType(u32),
    /// An experimenter nobody knows, where it cannot be passed over.
    #[error("bad experimenter {0:#010x}")]
    BadExperimenter(u32),
    /// A value out of its range.
    #[error("bad value {0:#x}")]
    BadValue(u64),
    /// A match field twice, or with a mask it may not have, or a length it has not.
    #[error("bad match field")]
    BadField,
}

impl DecodeError {
    /// The error type and code to send back (OpenFlow 1.3.5 §7.4.4).
    pub fn wire_code(&self) -> (u16, u16) {
        // OFPET_BAD_REQUEST = 1: BAD_VERSION 0, BAD_TYPE 1, BAD_EXPERIMENTER 3, BAD_LEN 6.
        match self.kind {
            DecodeErrorKind::Truncated | DecodeErrorKind::BadLength(_) => (1, 6),
            DecodeErrorKind::BadVersion(_) => (1, 0),
            DecodeErrorKind::BadType(_) => (1, 1),
            DecodeErrorKind::BadExperimenter(_) => (1, 3),
            DecodeErrorKind::BadValue(_) => (1, 6),
            // OFPET_BAD_MATCH = 4: BAD_FIELD 6.
            DecodeErrorKind::BadField => (4, 6),
        }
    }
}

/// Why a value cannot be put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// Longer than its length field can say.
    #[error("{field}: {len} bytes do not fit its length field")]
    TooLong {
        /// Which structure.
        field: &'static str,
        /// How long it would be, in bytes.
        len: usize,
    },
    /// A value that its field cannot hold.
    #[error("{field}: {value:#x} does not fit")]
    DoesNotFit {
        /// Which field.
        field: &'static str,
        /// The value.
        value: u128,
    },
}
