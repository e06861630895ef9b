//! Nicira's actions (experimenter 0x00002320, ovs-actions(7)): one file a family, one line of dispatch each.

mod controller;
mod learn;
mod misc;
mod regs;
mod resubmit;

use super::Action;
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};

/// NX_VENDOR_ID.
const NICIRA: u32 = 0x0000_2320;

/// NXAST_ subtypes.
const RESUBMIT: u16 = 1;
const REG_MOVE: u16 = 6;
const REG_LOAD: u16 = 7;
const NOTE: u16 = 8;
const RESUBMIT_TABLE: u16 = 14;
const OUTPUT_REG: u16 = 15;
const LEARN: u16 = 16;
const EXIT: u16 = 17;
const FIN_TIMEOUT: u16 = 19;
const CONTROLLER: u16 = 20;
const REG_LOAD2: u16 = 33;
const CONTROLLER2: u16 = 37;
const LEARN2: u16 = 45;

/// Reads an experimenter's action from its id on; none for what nobody here knows, or cannot be said.
pub(super) fn decode(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    // Another experimenter's action need not be longer than its id.
    if r.u32("action experimenter")? != NICIRA {
        return Ok(None);
    }
    match r.u16("action subtype")? {
        RESUBMIT => resubmit::decode(r, false),
        REG_MOVE => regs::decode_move(r),
        REG_LOAD => regs::decode_load(r),
        NOTE => misc::decode_note(r),
        RESUBMIT_TABLE => resubmit::decode(r, true),
        OUTPUT_REG => regs::decode_output(r),
        LEARN => learn::decode(r, false),
        EXIT => misc::decode_exit(r),
        FIN_TIMEOUT => misc::decode_fin_timeout(r),
        CONTROLLER => controller::decode(r),
        REG_LOAD2 => regs::decode_load2(r),
        CONTROLLER2 => controller::decode2(r),
        LEARN2 => learn::decode(r, true),
        _ => Ok(None),
    }
}

/// Appends an action of Nicira's from the experimenter's id on.
pub(super) fn encode(action: &Action, w: &mut Writer) -> Result<(), EncodeError> {
    w.u32(NICIRA);
    match action {
        &Action::Resubmit { port, table } => resubmit::encode(port, table, w),
        &Action::Move { src, dst } => regs::encode_move(src, dst, w),
        &Action::Load { dst, value } => regs::encode_load(dst, value, w),
        Action::RegLoad2(oxm) => regs::encode_load2(oxm, w),
        Action::Note(bytes) => misc::encode_note(bytes, w),
        &Action::OutputReg { src, max_len } => regs::encode_output(src, max_len, w),
        Action::Learn(learn) => learn::encode(learn, w),
        Action::Exit => misc::encode_exit(w),
        &Action::FinTimeout { idle, hard } => misc::encode_fin_timeout(idle, hard, w),
        Action::Controller(to) => controller::encode(to, w),
        // The caller has dealt with the rest; a variant forgotten there must not become a truncated action.
        _ => Err(EncodeError::DoesNotFit { field: "action", value: 0 }),
    }
}
