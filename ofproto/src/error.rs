//! What goes wrong on the wire, and the OFPT_ERROR that answers it.

use thiserror::Error;

use crate::ovs_errors::{ErrorCode, OvsError};

/// Why bytes are not a message. Small and `Copy`: made on hot paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field}: {kind} at byte {at}")]
#[non_exhaustive]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Which part of which structure.
    pub field: &'static str,
    /// Offset from the start of the message, in bytes.
    pub at: usize,
    /// What Open vSwitch calls it, where it says more than that the message is too short or too long.
    pub ovs_error: Option<OvsError>,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
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
    /// The error to send back: that of Open vSwitch for the same bytes, as far as it is known here.
    pub fn wire_code(&self) -> ErrorCode {
        if let Some(code) = self.ovs_error.and_then(OvsError::wire_code) {
            return code;
        }
        match self.kind {
            DecodeErrorKind::Truncated | DecodeErrorKind::BadLength(_) | DecodeErrorKind::BadValue(_) => {
                ErrorCode::BAD_LEN
            }
            DecodeErrorKind::BadVersion(_) => ErrorCode::BAD_VERSION,
            DecodeErrorKind::BadType(_) => ErrorCode::BAD_TYPE,
            DecodeErrorKind::BadExperimenter(_) => ErrorCode::BAD_EXPERIMENTER,
            // OFPET_BAD_MATCH, OFPBMC_BAD_FIELD.
            DecodeErrorKind::BadField => ErrorCode::standard(4, 6),
        }
    }

    /// Says what Open vSwitch calls it, unless that is known from further inside.
    #[must_use]
    pub(crate) fn named(mut self, error: OvsError) -> Self {
        self.ovs_error = self.ovs_error.or(Some(error));
        self
    }
}

impl From<DecodeError> for OvsError {
    /// What Open vSwitch says to bytes that are no message.
    fn from(error: DecodeError) -> Self {
        if let Some(error) = error.ovs_error {
            return error;
        }
        match error.kind {
            DecodeErrorKind::BadVersion(_) => Self::RequestVersion,
            DecodeErrorKind::BadType(_) => Self::RequestType,
            DecodeErrorKind::BadExperimenter(_) => Self::RequestVendor,
            DecodeErrorKind::BadField => Self::MatchField,
            DecodeErrorKind::BadValue(_) | DecodeErrorKind::Truncated | DecodeErrorKind::BadLength(_) => {
                Self::RequestLen
            }
        }
    }
}

/// Why a value cannot be put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
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
