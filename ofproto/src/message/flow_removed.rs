//! OFPT_FLOW_REMOVED (OpenFlow 1.3.5 §7.4.2).

use crate::ids::{Cookie, TableId};
use crate::oxm::Match;

/// A flow is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRemoved {
    /// Its cookie.
    pub cookie: Cookie,
    /// Its priority.
    pub priority: u16,
    /// OFPRR_: 0 idle timeout, 1 hard timeout, 2 deleted, 3 group deleted.
    pub reason: u8,
    /// Its table.
    pub table_id: TableId,
    /// Its age, whole seconds.
    pub duration_sec: u32,
    /// Its age, nanoseconds beyond.
    pub duration_nsec: u32,
    /// Its idle timeout, seconds.
    pub idle_timeout: u16,
    /// Its hard timeout, seconds.
    pub hard_timeout: u16,
    /// Packets it matched.
    pub packet_count: u64,
    /// Bytes it matched.
    pub byte_count: u64,
    /// What it matched.
    pub fields: Match,
}
