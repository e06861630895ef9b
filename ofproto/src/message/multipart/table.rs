//! OFPMP_TABLE (OpenFlow 1.3.5 §7.3.5.4).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::TableId;

/// A table's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStats {
    /// The table.
    pub table_id: TableId,
    /// Number of flows in it.
    pub active_count: u32,
    /// Number of packets looked up.
    pub lookup_count: u64,
    /// Number of packets that matched a flow.
    pub matched_count: u64,
}

impl Wire for TableStats {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let table_id = TableId(r.u8("table_stats.table_id")?);
        r.skip(3, "table_stats.pad")?;
        Ok(Self {
            table_id,
            active_count: r.u32("table_stats.active_count")?,
            lookup_count: r.u64("table_stats.lookup_count")?,
            matched_count: r.u64("table_stats.matched_count")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u8(self.table_id.0);
        w.zeros(3);
        w.u32(self.active_count);
        w.u64(self.lookup_count);
        w.u64(self.matched_count);
        Ok(())
    }
}
