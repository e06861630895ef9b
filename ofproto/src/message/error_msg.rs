//! OFPT_ERROR (OpenFlow 1.3.5 §7.4.4).

use bytes::Bytes;

/// A request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorMsg {
    /// OFPET_ type; 0xffff is an experimenter's.
    pub kind: u16,
    /// The code; for an experimenter's error its type (ONF bundles: 2300 to 2315).
    pub code: u16,
    /// The experimenter, for type 0xffff.
    pub experimenter: Option<u32>,
    /// At least the first 64 bytes of the request.
    pub data: Bytes,
}
