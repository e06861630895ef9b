//! Nicira's actions (experimenter 0x00002320, ovs-actions(7)): one file per family, one line of
//! dispatch each.

mod choice;
mod controller;
mod ct;
mod encap;
mod learn;
mod misc;
mod nested;
mod regs;
mod resubmit;
mod sample;
mod stack;

use super::Action;
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{NICIRA, ONF, PortNo};

/// ONFACT_COPY_FIELD.
const ONF_COPY_FIELD: u16 = 3200;

/// NXAST_ subtypes.
const RESUBMIT: u16 = 1;
const SET_TUNNEL: u16 = 2;
const POP_QUEUE: u16 = 5;
const REG_MOVE: u16 = 6;
const REG_LOAD: u16 = 7;
const NOTE: u16 = 8;
const SET_TUNNEL64: u16 = 9;
const MULTIPATH: u16 = 10;
const BUNDLE: u16 = 12;
const BUNDLE_LOAD: u16 = 13;
const RESUBMIT_TABLE: u16 = 14;
const OUTPUT_REG: u16 = 15;
const LEARN: u16 = 16;
const EXIT: u16 = 17;
const FIN_TIMEOUT: u16 = 19;
const CONTROLLER: u16 = 20;
const DEC_TTL_CNT_IDS: u16 = 21;
const WRITE_METADATA: u16 = 22;
const STACK_PUSH: u16 = 27;
const STACK_POP: u16 = 28;
const SAMPLE: u16 = 29;
const OUTPUT_REG2: u16 = 32;
const REG_LOAD2: u16 = 33;
const CONJUNCTION: u16 = 34;
const CT: u16 = 35;
const NAT: u16 = 36;
const CONTROLLER2: u16 = 37;
const SAMPLE2: u16 = 38;
const OUTPUT_TRUNC: u16 = 39;
const SAMPLE3: u16 = 41;
const CLONE: u16 = 42;
const CT_CLEAR: u16 = 43;
const RESUBMIT_TABLE_CT: u16 = 44;
const LEARN2: u16 = 45;
const ENCAP: u16 = 46;
const DECAP: u16 = 47;
const DEC_NSH_TTL: u16 = 48;
const CHECK_PKT_LARGER: u16 = 49;
const DELETE_FIELD: u16 = 50;
const SAMPLE4: u16 = 51;

/// Decodes an experimenter's action from its id on. `None` for one that is unknown or cannot be
/// expressed.
pub(super) fn decode(r: &mut Reader<'_>, depth: usize) -> Result<Option<Action>, DecodeError> {
    // Another experimenter's action may consist of its id only.
    match r.u32("action experimenter")? {
        NICIRA => {}
        ONF if r.is_empty() => return Ok(None),
        ONF => {
            return match r.u16("action subtype")? {
                ONF_COPY_FIELD => regs::decode_copy(r),
                _ => Ok(None),
            };
        }
        _ => return Ok(None),
    }
    match r.u16("action subtype")? {
        RESUBMIT => resubmit::decode(r, false),
        SET_TUNNEL => misc::decode_tunnel(r),
        POP_QUEUE => misc::empty(r, Action::PopQueue),
        REG_MOVE => regs::decode_move(r),
        REG_LOAD => regs::decode_load(r),
        NOTE => misc::decode_note(r),
        SET_TUNNEL64 => misc::decode_tunnel64(r),
        MULTIPATH => choice::decode_multipath(r),
        BUNDLE => choice::decode_bundle(r, false),
        BUNDLE_LOAD => choice::decode_bundle(r, true),
        RESUBMIT_TABLE => resubmit::decode(r, true),
        OUTPUT_REG => regs::decode_output(r),
        LEARN => learn::decode(r, false),
        EXIT => misc::empty(r, Action::Exit),
        FIN_TIMEOUT => misc::decode_fin_timeout(r),
        CONTROLLER => controller::decode(r),
        DEC_TTL_CNT_IDS => misc::decode_ids(r),
        WRITE_METADATA => misc::decode_metadata(r),
        STACK_PUSH => stack::decode(r, Action::Push),
        STACK_POP => stack::decode(r, Action::Pop),
        OUTPUT_REG2 => regs::decode_output2(r),
        REG_LOAD2 => regs::decode_load2(r),
        CONJUNCTION => misc::decode_conjunction(r),
        CT => nested::decode_ct(r, depth),
        NAT => ct::decode(r),
        CONTROLLER2 => controller::decode2(r),
        OUTPUT_TRUNC => misc::decode_output_trunc(r),
        subtype @ (SAMPLE | SAMPLE2 | SAMPLE3 | SAMPLE4) => sample::decode(r, subtype),
        CLONE => nested::decode_clone(r, depth),
        CT_CLEAR => misc::empty(r, Action::CtClear),
        RESUBMIT_TABLE_CT => resubmit::decode_ct(r),
        LEARN2 => learn::decode(r, true),
        ENCAP => encap::decode(r),
        DECAP => encap::decode_decap(r),
        DEC_NSH_TTL => misc::empty(r, Action::DecNshTtl),
        CHECK_PKT_LARGER => stack::decode_check(r),
        DELETE_FIELD => stack::decode_delete(r),
        _ => Ok(None),
    }
}

/// Appends an action of Nicira's or ONF's from the experimenter's id on.
pub(super) fn encode(action: &Action, w: &mut Writer, depth: usize) -> Result<(), EncodeError> {
    if let &Action::CopyField { src, dst } = action {
        w.u32(ONF);
        return regs::encode_copy(src, dst, w);
    }
    w.u32(NICIRA);
    match action {
        &Action::Resubmit { port, table } => resubmit::encode(RESUBMIT_TABLE, port, table, w),
        &Action::ResubmitCt { port, table } => resubmit::encode(RESUBMIT_TABLE_CT, port, table, w),
        &Action::SetTunnel(id) => misc::encode_tunnel(id, w),
        &Action::SetTunnel64(id) => misc::encode_tunnel64(id, w),
        Action::PopQueue => misc::encode_empty(POP_QUEUE, w),
        &Action::Move { src, dst } => regs::encode_move(src, dst, w),
        &Action::Load { dst, value } => regs::encode_load(dst, value, w),
        Action::RegLoad2(oxm) => regs::encode_load2(oxm, w),
        Action::Note(bytes) => misc::encode_note(bytes, w),
        &Action::OutputReg { src, max_len } => regs::encode_output(src, max_len, w),
        Action::Learn(learn) => learn::encode(learn, w),
        Action::Exit => misc::encode_empty(EXIT, w),
        &Action::FinTimeout { idle, hard } => misc::encode_fin_timeout(idle, hard, w),
        Action::Controller(to) => controller::encode(to, w),
        Action::Multipath(m) => choice::encode_multipath(m, w),
        Action::Bundle(b) => choice::encode_bundle(b, w),
        &Action::Push(s) => stack::encode(STACK_PUSH, s, w),
        &Action::Pop(s) => stack::encode(STACK_POP, s, w),
        Action::DecNwTtlIds(ids) => misc::encode_ids(ids, w),
        &Action::WriteMetadata { value, mask } => misc::encode_metadata(value, mask, w),
        Action::Sample(s) => sample::encode(s, w),
        &Action::Conjunction { id, clause, n_clauses } => misc::encode_conjunction(id, clause, n_clauses, w),
        Action::Ct(ct) => nested::encode_ct(ct, w, depth),
        Action::Nat(nat) => ct::encode(nat, w),
        Action::CtClear => misc::encode_empty(CT_CLEAR, w),
        &Action::OutputTrunc { port, max_len } => misc::encode_output_trunc(port, max_len, w),
        Action::Clone(actions) => nested::encode_clone(actions, w, depth),
        Action::Encap(encap) => encap::encode(encap, w),
        &Action::Decap(packet_type) => encap::encode_decap(packet_type, w),
        Action::DecNshTtl => misc::encode_empty(DEC_NSH_TTL, w),
        &Action::CheckPktLarger { len, dst } => stack::encode_check(len, dst, w),
        &Action::DeleteField(field) => stack::encode_delete(field, w),
        // The caller has handled the other variants. A variant forgotten there must not become a
        // truncated action.
        _ => Err(EncodeError::DoesNotFit { field: "action", value: 0 }),
    }
}

/// Appends zeros until the action is `len` bytes long. `start` is the position after the
/// experimenter id.
fn fill(w: &mut Writer, start: usize, len: usize) {
    let used = w.len() - start + 8;
    w.zeros(len.saturating_sub(used));
}

/// Returns whether only zeros are left.
fn zeros(r: &mut Reader<'_>) -> bool {
    r.rest().iter().all(|&b| b == 0)
}

/// Returns the 16-bit form of a port.
fn short(port: PortNo, field: &'static str) -> Result<u16, EncodeError> {
    port.to_u16().ok_or(EncodeError::DoesNotFit { field, value: u128::from(port.0) })
}

/// Reads a port in 16 bits.
fn port(r: &mut Reader<'_>, field: &'static str) -> Result<PortNo, DecodeError> {
    r.u16(field).map(PortNo::from_u16)
}
