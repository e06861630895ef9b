//! OFPMP_FLOW and OFPMP_AGGREGATE (OpenFlow 1.3.5 §7.3.5.2 and §7.3.5.3).

use crate::ids::{Cookie, GroupId, PortNo, TableId};
use crate::instruction::Instruction;
use crate::oxm::Match;

/// Which flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowStatsRequest {
    /// The table, or `ALL`.
    pub table_id: TableId,
    /// Only flows that output there; `ANY` for all.
    pub out_port: PortNo,
    /// Only flows that use that group; `ANY` for all.
    pub out_group: GroupId,
    /// Only flows with that cookie under the mask.
    pub cookie: Cookie,
    /// Which bits of the cookie count.
    pub cookie_mask: u64,
    /// Only flows that match at least so closely.
    pub fields: Match,
}

impl Default for FlowStatsRequest {
    /// All flows.
    fn default() -> Self {
        Self {
            table_id: TableId::ALL,
            out_port: PortNo::ANY,
            out_group: GroupId::ANY,
            cookie: Cookie(0),
            cookie_mask: 0,
            fields: Match::default(),
        }
    }
}

/// A flow as the switch has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowStats {
    /// Its table.
    pub table_id: TableId,
    /// Its age, whole seconds.
    pub duration_sec: u32,
    /// Its age, nanoseconds beyond.
    pub duration_nsec: u32,
    /// Its priority.
    pub priority: u16,
    /// Seconds.
    pub idle_timeout: u16,
    /// Seconds.
    pub hard_timeout: u16,
    /// `FLOW_` bits.
    pub flags: u16,
    /// In 1.3's padding.
    pub importance: u16,
    /// Its cookie.
    pub cookie: Cookie,
    /// Packets; all ones where the switch does not count.
    pub packet_count: u64,
    /// Bytes; likewise.
    pub byte_count: u64,
    /// What it matches.
    pub fields: Match,
    /// What it does.
    pub instructions: Vec<Instruction>,
}

/// Sums over flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregateReply {
    /// Packets.
    pub packet_count: u64,
    /// Bytes.
    pub byte_count: u64,
    /// How many flows.
    pub flow_count: u32,
}
