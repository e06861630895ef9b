//! The wire form of `learn`: NXAST_LEARN 16 and NXAST_LEARN2 45.

use super::super::learn::{LEARN_WRITE_RESULT, Learn, LearnSpec, LearnSrc};
use super::super::subfield::{decode_header, encode_header};
use super::super::{Action, Subfield};
use super::{LEARN, LEARN2};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{Cookie, TableId};
use crate::oxm::wire::put;

/// NX_LEARN_SRC_IMMEDIATE in a spec's header. Without it, the source is a field.
const SRC_IMMEDIATE: u16 = 1 << 13;
/// NX_LEARN_DST_: bits 11 and 12 of a spec's header.
const DST_MASK: u16 = 3 << 11;
const DST_MATCH: u16 = 0;
const DST_LOAD: u16 = 1 << 11;
const DST_OUTPUT: u16 = 2 << 11;
/// NX_LEARN_N_BITS_MASK.
const N_BITS: u16 = 0x3ff;

pub(super) fn decode(r: &mut Reader<'_>, second: bool) -> Result<Option<Action>, DecodeError> {
    let mut learn = Learn {
        idle_timeout: r.u16("learn idle_timeout")?,
        hard_timeout: r.u16("learn hard_timeout")?,
        priority: r.u16("learn priority")?,
        cookie: Cookie(r.u64("learn cookie")?),
        flags: r.u16("learn flags")?,
        table: TableId(r.u8("learn table")?),
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        limit: 0,
        result_dst: None,
        specs: Vec::new(),
    };
    r.skip(1, "learn padding")?;
    learn.fin_idle_timeout = r.u16("learn fin_idle_timeout")?;
    learn.fin_hard_timeout = r.u16("learn fin_hard_timeout")?;
    let writes_result = learn.flags & LEARN_WRITE_RESULT != 0;
    if second {
        learn.limit = r.u32("learn limit")?;
        let ofs = r.u16("learn result_dst_ofs")?;
        r.skip(2, "learn2 padding")?;
        if writes_result {
            let dst = decode_header(r, false)?.map(|field| Subfield { field, ofs, n_bits: 1 });
            let Some(dst) = dst.filter(|d| d.is_valid()) else { return Ok(None) };
            learn.result_dst = Some(dst);
        }
    } else if writes_result {
        return Ok(None);
    }
    while r.remaining() >= 2 {
        let header = r.u16("learn spec")?;
        if header == 0 {
            break;
        }
        match decode_spec(header, r)? {
            Some(spec) => learn.specs.push(spec),
            None => return Ok(None),
        }
    }
    // Only zeros may follow the last spec, fewer than eight bytes of them.
    let padding = r.rest();
    if padding.len() >= 8 || padding.iter().any(|&b| b != 0) {
        return Ok(None);
    }
    Ok(Some(Action::Learn(Box::new(learn))))
}

/// Decodes one spec. `None` for a spec that [`LearnSpec`] cannot express.
fn decode_spec(header: u16, r: &mut Reader<'_>) -> Result<Option<LearnSpec>, DecodeError> {
    let n_bits = header & N_BITS;
    if header & !(SRC_IMMEDIATE | DST_MASK | N_BITS) != 0 || n_bits == 0 {
        return Ok(None);
    }
    let src = if header & SRC_IMMEDIATE != 0 {
        let bytes = r.bytes(usize::from(n_bits.div_ceil(16)) * 2, "learn immediate")?;
        // Bits above `n_bits` are kept: Open vSwitch sends `vlan_vid=0x1005`, a field of 12 bits, in full.
        let (above, bytes) = bytes.split_at(bytes.len().saturating_sub(16));
        if above.iter().any(|&b| b != 0) {
            return Ok(None);
        }
        LearnSrc::Immediate(bytes.iter().fold(0_u128, |v, &b| v << 8 | u128::from(b)))
    } else {
        let Some(src) = subfield(n_bits, r)? else { return Ok(None) };
        LearnSrc::Field(src)
    };
    let dst = header & DST_MASK;
    if dst == DST_OUTPUT {
        let LearnSrc::Field(src) = src else { return Ok(None) };
        return Ok(Some(LearnSpec::Output { src }));
    }
    let to = subfield(n_bits, r)?;
    Ok(to.and_then(|to| match dst {
        DST_MATCH => Some(LearnSpec::Match { dst: to, src }),
        DST_LOAD => Some(LearnSpec::Load { dst: to, src }),
        _ => None,
    }))
}

fn subfield(n_bits: u16, r: &mut Reader<'_>) -> Result<Option<Subfield>, DecodeError> {
    let field = decode_header(r, false)?;
    let ofs = r.u16("learn field offset")?;
    Ok(field.map(|field| Subfield { field, ofs, n_bits }).filter(|s| s.is_valid()))
}

pub(super) fn encode(learn: &Learn, w: &mut Writer) -> Result<(), EncodeError> {
    let second = learn.limit != 0 || learn.result_dst.is_some();
    // The flag is set exactly if the field is present. Otherwise all later fields would be shifted.
    let flags = match learn.result_dst {
        Some(_) => learn.flags | LEARN_WRITE_RESULT,
        None => learn.flags & !LEARN_WRITE_RESULT,
    };
    w.u16(if second { LEARN2 } else { LEARN });
    w.u16(learn.idle_timeout);
    w.u16(learn.hard_timeout);
    w.u16(learn.priority);
    w.u64(learn.cookie.0);
    w.u16(flags);
    w.u8(learn.table.0);
    w.zeros(1);
    w.u16(learn.fin_idle_timeout);
    w.u16(learn.fin_hard_timeout);
    if second {
        w.u32(learn.limit);
        w.u16(learn.result_dst.map_or(0, |dst| dst.ofs));
        w.zeros(2);
    }
    if let Some(dst) = learn.result_dst {
        dst.check()?;
        if dst.n_bits != 1 {
            return Err(EncodeError::DoesNotFit { field: "learn result_dst", value: u128::from(dst.n_bits) });
        }
        encode_header(dst.field, w, false)?;
    }
    learn.specs.iter().try_for_each(|spec| encode_spec(spec, w))
}

fn encode_spec(spec: &LearnSpec, w: &mut Writer) -> Result<(), EncodeError> {
    let (kind, dst, src) = match spec {
        LearnSpec::Match { dst, src } => (DST_MATCH, dst, src),
        LearnSpec::Load { dst, src } => (DST_LOAD, dst, src),
        LearnSpec::Output { src } => {
            src.check()?;
            w.u16(DST_OUTPUT | src.n_bits);
            return encode_subfield(*src, w);
        }
    };
    dst.check()?;
    match src {
        LearnSrc::Immediate(value) => {
            let halves = dst.n_bits.div_ceil(16);
            if halves < 8 && value >> (16 * halves) != 0 {
                return Err(EncodeError::DoesNotFit { field: dst.field.info().name, value: *value });
            }
            w.u16(SRC_IMMEDIATE | kind | dst.n_bits);
            let len = usize::from(halves) * 2;
            w.zeros(len.saturating_sub(16));
            put(w, *value, len.min(16));
        }
        LearnSrc::Field(src) => {
            src.check()?;
            if src.n_bits != dst.n_bits {
                return Err(EncodeError::DoesNotFit { field: "learn n_bits", value: u128::from(src.n_bits) });
            }
            w.u16(kind | dst.n_bits);
            encode_subfield(*src, w)?;
        }
    }
    encode_subfield(*dst, w)
}

fn encode_subfield(s: Subfield, w: &mut Writer) -> Result<(), EncodeError> {
    encode_header(s.field, w, false)?;
    w.u16(s.ofs);
    Ok(())
}
