//! Instructions (OpenFlow 1.3.5 §7.2.4).

use bytes::Bytes;

use crate::action::Action;
use crate::ids::TableId;

/// What a flow does with a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Instruction {
    /// OFPIT_GOTO_TABLE 1.
    GotoTable(TableId),
    /// OFPIT_WRITE_METADATA 2.
    WriteMetadata {
        /// The bits.
        value: u64,
        /// Which count.
        mask: u64,
    },
    /// OFPIT_WRITE_ACTIONS 3.
    WriteActions(Vec<Action>),
    /// OFPIT_APPLY_ACTIONS 4.
    ApplyActions(Vec<Action>),
    /// OFPIT_CLEAR_ACTIONS 5.
    ClearActions,
    /// OFPIT_METER 6.
    Meter(u32),
    /// Any other, kept as it came.
    Unknown {
        /// OFPIT_ type.
        kind: u16,
        /// All behind type and length.
        body: Bytes,
    },
}
