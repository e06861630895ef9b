//! The checks of Open vSwitch on instructions.

use super::actions;
use crate::action::Action;
use crate::codec::Reader;
use crate::error::DecodeError;
use crate::instruction::{
    APPLY_ACTIONS, CLEAR_ACTIONS, GOTO_TABLE, Instruction, METER, WRITE_ACTIONS, WRITE_METADATA,
};
use crate::ovs_errors::OvsError;

impl Instruction {
    /// Decodes instructions until no bytes are left.
    ///
    /// # Errors
    /// `BadLength` for a length that is not a multiple of 8, is below 8, or leaves bytes over;
    /// `Truncated` if an instruction ends before its fields; the errors of [`Action::decode_list`].
    pub fn decode_list(r: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let list = r.clone().rest();
        let mut instructions = Vec::new();
        while !r.is_empty() {
            instructions.push(Self::decode_one(r).map_err(|error| match Self::ovs_error(list) {
                // Open vSwitch does not look into a list that is not padded.
                _ if !list.len().is_multiple_of(8) => DecodeError { ovs_error: None, ..error },
                // It reports an error of the list before one inside it.
                ovs_error => DecodeError { ovs_error, ..error }.named(OvsError::InstructionLen),
            })?);
        }
        Ok(instructions)
    }

    /// Returns the first error that Open vSwitch reports for a list of instructions, given as
    /// bytes. `None` for a list that it accepts, as far as this can be decided without the match of
    /// the flow.
    pub fn ovs_error(list: &[u8]) -> Option<OvsError> {
        refuse(list).err()
    }
}

fn refuse(list: &[u8]) -> Result<(), OvsError> {
    let mut bodies: [Option<&[u8]>; 6] = [None; 6];
    let mut rest = list;
    while !rest.is_empty() {
        let [k0, k1, l0, l1, ..] = rest else { return Err(OvsError::InstructionLen) };
        let (kind, len) = (u16::from_be_bytes([*k0, *k1]), usize::from(u16::from_be_bytes([*l0, *l1])));
        if len < 8 || !len.is_multiple_of(8) {
            return Err(OvsError::InstructionLen);
        }
        let (one, tail) = rest.split_at_checked(len).ok_or(OvsError::InstructionLen)?;
        rest = tail;
        let fits = match kind {
            GOTO_TABLE | CLEAR_ACTIONS | METER => len == 8,
            WRITE_METADATA => len == 24,
            WRITE_ACTIONS | APPLY_ACTIONS => true,
            u16::MAX => return Err(OvsError::InstructionExperimenter),
            _ => return Err(OvsError::InstructionUnknown),
        };
        if !fits {
            return Err(OvsError::InstructionLen);
        }
        let slot = bodies.get_mut(usize::from(kind) - 1).ok_or(OvsError::InstructionUnknown)?;
        if slot.replace(one.get(8..).unwrap_or_default()).is_some() {
            return Err(OvsError::InstructionTwice);
        }
    }
    let [goto, metadata, write, apply, clear, meter] = bodies;
    let applied = actions::decode(apply.unwrap_or_default(), 0)?;
    let written = actions::decode(write.unwrap_or_default(), 0)?;
    if !written.iter().all(actions::is_for_set) {
        return Err(OvsError::ActionType);
    }
    let conjunction = applied.iter().any(|action| matches!(action, Action::Conjunction { .. }));
    if conjunction && [goto, metadata, write, clear, meter].iter().any(Option::is_some) {
        return Err(OvsError::Conjunction);
    }
    actions::verify(&applied, actions::Outer::Instructions)?;
    // As an action, write_metadata comes after all instructions that must precede it.
    let as_action = matches!(applied.last(), Some(Action::WriteMetadata { .. }));
    if as_action && [clear, write, metadata].iter().any(Option::is_some) {
        return Err(OvsError::ActionOrder);
    }
    Ok(())
}
