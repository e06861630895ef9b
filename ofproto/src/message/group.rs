//! OFPT_GROUP_MOD (OpenFlow 1.3.5 §7.3.4.2). Portcullis has no groups of its own; it deletes others'.

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
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

impl Wire for GroupMod {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let command = r.u16("group_mod.command")?;
        let kind = r.u8("group_mod.type")?;
        r.skip(1, "group_mod.pad")?;
        Ok(Self { command, kind, group_id: GroupId(r.u32("group_mod.group_id")?), buckets: r.rest_copied() })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.command);
        w.u8(self.kind);
        w.zeros(1);
        w.u32(self.group_id.0);
        w.bytes(&self.buckets);
        Ok(())
    }
}
