//! The flow monitor (ONF multipart 1870, after Nicira's): what anybody changes is told.

use crate::ids::{Cookie, PortNo, TableId, Xid};
use crate::instruction::Instruction;
use crate::oxm::Match;

/// Send the flows that are there already.
pub const MONITOR_INITIAL: u16 = 1;
/// Tell additions.
pub const MONITOR_ADD: u16 = 2;
/// Tell deletions.
pub const MONITOR_DELETE: u16 = 4;
/// Tell changes.
pub const MONITOR_MODIFY: u16 = 8;
/// Send instructions along.
pub const MONITOR_ACTIONS: u16 = 16;
/// Tell one's own changes in full, not abbreviated.
pub const MONITOR_OWN: u16 = 32;

/// Subscribes to changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorRequest {
    /// The monitor's number.
    pub id: u32,
    /// `MONITOR_` bits.
    pub flags: u16,
    /// Only flows that output there; `ANY` for all.
    pub out_port: PortNo,
    /// Only that table; `ALL` for all.
    pub table_id: TableId,
    /// Only flows that match at least so closely.
    pub fields: Match,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MonitorUpdate {
    /// A flow was added (0), deleted (1) or modified (2).
    Flow(Box<MonitoredFlow>),
    /// One's own change (3), by the xid of the request.
    Abbreviated(Xid),
    /// Any other event, kept as it came (all behind length and event).
    Unknown {
        /// The event's number.
        event: u16,
        /// All behind it.
        body: bytes::Bytes,
    },
}

/// What happened to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonitorEvent {
    /// 0.
    Added,
    /// 1.
    Deleted,
    /// 2.
    Modified,
}

/// A flow that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoredFlow {
    /// How.
    pub event: MonitorEvent,
    /// OFPRR_ reason, for deletions.
    pub reason: u16,
    /// Its priority.
    pub priority: u16,
    /// Its idle timeout, seconds.
    pub idle_timeout: u16,
    /// Its hard timeout, seconds.
    pub hard_timeout: u16,
    /// Its table.
    pub table_id: TableId,
    /// Its cookie.
    pub cookie: Cookie,
    /// What it matches.
    pub fields: Match,
    /// What it does, if asked for.
    pub instructions: Vec<Instruction>,
}
