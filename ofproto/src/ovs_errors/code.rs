//! The numbers of an OFPT_ERROR (OpenFlow 1.3.5 §7.4.4).

use crate::ids::{NICIRA, ONF};

/// OFPET_EXPERIMENTER.
pub(crate) const EXPERIMENTER: u16 = 0xffff;

/// The type and code of an OFPT_ERROR (OpenFlow 1.3.5 §7.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode {
    /// The OFPET_ type; 0xffff for an experimenter's error.
    pub kind: u16,
    /// The code; for an experimenter's error, its type.
    pub code: u16,
    /// The experimenter id, for type 0xffff.
    pub experimenter: Option<u32>,
}

impl ErrorCode {
    /// OFPBRC_BAD_VERSION.
    pub const BAD_VERSION: Self = Self::standard(1, 0);
    /// OFPBRC_BAD_TYPE.
    pub const BAD_TYPE: Self = Self::standard(1, 1);
    /// OFPBRC_BAD_EXPERIMENTER.
    pub const BAD_EXPERIMENTER: Self = Self::standard(1, 3);
    /// OFPBRC_BAD_LEN.
    pub const BAD_LEN: Self = Self::standard(1, 6);

    pub(crate) const fn standard(kind: u16, code: u16) -> Self {
        Self { kind, code, experimenter: None }
    }

    pub(super) const fn onf(code: u16) -> Self {
        Self { kind: EXPERIMENTER, code, experimenter: Some(ONF) }
    }

    pub(super) const fn nicira(code: u16) -> Self {
        Self { kind: EXPERIMENTER, code, experimenter: Some(NICIRA) }
    }

    /// Returns the name of the type, such as `OFPET_BAD_REQUEST`, if it has one.
    pub fn kind_name(self) -> Option<&'static str> {
        match self.kind {
            EXPERIMENTER => Some("OFPET_EXPERIMENTER"),
            kind => KINDS.get(usize::from(kind)).copied(),
        }
    }
}

/// OFPET_ names, by number.
const KINDS: [&str; 14] = [
    "OFPET_HELLO_FAILED",
    "OFPET_BAD_REQUEST",
    "OFPET_BAD_ACTION",
    "OFPET_BAD_INSTRUCTION",
    "OFPET_BAD_MATCH",
    "OFPET_FLOW_MOD_FAILED",
    "OFPET_GROUP_MOD_FAILED",
    "OFPET_PORT_MOD_FAILED",
    "OFPET_TABLE_MOD_FAILED",
    "OFPET_QUEUE_OP_FAILED",
    "OFPET_SWITCH_CONFIG_FAILED",
    "OFPET_ROLE_REQUEST_FAILED",
    "OFPET_METER_MOD_FAILED",
    "OFPET_TABLE_FEATURES_FAILED",
];
