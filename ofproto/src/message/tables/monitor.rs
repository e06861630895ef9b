//! The flow monitor (ONF multipart 1870, after Nicira's): notifications of changes by any
//! controller.

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{Cookie, PortNo, TableId, Xid};
use crate::instruction::Instruction;
use crate::oxm::Match;

/// Send the flows that exist already.
pub const MONITOR_INITIAL: u16 = 1;
/// Report additions.
pub const MONITOR_ADD: u16 = 2;
/// Report deletions.
pub const MONITOR_DELETE: u16 = 4;
/// Report modifications.
pub const MONITOR_MODIFY: u16 = 8;
/// Include the instructions.
pub const MONITOR_ACTIONS: u16 = 16;
/// Report the controller's own changes in full, not abbreviated.
pub const MONITOR_OWN: u16 = 32;

/// A subscription to changes of flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorRequest {
    /// The monitor's number.
    pub id: u32,
    /// `MONITOR_` bits.
    pub flags: u16,
    /// Reports only flows that output to this port; `ANY` for all.
    pub out_port: PortNo,
    /// Reports only flows of this table; `ALL` for all.
    pub table_id: TableId,
    /// Reports only flows whose match is at least this specific.
    pub fields: Match,
}

/// Ends a flow monitor (ONF 1870).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonitorCancel {
    /// The monitor's number.
    pub id: u32,
}

/// One update of a flow monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MonitorUpdate {
    /// A flow was added (0), deleted (1) or modified (2).
    Flow(Box<MonitoredFlow>),
    /// The controller's own change (3), by the xid of its request.
    Abbreviated(Xid),
    /// Any other event, with its bytes unchanged.
    Unknown {
        /// The event's number.
        event: u16,
        /// The bytes after length and event.
        body: bytes::Bytes,
    },
}

/// The kind of a flow's change.
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
    /// The kind of the change.
    pub event: MonitorEvent,
    /// OFPRR_ reason, for deletions.
    pub reason: u16,
    /// The priority of the flow.
    pub priority: u16,
    /// The idle timeout of the flow, in seconds.
    pub idle_timeout: u16,
    /// The hard timeout of the flow, in seconds.
    pub hard_timeout: u16,
    /// The table of the flow.
    pub table_id: TableId,
    /// The cookie of the flow.
    pub cookie: Cookie,
    /// The match of the flow.
    pub fields: Match,
    /// The instructions of the flow, if requested.
    pub instructions: Vec<Instruction>,
}

impl Wire for MonitorRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = r.u32("monitor_request.id")?;
        let flags = r.u16("monitor_request.flags")?;
        // The match has a length of its own; Open vSwitch ignores this one too.
        r.skip(2, "monitor_request.match_len")?;
        let out_port = PortNo(r.u32("monitor_request.out_port")?);
        let table_id = TableId(r.u8("monitor_request.table_id")?);
        r.skip(3, "monitor_request.pad")?;
        Ok(Self { id, flags, out_port, table_id, fields: Match::decode(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.id);
        w.u16(self.flags);
        let match_len = w.len();
        w.zeros(2);
        w.u32(self.out_port.0);
        w.u8(self.table_id.0);
        w.zeros(3);
        encode_match(&self.fields, match_len, w)
    }
}

/// Appends a match, and writes its length without padding at `match_len`.
fn encode_match(fields: &Match, match_len: usize, w: &mut Writer) -> Result<(), EncodeError> {
    let start = w.len();
    fields.encode(w)?;
    w.copy_u16(start + 2, match_len);
    Ok(())
}

impl Wire for MonitorCancel {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: r.u32("monitor_cancel.id")? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.id);
        Ok(())
    }
}

impl Wire for MonitorUpdate {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut u = r.sized("monitor_update.length")?;
        let event = match u.u16("monitor_update.event")? {
            0 => MonitorEvent::Added,
            1 => MonitorEvent::Deleted,
            2 => MonitorEvent::Modified,
            3 => {
                let xid = Xid(u.u32("monitor_update.xid")?);
                u.finish("monitor_update")?;
                return Ok(Self::Abbreviated(xid));
            }
            event => return Ok(Self::Unknown { event, body: u.rest_copied() }),
        };
        Ok(Self::Flow(Box::new(MonitoredFlow::decode(event, &mut u)?)))
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let length = w.len_slot(start);
        match self {
            Self::Flow(flow) => flow.encode(w)?,
            Self::Abbreviated(xid) => {
                w.u16(3);
                w.u32(xid.0);
            }
            Self::Unknown { event, body } => {
                w.u16(*event);
                w.bytes(body);
            }
        }
        w.close(length, "monitor_update")
    }
}

impl MonitoredFlow {
    /// Decodes the fields after the event.
    fn decode(event: MonitorEvent, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let reason = r.u16("monitor_update.reason")?;
        let priority = r.u16("monitor_update.priority")?;
        let idle_timeout = r.u16("monitor_update.idle_timeout")?;
        let hard_timeout = r.u16("monitor_update.hard_timeout")?;
        r.skip(2, "monitor_update.match_len")?;
        let table_id = TableId(r.u8("monitor_update.table_id")?);
        r.skip(1, "monitor_update.pad")?;
        Ok(Self {
            event,
            reason,
            priority,
            idle_timeout,
            hard_timeout,
            table_id,
            cookie: Cookie(r.u64("monitor_update.cookie")?),
            fields: Match::decode(r)?,
            instructions: Instruction::decode_list(r)?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(match self.event {
            MonitorEvent::Added => 0,
            MonitorEvent::Deleted => 1,
            MonitorEvent::Modified => 2,
        });
        w.u16(self.reason);
        w.u16(self.priority);
        w.u16(self.idle_timeout);
        w.u16(self.hard_timeout);
        let match_len = w.len();
        w.zeros(2);
        w.u8(self.table_id.0);
        w.zeros(1);
        w.u64(self.cookie.0);
        encode_match(&self.fields, match_len, w)?;
        Instruction::encode_list(&self.instructions, w)
    }
}
