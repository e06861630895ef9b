//! The errors of the wire format, and the OFPT_ERROR that answers each.

use thiserror::Error;

use crate::ovs_errors::{ErrorCode, OvsError};

/// The reason why bytes are not a valid message. It is small and `Copy`, because hot paths return
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field}: {kind} at byte {at}")]
#[non_exhaustive]
pub struct DecodeError {
    /// The kind of the error.
    pub kind: DecodeErrorKind,
    /// The name of the invalid field, with its structure.
    pub field: &'static str,
    /// Offset from the start of the message, in bytes.
    pub at: usize,
    /// Open vSwitch's error for it, if that is more specific than a message that is too short or
    /// too long.
    pub ovs_error: Option<OvsError>,
}

/// The kind of a decoding error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The structure ends before the field.
    #[error("too short")]
    Truncated,
    /// A length field that no valid structure has, or trailing bytes.
    #[error("bad length {0}")]
    BadLength(usize),
    /// A version other than 1.3.
    #[error("bad version {0:#04x}")]
    BadVersion(u8),
    /// An unknown type or subtype that cannot be skipped.
    #[error("bad type {0}")]
    BadType(u32),
    /// An unknown experimenter that cannot be skipped.
    #[error("bad experimenter {0:#010x}")]
    BadExperimenter(u32),
    /// A value out of its range.
    #[error("bad value {0:#x}")]
    BadValue(u64),
    /// A match field that occurs twice, or has an invalid mask or length.
    #[error("bad match field")]
    BadField,
}

impl DecodeError {
    /// Returns the error to send back: that of Open vSwitch for the same bytes, as far as this
    /// crate knows it.
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

    /// Sets Open vSwitch's error, unless a nested structure has set it.
    #[must_use]
    pub(crate) fn named(mut self, error: OvsError) -> Self {
        self.ovs_error = self.ovs_error.or(Some(error));
        self
    }
}

impl From<DecodeError> for OvsError {
    /// Returns Open vSwitch's error for bytes that are not a valid message.
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

/// The reason why a value cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A structure longer than its length field can express.
    #[error("{field}: {len} bytes do not fit its length field")]
    TooLong {
        /// The name of the structure.
        field: &'static str,
        /// The length that it would have, in bytes.
        len: usize,
    },
    /// A value that its field cannot hold.
    #[error("{field}: {value:#x} does not fit")]
    DoesNotFit {
        /// The name of the field.
        field: &'static str,
        /// The value.
        value: u128,
    },
}
