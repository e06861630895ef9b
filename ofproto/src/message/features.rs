//! OFPT_FEATURES_REPLY (OpenFlow 1.3.5 §7.3.1).

use crate::ids::DatapathId;

/// What the switch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeaturesReply {
    /// Its id.
    pub datapath_id: DatapathId,
    /// How many packets it buffers.
    pub n_buffers: u32,
    /// How many tables it has.
    pub n_tables: u8,
    /// 0 for the main connection.
    pub auxiliary_id: u8,
    /// OFPC_ bits.
    pub capabilities: u32,
    /// Reserved.
    pub reserved: u32,
}
