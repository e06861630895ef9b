//! OFPMP_FLOW and OFPMP_AGGREGATE (OpenFlow 1.3.5 §7.3.5.2 and §7.3.5.3).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{Cookie, GroupId, PortNo, TableId};
use crate::instruction::Instruction;
use crate::oxm::Match;

/// The flows whose counters are requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowStatsRequest {
    /// The table, or `ALL`.
    pub table_id: TableId,
    /// Restricts the request to flows that output to this port; `ANY` for all.
    pub out_port: PortNo,
    /// Restricts the request to flows that use this group; `ANY` for all.
    pub out_group: GroupId,
    /// Restricts the request to flows with this cookie under the mask.
    pub cookie: Cookie,
    /// The mask of the cookie.
    pub cookie_mask: u64,
    /// Restricts the request to flows whose match is at least this specific.
    pub fields: Match,
}

impl Default for FlowStatsRequest {
    /// Returns a request for all flows.
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

/// A flow of the switch, with its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowStats {
    /// The table of the flow.
    pub table_id: TableId,
    /// The age of the flow, in whole seconds.
    pub duration_sec: u32,
    /// The age of the flow: the nanoseconds beyond the whole seconds.
    pub duration_nsec: u32,
    /// The priority of the flow.
    pub priority: u16,
    /// The idle timeout, in seconds.
    pub idle_timeout: u16,
    /// The hard timeout, in seconds.
    pub hard_timeout: u16,
    /// `FLOW_` bits.
    pub flags: u16,
    /// The importance of OpenFlow 1.4, in the padding of 1.3.
    pub importance: u16,
    /// The cookie of the flow.
    pub cookie: Cookie,
    /// Number of packets; all ones if the switch does not count them.
    pub packet_count: u64,
    /// Number of bytes; all ones if the switch does not count them.
    pub byte_count: u64,
    /// The match of the flow.
    pub fields: Match,
    /// The instructions of the flow.
    pub instructions: Vec<Instruction>,
}

/// The sums over the requested flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregateReply {
    /// Number of packets.
    pub packet_count: u64,
    /// Number of bytes.
    pub byte_count: u64,
    /// Number of flows.
    pub flow_count: u32,
}

impl FlowStatsRequest {
    /// Decodes the fields before the match, and leaves the match empty. It is for callers that
    /// decode the match in another way, such as [`Match::decode_strict`].
    ///
    /// # Errors
    /// `Truncated` if the message ends before the match.
    pub fn decode_head(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let table_id = TableId(r.u8("flow_stats_request.table_id")?);
        r.skip(3, "flow_stats_request.pad")?;
        let out_port = PortNo(r.u32("flow_stats_request.out_port")?);
        let out_group = GroupId(r.u32("flow_stats_request.out_group")?);
        r.skip(4, "flow_stats_request.pad2")?;
        Ok(Self {
            table_id,
            out_port,
            out_group,
            cookie: Cookie(r.u64("flow_stats_request.cookie")?),
            cookie_mask: r.u64("flow_stats_request.cookie_mask")?,
            fields: Match::default(),
        })
    }
}

impl Wire for FlowStatsRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = Self::decode_head(r)?;
        Ok(Self { fields: Match::decode(r)?, ..head })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u8(self.table_id.0);
        w.zeros(3);
        w.u32(self.out_port.0);
        w.u32(self.out_group.0);
        w.zeros(4);
        w.u64(self.cookie.0);
        w.u64(self.cookie_mask);
        self.fields.encode(w)
    }
}

impl FlowStats {
    /// Decodes the fields between the length and the match, and leaves match and instructions
    /// empty. It is for callers that decode these in another way, such as [`Match::decode_strict`].
    ///
    /// # Errors
    /// `Truncated` if the entry ends before the match.
    pub fn decode_head(f: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let table_id = TableId(f.u8("flow_stats.table_id")?);
        f.skip(1, "flow_stats.pad")?;
        let duration_sec = f.u32("flow_stats.duration_sec")?;
        let duration_nsec = f.u32("flow_stats.duration_nsec")?;
        let priority = f.u16("flow_stats.priority")?;
        let idle_timeout = f.u16("flow_stats.idle_timeout")?;
        let hard_timeout = f.u16("flow_stats.hard_timeout")?;
        let flags = f.u16("flow_stats.flags")?;
        let importance = f.u16("flow_stats.importance")?;
        f.skip(2, "flow_stats.pad2")?;
        Ok(Self {
            table_id,
            duration_sec,
            duration_nsec,
            priority,
            idle_timeout,
            hard_timeout,
            flags,
            importance,
            cookie: Cookie(f.u64("flow_stats.cookie")?),
            packet_count: f.u64("flow_stats.packet_count")?,
            byte_count: f.u64("flow_stats.byte_count")?,
            fields: Match::default(),
            instructions: Vec::new(),
        })
    }
}

impl Wire for FlowStats {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut f = r.sized("flow_stats.length")?;
        let head = Self::decode_head(&mut f)?;
        let fields = Match::decode(&mut f)?;
        Ok(Self { fields, instructions: Instruction::decode_list(&mut f)?, ..head })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let length = w.len_slot(start);
        w.u8(self.table_id.0);
        w.zeros(1);
        w.u32(self.duration_sec);
        w.u32(self.duration_nsec);
        w.u16(self.priority);
        w.u16(self.idle_timeout);
        w.u16(self.hard_timeout);
        w.u16(self.flags);
        w.u16(self.importance);
        w.zeros(2);
        w.u64(self.cookie.0);
        w.u64(self.packet_count);
        w.u64(self.byte_count);
        self.fields.encode(w)?;
        Instruction::encode_list(&self.instructions, w)?;
        w.close(length, "flow_stats")
    }
}

impl Wire for AggregateReply {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packet_count = r.u64("aggregate.packet_count")?;
        let byte_count = r.u64("aggregate.byte_count")?;
        let flow_count = r.u32("aggregate.flow_count")?;
        r.skip(4, "aggregate.pad")?;
        Ok(Self { packet_count, byte_count, flow_count })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u64(self.packet_count);
        w.u64(self.byte_count);
        w.u32(self.flow_count);
        w.zeros(4);
        Ok(())
    }
}
