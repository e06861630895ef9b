//! Actions and instructions of a message, refused for the reasons of Open vSwitch.

use ofproto::OvsError;
use ofproto::action::Action;
use ofproto::codec::Reader;
use ofproto::instruction::Instruction;

/// Reads a list of actions of `len` bytes.
pub(super) fn list(r: &mut Reader<'_>, len: usize) -> Result<Vec<Action>, OvsError> {
    if !len.is_multiple_of(8) {
        return Err(OvsError::RequestLen);
    }
    let bytes = r.bytes(len, "actions").map_err(|_| OvsError::RequestLen)?;
    match Action::ovs_error(bytes) {
        Some(error) => Err(error),
        None => Ok(Action::decode_list(&mut Reader::new(bytes))?),
    }
}

/// Reads instructions until no bytes are left.
pub(super) fn instructions(r: &mut Reader<'_>) -> Result<Vec<Instruction>, OvsError> {
    let bytes = r.rest();
    match Instruction::ovs_error(bytes) {
        Some(error) => Err(error),
        None => Ok(Instruction::decode_list(&mut Reader::new(bytes))?),
    }
}
