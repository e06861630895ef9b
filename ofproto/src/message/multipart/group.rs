//! OFPMP_GROUP_DESC (OpenFlow 1.3.5 §7.3.5.10).

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::GroupId;

/// A group as the switch has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDesc {
    /// OFPGT_: 0 all, 1 select, 2 indirect, 3 fast failover.
    pub kind: u8,
    /// Which.
    pub group_id: GroupId,
    /// Its buckets, as they stand on the wire.
    pub buckets: Bytes,
}

impl Wire for GroupDesc {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut g = r.sized("group_desc.length")?;
        let kind = g.u8("group_desc.type")?;
        g.skip(1, "group_desc.pad")?;
        Ok(Self { kind, group_id: GroupId(g.u32("group_desc.group_id")?), buckets: g.rest_copied() })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let length = w.len_slot(start);
        w.u8(self.kind);
        w.zeros(1);
        w.u32(self.group_id.0);
        w.bytes(&self.buckets);
        w.close(length, "group_desc")
    }
}
