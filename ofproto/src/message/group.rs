//! OFPT_GROUP_MOD (OpenFlow 1.3.5 §7.3.4.2). Portcullis has no groups of its own; it deletes others'.

use bytes::Bytes;

use crate::ids::GroupId;

/// A change of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMod {
    /// OFPGC_: 0 add, 1 modify, 2 delete.
    pub command: u16,
    /// OFPGT_: 0 all, 1 select, 2 indirect, 3 fast failover.
    pub kind: u8,
    /// Which.
    pub group_id: GroupId,
    /// Its buckets, as they stand on the wire.
    pub buckets: Bytes,
}
