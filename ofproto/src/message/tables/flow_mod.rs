//! OFPT_FLOW_MOD (OpenFlow 1.3.5 §7.3.4.1).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{BufferId, Cookie, GroupId, PortNo, TableId};
use crate::instruction::Instruction;
use crate::oxm::Match;

/// OFPFF_SEND_FLOW_REM.
pub const FLOW_SEND_FLOW_REM: u16 = 1;
/// OFPFF_CHECK_OVERLAP.
pub const FLOW_CHECK_OVERLAP: u16 = 2;
/// OFPFF_RESET_COUNTS.
pub const FLOW_RESET_COUNTS: u16 = 4;
/// OFPFF_NO_PKT_COUNTS.
pub const FLOW_NO_PKT_COUNTS: u16 = 8;
/// OFPFF_NO_BYT_COUNTS.
pub const FLOW_NO_BYT_COUNTS: u16 = 16;

/// A change of flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowMod {
    /// The cookie of an added flow, or the cookie to select by under `cookie_mask`.
    pub cookie: Cookie,
    /// The mask of the cookie bits that select flows, for changes and deletions.
    pub cookie_mask: u64,
    /// The table. `ALL` is valid in deletions only.
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
    /// Restricts deletions to flows that output to this port.
    pub out_port: PortNo,
    /// Restricts deletions to flows that use this group.
    pub out_group: GroupId,
    /// `FLOW_` bits.
    pub flags: u16,
    /// The importance of OpenFlow 1.4, in the padding of 1.3. Open vSwitch sends 0.
    pub importance: u16,
    /// The match of the flow.
    pub fields: Match,
    /// The instructions of the flow.
    pub instructions: Vec<Instruction>,
}

impl Default for FlowMod {
    /// Returns an addition to table 0 that matches every packet at priority 0x8000 and drops.
    fn default() -> Self {
        Self {
            cookie: Cookie(0),
            cookie_mask: 0,
            table_id: TableId(0),
            command: FlowModCommand::Add,
            idle_timeout: 0,
            hard_timeout: 0,
            priority: 0x8000,
            buffer_id: BufferId::NO_BUFFER,
            out_port: PortNo::ANY,
            out_group: GroupId::ANY,
            flags: 0,
            importance: 0,
            fields: Match::default(),
            instructions: Vec::new(),
        }
    }
}

/// OFPFC_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowModCommand {
    /// 0.
    Add,
    /// 1.
    Modify,
    /// 2.
    ModifyStrict,
    /// 3.
    Delete,
    /// 4.
    DeleteStrict,
    /// Any other value.
    Unknown(u8),
}

wire_enum!(FlowModCommand: u8 { 0 => Add, 1 => Modify, 2 => ModifyStrict, 3 => Delete, 4 => DeleteStrict });

impl FlowMod {
    /// Decodes the fields before the match, and leaves match and instructions empty. It is for
    /// callers that decode these in another way, such as [`Match::decode_strict`].
    ///
    /// # Errors
    /// `Truncated` if the message ends before the match.
    pub fn decode_head(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            cookie: Cookie(r.u64("flow_mod.cookie")?),
            cookie_mask: r.u64("flow_mod.cookie_mask")?,
            table_id: TableId(r.u8("flow_mod.table_id")?),
            command: r.u8("flow_mod.command")?.into(),
            idle_timeout: r.u16("flow_mod.idle_timeout")?,
            hard_timeout: r.u16("flow_mod.hard_timeout")?,
            priority: r.u16("flow_mod.priority")?,
            buffer_id: BufferId(r.u32("flow_mod.buffer_id")?),
            out_port: PortNo(r.u32("flow_mod.out_port")?),
            out_group: GroupId(r.u32("flow_mod.out_group")?),
            flags: r.u16("flow_mod.flags")?,
            importance: r.u16("flow_mod.importance")?,
            fields: Match::default(),
            instructions: Vec::new(),
        })
    }
}

impl Wire for FlowMod {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        crate::message::padded(r, "flow_mod")?;
        let head = Self::decode_head(r)?;
        Ok(Self { fields: Match::decode(r)?, instructions: Instruction::decode_list(r)?, ..head })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u64(self.cookie.0);
        w.u64(self.cookie_mask);
        w.u8(self.table_id.0);
        w.u8(self.command.into());
        w.u16(self.idle_timeout);
        w.u16(self.hard_timeout);
        w.u16(self.priority);
        w.u32(self.buffer_id.0);
        w.u32(self.out_port.0);
        w.u32(self.out_group.0);
        w.u16(self.flags);
        w.u16(self.importance);
        self.fields.encode(w)?;
        Instruction::encode_list(&self.instructions, w)
    }
}
