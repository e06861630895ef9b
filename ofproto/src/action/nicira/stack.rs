//! Actions of 24 bytes with the header of one field, which has four or eight bytes: `push`, `pop`,
//! `check_pkt_larger`, `delete_field`.

use super::super::subfield::{decode_header, encode_header};
use super::super::{Action, Subfield};
use super::{CHECK_PKT_LARGER, DELETE_FIELD, fill, zeros};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::oxm::Field;

/// Length of these actions, in bytes.
const LEN: usize = 24;

pub(super) fn decode(
    r: &mut Reader<'_>,
    action: fn(Subfield) -> Action,
) -> Result<Option<Action>, DecodeError> {
    let ofs = r.u16("stack offset")?;
    let Some(field) = decode_header(r, true)? else { return Ok(None) };
    let n_bits = r.u16("stack n_bits")?;
    let bits = Subfield { field, ofs, n_bits };
    Ok((bits.is_valid() && r.remaining() < 8 && zeros(r)).then(|| action(bits)))
}

pub(super) fn encode(subtype: u16, bits: Subfield, w: &mut Writer) -> Result<(), EncodeError> {
    bits.check()?;
    let start = w.len();
    w.u16(subtype);
    w.u16(bits.ofs);
    encode_header(bits.field, w, true)?;
    w.u16(bits.n_bits);
    fill(w, start, LEN);
    Ok(())
}

pub(super) fn decode_check(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let len = r.u16("check_pkt_larger length")?;
    let ofs = r.u16("check_pkt_larger offset")?;
    let dst = decode_header(r, true)?.map(|field| Subfield { field, ofs, n_bits: 1 });
    let dst = dst.filter(|dst| dst.is_valid() && r.remaining() < 8);
    Ok(dst.filter(|_| zeros(r)).map(|dst| Action::CheckPktLarger { len, dst }))
}

pub(super) fn encode_check(len: u16, dst: Subfield, w: &mut Writer) -> Result<(), EncodeError> {
    dst.check()?;
    if dst.n_bits != 1 {
        let value = u128::from(dst.n_bits);
        return Err(EncodeError::DoesNotFit { field: "check_pkt_larger bits", value });
    }
    let start = w.len();
    w.u16(CHECK_PKT_LARGER);
    w.u16(len);
    w.u16(dst.ofs);
    encode_header(dst.field, w, true)?;
    fill(w, start, LEN);
    Ok(())
}

pub(super) fn decode_delete(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let field = decode_header(r, true)?;
    Ok(field.filter(|_| r.remaining() < 16 && zeros(r)).map(Action::DeleteField))
}

pub(super) fn encode_delete(field: Field, w: &mut Writer) -> Result<(), EncodeError> {
    let start = w.len();
    w.u16(DELETE_FIELD);
    encode_header(field, w, true)?;
    fill(w, start, LEN);
    Ok(())
}
