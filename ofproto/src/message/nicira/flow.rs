//! NXT_FLOW_MOD 13 and NXT_FLOW_REMOVED 14. Open vSwitch accepts the first in OpenFlow 1.3 too,
//! with the instructions of 1.3 in place of actions. It prints the second, but never sends it in
//! 1.3.

use super::nxm;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{BufferId, Cookie, TableId};
use crate::instruction::Instruction;
use crate::message::{FlowModCommand, FlowRemoved};
use crate::oxm::Match;

/// A change of flows, with a match in NXM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NxFlowMod {
    /// The cookie of an added flow. The cookie to select by is in the match (NXM_NX_COOKIE).
    pub cookie: Cookie,
    /// The table: the upper half of the command on the wire.
    pub table_id: TableId,
    /// The command.
    pub command: FlowModCommand,
    /// The idle timeout, in seconds; 0 for never.
    pub idle_timeout: u16,
    /// The hard timeout, in seconds; 0 for never.
    pub hard_timeout: u16,
    /// The priority.
    pub priority: u16,
    /// The buffered packet to send through the new flow.
    pub buffer_id: BufferId,
    /// Restricts deletions to flows that output to this port, in 16 bits; 0xffff for any.
    pub out_port: u16,
    /// `FLOW_` bits.
    pub flags: u16,
    /// The match of the flow.
    pub fields: Match,
    /// The instructions of the flow.
    pub instructions: Vec<Instruction>,
}

/// The notification of [`FlowRemoved`] in Nicira's form. On the wire the match is in NXM, and the
/// table is one higher; 0 stands for an unspecified table (255 here).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NxFlowRemoved(pub FlowRemoved);

impl NxFlowMod {
    /// Decodes the fields before the match, and leaves match and instructions empty. Also returns
    /// the length of the match in bytes, without padding. It is for callers that decode these in
    /// another way, such as [`Match::decode_strict`].
    ///
    /// # Errors
    /// `Truncated` if the message ends before the match.
    pub fn decode_head(r: &mut Reader<'_>) -> Result<(Self, u16), DecodeError> {
        let cookie = Cookie(r.u64("nx_flow_mod.cookie")?);
        let table_id = TableId(r.u8("nx_flow_mod.table_id")?);
        let command = r.u8("nx_flow_mod.command")?.into();
        let idle_timeout = r.u16("nx_flow_mod.idle_timeout")?;
        let hard_timeout = r.u16("nx_flow_mod.hard_timeout")?;
        let priority = r.u16("nx_flow_mod.priority")?;
        let buffer_id = BufferId(r.u32("nx_flow_mod.buffer_id")?);
        let out_port = r.u16("nx_flow_mod.out_port")?;
        let flags = r.u16("nx_flow_mod.flags")?;
        let match_len = r.u16("nx_flow_mod.match_len")?;
        r.skip(6, "nx_flow_mod.pad")?;
        let head = Self {
            cookie,
            table_id,
            command,
            idle_timeout,
            hard_timeout,
            priority,
            buffer_id,
            out_port,
            flags,
            fields: Match::default(),
            instructions: Vec::new(),
        };
        Ok((head, match_len))
    }
}

impl Wire for NxFlowMod {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (head, match_len) = Self::decode_head(r)?;
        let fields = nxm::decode(r, match_len, "nx_flow_mod.match")?;
        Ok(Self { fields, instructions: Instruction::decode_list(r)?, ..head })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u64(self.cookie.0);
        w.u8(self.table_id.0);
        w.u8(self.command.into());
        w.u16(self.idle_timeout);
        w.u16(self.hard_timeout);
        w.u16(self.priority);
        w.u32(self.buffer_id.0);
        w.u16(self.out_port);
        w.u16(self.flags);
        let match_len = w.len_slot(w.len() + 8);
        w.zeros(6);
        nxm::encode(&self.fields, match_len, w, "nx_flow_mod.match")?;
        Instruction::encode_list(&self.instructions, w)
    }
}

impl NxFlowRemoved {
    /// Decodes the fields before the match, and leaves the match empty. Also returns the length of
    /// the match in bytes, without padding. It is for callers that decode the match in another way,
    /// such as [`Match::decode_strict`].
    ///
    /// # Errors
    /// `Truncated` if the message ends before the match.
    pub fn decode_head(r: &mut Reader<'_>) -> Result<(Self, u16), DecodeError> {
        let cookie = Cookie(r.u64("nx_flow_removed.cookie")?);
        let priority = r.u16("nx_flow_removed.priority")?;
        let reason = r.u8("nx_flow_removed.reason")?;
        let table_id = TableId(r.u8("nx_flow_removed.table_id")?.wrapping_sub(1));
        let duration_sec = r.u32("nx_flow_removed.duration_sec")?;
        let duration_nsec = r.u32("nx_flow_removed.duration_nsec")?;
        let idle_timeout = r.u16("nx_flow_removed.idle_timeout")?;
        let match_len = r.u16("nx_flow_removed.match_len")?;
        let head = FlowRemoved {
            cookie,
            priority,
            reason,
            table_id,
            duration_sec,
            duration_nsec,
            idle_timeout,
            hard_timeout: 0,
            packet_count: r.u64("nx_flow_removed.packet_count")?,
            byte_count: r.u64("nx_flow_removed.byte_count")?,
            fields: Match::default(),
        };
        Ok((Self(head), match_len))
    }
}

impl Wire for NxFlowRemoved {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (Self(head), match_len) = Self::decode_head(r)?;
        Ok(Self(FlowRemoved { fields: nxm::decode(r, match_len, "nx_flow_removed.match")?, ..head }))
    }

    /// Encodes the message. The hard timeout has no field and must be 0.
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let Self(removed) = self;
        if removed.hard_timeout != 0 {
            let value = u128::from(removed.hard_timeout);
            return Err(EncodeError::DoesNotFit { field: "nx_flow_removed.hard_timeout", value });
        }
        w.u64(removed.cookie.0);
        w.u16(removed.priority);
        w.u8(removed.reason);
        w.u8(removed.table_id.0.wrapping_add(1));
        w.u32(removed.duration_sec);
        w.u32(removed.duration_nsec);
        w.u16(removed.idle_timeout);
        let match_len = w.len_slot(w.len() + 18);
        w.u64(removed.packet_count);
        w.u64(removed.byte_count);
        nxm::encode(&removed.fields, match_len, w, "nx_flow_removed.match")
    }
}
