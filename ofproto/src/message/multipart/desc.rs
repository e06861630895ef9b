//! OFPMP_DESC (OpenFlow 1.3.5 §7.3.5.1).

use bytes::Bytes;

/// Who made the switch. Texts end at their first NUL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desc {
    /// At most 255 bytes.
    pub mfr_desc: Bytes,
    /// At most 255 bytes.
    pub hw_desc: Bytes,
    /// At most 255 bytes.
    pub sw_desc: Bytes,
    /// At most 31 bytes.
    pub serial_num: Bytes,
    /// At most 255 bytes.
    pub dp_desc: Bytes,
}
