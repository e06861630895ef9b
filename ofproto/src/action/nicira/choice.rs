//! The wire form of `multipath`, `bundle` and `bundle_load`: NXAST_MULTIPATH 10, NXAST_BUNDLE 12,
//! NXAST_BUNDLE_LOAD 13.

use super::super::subfield::{decode_header, encode_header};
use super::super::{Action, Bundle, Multipath, Subfield};
use super::{BUNDLE, BUNDLE_LOAD, MULTIPATH, port, short, zeros};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::oxm::Field;

/// NXM_OF_IN_PORT, the only kind of member.
const MEMBER_PORT: u32 = 2;

pub(super) fn decode_multipath(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let fields = r.u16("multipath fields")?;
    let basis = r.u16("multipath basis")?;
    r.skip(2, "multipath padding")?;
    let algorithm = r.u16("multipath algorithm")?;
    let max_link = r.u16("multipath max_link")?;
    let arg = r.u32("multipath arg")?;
    r.skip(2, "multipath padding")?;
    let bits = r.u16("multipath ofs_nbits")?;
    let dst = decode_header(r, false)?.and_then(|field| Subfield::unpacked(field, bits));
    Ok(dst.map(|dst| Action::Multipath(Box::new(Multipath { fields, basis, algorithm, max_link, arg, dst }))))
}

pub(super) fn encode_multipath(m: &Multipath, w: &mut Writer) -> Result<(), EncodeError> {
    let bits = m.dst.packed()?;
    w.u16(MULTIPATH);
    w.u16(m.fields);
    w.u16(m.basis);
    w.zeros(2);
    w.u16(m.algorithm);
    w.u16(m.max_link);
    w.u32(m.arg);
    w.zeros(2);
    w.u16(bits);
    encode_header(m.dst.field, w, false)
}

pub(super) fn decode_bundle(r: &mut Reader<'_>, load: bool) -> Result<Option<Action>, DecodeError> {
    let algorithm = r.u16("bundle algorithm")?;
    let fields = r.u16("bundle fields")?;
    let basis = r.u16("bundle basis")?;
    let kind = r.u32("bundle member type")?;
    let count = r.u16("bundle n_members")?;
    let bits = r.u16("bundle ofs_nbits")?;
    let dst = if load {
        let dst = decode_header(r, false)?.and_then(|field| Subfield::unpacked(field, bits));
        let Some(dst) = dst else { return Ok(None) };
        Some(dst)
    } else {
        if bits != 0 || r.u32("bundle dst")? != 0 {
            return Ok(None);
        }
        None
    };
    let reserved = r.u32("bundle padding")?;
    if kind != MEMBER_PORT || reserved != 0 || r.remaining() < 2 * usize::from(count) {
        return Ok(None);
    }
    let mut members = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        members.push(port(r, "bundle member")?);
    }
    // Padding to a multiple of eight bytes.
    if r.remaining() >= 8 || !zeros(r) {
        return Ok(None);
    }
    Ok(Some(Action::Bundle(Box::new(Bundle { fields, basis, algorithm, members, dst }))))
}

pub(super) fn encode_bundle(b: &Bundle, w: &mut Writer) -> Result<(), EncodeError> {
    let bits = b.dst.map_or(Ok(0), Subfield::packed)?;
    let len = b.members.len();
    let count = u16::try_from(len).map_err(|_| EncodeError::TooLong { field: "bundle members", len })?;
    w.u16(if b.dst.is_some() { BUNDLE_LOAD } else { BUNDLE });
    w.u16(b.algorithm);
    w.u16(b.fields);
    w.u16(b.basis);
    encode_header(Field::InPort, w, false)?;
    w.u16(count);
    w.u16(bits);
    match b.dst {
        Some(dst) => encode_header(dst.field, w, false)?,
        None => w.zeros(4),
    }
    w.zeros(4);
    for member in &b.members {
        w.u16(short(*member, "bundle member")?);
    }
    Ok(())
}
