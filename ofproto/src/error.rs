//! What goes wrong on the wire, and the OFPT_ERROR that answers it.

use thiserror::Error;

use crate::refusal::Refusal;

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
    /// What Open vSwitch calls it, where it says more than that the message is too short or too long.
    pub refusal: Option<Refusal>,
}

/// What an OFPT_ERROR says (OpenFlow 1.3.5 §7.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode {
    /// OFPET_ type; 0xffff is an experimenter's.
    pub kind: u16,
    /// The code; for an experimenter's error its type.
    pub code: u16,
    /// The experimenter, for type 0xffff.
    pub experimenter: Option<u32>,
}

impl ErrorCode {
    /// OFPBRC_BAD_VERSION.
    pub const BAD_VERSION: Self = Self::bad_request(0);
    /// OFPBRC_BAD_TYPE.
    pub const BAD_TYPE: Self = Self::bad_request(1);
    /// OFPBRC_BAD_EXPERIMENTER.
    pub const BAD_EXPERIMENTER: Self = Self::bad_request(3);
    /// OFPBRC_BAD_LEN.
    pub const BAD_LEN: Self = Self::bad_request(6);

    const fn bad_request(code: u16) -> Self {
        Self { kind: 1, code, experimenter: None }
    }
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
    /// The error to send back: that of Open vSwitch for the same bytes, as far as it is known here.
    pub fn wire_code(&self) -> ErrorCode {
        if let Some(code) = self.refusal.and_then(Refusal::wire_code) {
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
            DecodeErrorKind::BadField => ErrorCode { kind: 4, code: 6, experimenter: None },
        }
    }

    /// Says what Open vSwitch calls it, unless that is known from further inside.
    #[must_use]
    pub(crate) fn refused(mut self, refusal: Refusal) -> Self {
        self.refusal = self.refusal.or(Some(refusal));
        self
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
