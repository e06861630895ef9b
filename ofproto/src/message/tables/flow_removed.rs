//! OFPT_FLOW_REMOVED (OpenFlow 1.3.5 §7.4.2).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{Cookie, TableId};
use crate::oxm::Match;

/// The notification that a flow was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRemoved {
    /// The cookie of the flow.
    pub cookie: Cookie,
    /// The priority of the flow.
    pub priority: u16,
    /// OFPRR_: 0 idle timeout, 1 hard timeout, 2 deleted, 3 group deleted.
    pub reason: u8,
    /// The table of the flow.
    pub table_id: TableId,
    /// The age of the flow, in whole seconds.
    pub duration_sec: u32,
    /// The age of the flow: the nanoseconds beyond the whole seconds.
    pub duration_nsec: u32,
    /// The idle timeout of the flow, in seconds.
    pub idle_timeout: u16,
    /// The hard timeout of the flow, in seconds.
    pub hard_timeout: u16,
    /// Number of packets that it matched.
    pub packet_count: u64,
    /// Number of bytes that it matched.
    pub byte_count: u64,
    /// The match of the flow.
    pub fields: Match,
}

impl FlowRemoved {
    /// Decodes the fields before the match, and leaves the match empty. It is for callers that
    /// decode the match in another way, such as [`Match::decode_strict`].
    ///
    /// # Errors
    /// `Truncated` if the message ends before the match.
    pub fn decode_head(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            cookie: Cookie(r.u64("flow_removed.cookie")?),
            priority: r.u16("flow_removed.priority")?,
            reason: r.u8("flow_removed.reason")?,
            table_id: TableId(r.u8("flow_removed.table_id")?),
            duration_sec: r.u32("flow_removed.duration_sec")?,
            duration_nsec: r.u32("flow_removed.duration_nsec")?,
            idle_timeout: r.u16("flow_removed.idle_timeout")?,
            hard_timeout: r.u16("flow_removed.hard_timeout")?,
            packet_count: r.u64("flow_removed.packet_count")?,
            byte_count: r.u64("flow_removed.byte_count")?,
            fields: Match::default(),
        })
    }
}

impl Wire for FlowRemoved {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = Self::decode_head(r)?;
        Ok(Self { fields: Match::decode(r)?, ..head })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u64(self.cookie.0);
        w.u16(self.priority);
        w.u8(self.reason);
        w.u8(self.table_id.0);
        w.u32(self.duration_sec);
        w.u32(self.duration_nsec);
        w.u16(self.idle_timeout);
        w.u16(self.hard_timeout);
        w.u64(self.packet_count);
        w.u64(self.byte_count);
        self.fields.encode(w)
    }
}
