//! OFPT_HELLO (OpenFlow 1.3.5 §7.5.1).

/// Opens a session: which versions the sender speaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// The version of the header; the highest that the sender speaks.
    pub version: u8,
    /// The first word of the version bitmap, bit n for version n; none without the element.
    pub bitmap: Option<u32>,
}
