//! OFPMP_TABLE (OpenFlow 1.3.5 §7.3.5.4).

use crate::ids::TableId;

/// A table's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStats {
    /// Which.
    pub table_id: TableId,
    /// Flows in it.
    pub active_count: u32,
    /// Packets looked up.
    pub lookup_count: u64,
    /// Packets that hit.
    pub matched_count: u64,
}
