//! Actions and instructions of a message, refused where Open vSwitch refuses them.

use ofproto::action::Action;
use ofproto::codec::Reader;
use ofproto::instruction::Instruction;

use super::refused::Refused;

/// Reads a list of actions of that many bytes.
pub(super) fn list(r: &mut Reader<'_>, len: usize) -> Result<Vec<Action>, Refused> {
    if !len.is_multiple_of(8) {
        return Err(Refused::BAD_LEN);
    }
    let bytes = r.bytes(len, "actions").map_err(|_| Refused::BAD_LEN)?;
    match Action::refusal(bytes) {
        Some(refusal) => Err(Refused(refusal.name())),
        None => Ok(Action::decode_list(&mut Reader::new(bytes))?),
    }
}

/// Reads the instructions that fill what is left.
pub(super) fn instructions(r: &mut Reader<'_>) -> Result<Vec<Instruction>, Refused> {
    let bytes = r.rest();
    match Instruction::refusal(bytes) {
        Some(refusal) => Err(Refused(refusal.name())),
        None => Ok(Instruction::decode_list(&mut Reader::new(bytes))?),
    }
}
