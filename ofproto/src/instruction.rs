//! Instructions (OpenFlow 1.3.5 §7.2.4).

use bytes::Bytes;

use crate::action::Action;
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::ids::TableId;

pub(crate) const GOTO_TABLE: u16 = 1;
pub(crate) const WRITE_METADATA: u16 = 2;
pub(crate) const WRITE_ACTIONS: u16 = 3;
pub(crate) const APPLY_ACTIONS: u16 = 4;
pub(crate) const CLEAR_ACTIONS: u16 = 5;
pub(crate) const METER: u16 = 6;

/// An instruction of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Instruction {
    /// OFPIT_GOTO_TABLE 1.
    GotoTable(TableId),
    /// OFPIT_WRITE_METADATA 2.
    WriteMetadata {
        /// The bits to write.
        value: u64,
        /// The mask of the bits to write.
        mask: u64,
    },
    /// OFPIT_WRITE_ACTIONS 3.
    WriteActions(Vec<Action>),
    /// OFPIT_APPLY_ACTIONS 4.
    ApplyActions(Vec<Action>),
    /// OFPIT_CLEAR_ACTIONS 5.
    ClearActions,
    /// OFPIT_METER 6.
    Meter(u32),
    /// Any other instruction, with its bytes unchanged.
    Unknown {
        /// OFPIT_ type.
        kind: u16,
        /// The bytes after type and length.
        body: Bytes,
    },
}

impl Instruction {
    /// Appends instructions, in the order given.
    ///
    /// # Errors
    /// `TooLong` for an instruction above 65,535 bytes; `DoesNotFit` for an unknown one that is not
    /// padded; the errors of [`Action::encode_list`].
    pub fn encode_list(instructions: &[Self], w: &mut Writer) -> Result<(), EncodeError> {
        instructions.iter().try_for_each(|instruction| instruction.encode(w))
    }

    /// Decodes one instruction.
    pub(crate) fn decode_one(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.u16("instruction type")?;
        let at_len = r.clone();
        let len = usize::from(r.u16("instruction length")?);
        let body = len.checked_sub(4).filter(|_| len >= 8 && len.is_multiple_of(8));
        let body = body.ok_or_else(|| at_len.error(DecodeErrorKind::BadLength(len), "instruction length"))?;
        let mut body = r.sub(body, "instruction")?;
        let instruction = match kind {
            GOTO_TABLE => {
                let table = TableId(body.u8("goto_table")?);
                body.skip(3, "goto_table padding")?;
                Self::GotoTable(table)
            }
            WRITE_METADATA => {
                body.skip(4, "write_metadata padding")?;
                let value = body.u64("write_metadata value")?;
                Self::WriteMetadata { value, mask: body.u64("write_metadata mask")? }
            }
            WRITE_ACTIONS => Self::WriteActions(actions(&mut body)?),
            APPLY_ACTIONS => Self::ApplyActions(actions(&mut body)?),
            CLEAR_ACTIONS => {
                body.skip(4, "clear_actions padding")?;
                Self::ClearActions
            }
            METER => Self::Meter(body.u32("meter")?),
            _ => Self::Unknown { kind, body: Bytes::copy_from_slice(body.rest()) },
        };
        body.finish("instruction")?;
        Ok(instruction)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        w.u16(match self {
            Self::GotoTable(_) => GOTO_TABLE,
            Self::WriteMetadata { .. } => WRITE_METADATA,
            Self::WriteActions(_) => WRITE_ACTIONS,
            Self::ApplyActions(_) => APPLY_ACTIONS,
            Self::ClearActions => CLEAR_ACTIONS,
            Self::Meter(_) => METER,
            Self::Unknown { kind, .. } => *kind,
        });
        let len = w.len_slot(start);
        match self {
            Self::GotoTable(table) => {
                w.u8(table.0);
                w.zeros(3);
            }
            Self::WriteMetadata { value, mask } => {
                w.zeros(4);
                w.u64(*value);
                w.u64(*mask);
            }
            Self::WriteActions(actions) | Self::ApplyActions(actions) => {
                w.zeros(4);
                Action::encode_list(actions, w)?;
            }
            Self::ClearActions => w.zeros(4),
            Self::Meter(meter) => w.u32(*meter),
            Self::Unknown { body, .. } => {
                if body.len() % 8 != 4 {
                    let value = body.len() as u128;
                    return Err(EncodeError::DoesNotFit { field: "instruction body length", value });
                }
                w.bytes(body);
            }
        }
        w.close(len, "instruction")
    }
}

fn actions(body: &mut Reader<'_>) -> Result<Vec<Action>, DecodeError> {
    body.skip(4, "instruction padding")?;
    Action::decode_list(body)
}
