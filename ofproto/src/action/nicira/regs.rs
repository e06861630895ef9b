//! The wire form of `move`, `load`, `output:FIELD`, and the masked `set_field`.

use super::super::subfield::{decode_header, encode_header, encode_match_header};
use super::super::{Action, Subfield};
use super::{ONF_COPY_FIELD, OUTPUT_REG, OUTPUT_REG2, REG_LOAD, REG_LOAD2, REG_MOVE, fill, zeros};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::oxm::Oxm;

pub(super) fn decode_move(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let n_bits = r.u16("move n_bits")?;
    let src_ofs = r.u16("move src_ofs")?;
    let dst_ofs = r.u16("move dst_ofs")?;
    let start = r.at();
    let src = decode_header(r, true)?;
    let dst = decode_header(r, true)?;
    let (Some(src), Some(dst)) = (src, dst) else { return Ok(None) };
    // Ten bytes of the action's sixteen precede the first header.
    let used = r.at() - start;
    r.skip(used.next_multiple_of(8) - used, "move padding")?;
    let src = Subfield { field: src, ofs: src_ofs, n_bits };
    let dst = Subfield { field: dst, ofs: dst_ofs, n_bits };
    Ok(Some(Action::Move { src, dst }).filter(|_| src.is_valid() && dst.is_valid()))
}

pub(super) fn encode_move(src: Subfield, dst: Subfield, w: &mut Writer) -> Result<(), EncodeError> {
    src.check()?;
    dst.check()?;
    if src.n_bits != dst.n_bits {
        return Err(EncodeError::DoesNotFit { field: "move n_bits", value: u128::from(src.n_bits) });
    }
    w.u16(REG_MOVE);
    w.u16(src.n_bits);
    w.u16(src.ofs);
    w.u16(dst.ofs);
    encode_header(src.field, w, true)?;
    encode_header(dst.field, w, true)
}

/// Decodes ONFACT_COPY_FIELD: `move` with the headers of a match.
pub(super) fn decode_copy(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    r.skip(2, "copy_field padding")?;
    let n_bits = r.u16("copy_field n_bits")?;
    let src_ofs = r.u16("copy_field src_ofs")?;
    let dst_ofs = r.u16("copy_field dst_ofs")?;
    r.skip(2, "copy_field padding")?;
    let src = decode_header(r, true)?;
    let dst = decode_header(r, true)?;
    let (Some(src), Some(dst)) = (src, dst) else { return Ok(None) };
    let src = Subfield { field: src, ofs: src_ofs, n_bits };
    let dst = Subfield { field: dst, ofs: dst_ofs, n_bits };
    let padded = r.remaining() < 8 && zeros(r);
    Ok(Some(Action::CopyField { src, dst }).filter(|_| padded && src.is_valid() && dst.is_valid()))
}

pub(super) fn encode_copy(src: Subfield, dst: Subfield, w: &mut Writer) -> Result<(), EncodeError> {
    src.check()?;
    dst.check()?;
    if src.n_bits != dst.n_bits {
        return Err(EncodeError::DoesNotFit { field: "copy_field n_bits", value: u128::from(src.n_bits) });
    }
    w.u16(ONF_COPY_FIELD);
    w.zeros(2);
    w.u16(src.n_bits);
    w.u16(src.ofs);
    w.u16(dst.ofs);
    w.zeros(2);
    encode_match_header(src.field, w)?;
    encode_match_header(dst.field, w)
}

pub(super) fn decode_load(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let bits = r.u16("load ofs_nbits")?;
    let field = decode_header(r, false)?;
    let value = r.u64("load value")?;
    let dst = field.and_then(|f| Subfield::unpacked(f, bits));
    Ok(dst.filter(|d| d.holds(u128::from(value))).map(|dst| Action::Load { dst, value }))
}

pub(super) fn encode_load(dst: Subfield, value: u64, w: &mut Writer) -> Result<(), EncodeError> {
    let bits = dst.packed()?;
    if !dst.holds(u128::from(value)) {
        return Err(EncodeError::DoesNotFit { field: dst.field.info().name, value: u128::from(value) });
    }
    w.u16(REG_LOAD);
    w.u16(bits);
    encode_header(dst.field, w, false)?;
    w.u64(value);
    Ok(())
}

pub(super) fn decode_load2(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    // The position after type, length, experimenter and subtype.
    let start = r.at() - 10;
    let oxm = Oxm::decode_masked(r)?;
    let used = r.at() - start;
    r.skip(used.next_multiple_of(8) - used, "load2 padding")?;
    Ok(Some(Action::RegLoad2(oxm)))
}

pub(super) fn encode_load2(oxm: &Oxm, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(REG_LOAD2);
    oxm.encode_masked(w)
}

pub(super) fn decode_output(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let bits = r.u16("output_reg ofs_nbits")?;
    let field = decode_header(r, false)?;
    let max_len = r.u16("output_reg max_len")?;
    if r.array::<6>("output_reg padding")? != [0; 6] {
        return Ok(None);
    }
    let src = field.and_then(|f| Subfield::unpacked(f, bits));
    Ok(src.map(|src| Action::OutputReg { src, max_len }))
}

pub(super) fn encode_output(src: Subfield, max_len: u16, w: &mut Writer) -> Result<(), EncodeError> {
    let bits = src.packed()?;
    if src.field.has_long_header() {
        let start = w.len();
        w.u16(OUTPUT_REG2);
        w.u16(bits);
        w.u16(max_len);
        encode_header(src.field, w, true)?;
        fill(w, start, 24);
        return Ok(());
    }
    w.u16(OUTPUT_REG);
    w.u16(bits);
    encode_header(src.field, w, false)?;
    w.u16(max_len);
    w.zeros(6);
    Ok(())
}

/// Decodes NXAST_OUTPUT_REG2: NXAST_OUTPUT_REG with room for a field's experimenter id.
pub(super) fn decode_output2(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let bits = r.u16("output_reg2 ofs_nbits")?;
    let max_len = r.u16("output_reg2 max_len")?;
    let src = decode_header(r, true)?.and_then(|f| Subfield::unpacked(f, bits));
    Ok(src.filter(|_| r.remaining() < 8 && zeros(r)).map(|src| Action::OutputReg { src, max_len }))
}

impl Action {
    /// Returns the actions that replace a masked `set_field`, which OpenFlow 1.3 lacks. `None` for
    /// any other action. Like Open vSwitch, it returns a `load` for each run of ones in the mask,
    /// lowest first. A field whose header does not fit a `load` becomes NXAST_REG_LOAD2. A switch
    /// reports the flow in this form too.
    pub fn lowered(&self) -> Option<Vec<Self>> {
        let &Self::SetField(Oxm::Known { field, value, mask: Some(mask) }) = self else { return None };
        let info = field.info();
        if value > info.exact() || mask > info.exact() {
            // Unchanged, so that the encoder refuses it.
            return Some(vec![Self::RegLoad2(Oxm::Known { field, value, mask: Some(mask) })]);
        }
        if mask == info.exact() {
            return Some(vec![Self::SetField(Oxm::Known { field, value, mask: None })]);
        }
        if field.has_long_header() {
            return Some(vec![Self::RegLoad2(Oxm::Known { field, value, mask: Some(mask) })]);
        }
        let mut loads = Vec::new();
        let mut ofs = 0;
        while ofs < 128 && mask >> ofs != 0 {
            let ones = (mask >> ofs).trailing_ones();
            if ones == 0 {
                ofs += (mask >> ofs).trailing_zeros();
                continue;
            }
            let n_bits = ones.min(64);
            let dst = Subfield { field, ofs: u16::try_from(ofs).ok()?, n_bits: u16::try_from(n_bits).ok()? };
            let value = u64::try_from(dst.read(value)).ok()?;
            loads.push(Self::Load { dst, value });
            ofs += n_bits;
        }
        Some(loads)
    }
}
