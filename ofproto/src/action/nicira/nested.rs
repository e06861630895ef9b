//! The wire form of actions with actions inside: NXAST_CT 35 and NXAST_CLONE 42.

use super::super::subfield::{decode_header, encode_header};
use super::super::{Action, Ct, CtZone, MAX_DEPTH, Subfield};
use super::{CLONE, CT};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::TableId;

/// NX_CT_RECIRC_NONE.
const NO_TABLE: u8 = 0xff;

pub(super) fn decode_ct(r: &mut Reader<'_>, depth: usize) -> Result<Option<Action>, DecodeError> {
    let flags = r.u16("ct flags")?;
    let mut header = r.sub(4, "ct zone source")?;
    let number = r.u16("ct zone")?;
    let zone = if header.clone().u32("ct zone source")? == 0 {
        CtZone::Immediate(number)
    } else {
        let field = decode_header(&mut header, false)?;
        let Some(src) = field.and_then(|field| Subfield::unpacked(field, number)) else { return Ok(None) };
        CtZone::Field(src)
    };
    let table = r.u8("ct table")?;
    r.skip(3, "ct padding")?;
    let alg = r.u16("ct alg")?;
    if depth >= MAX_DEPTH {
        return Ok(None);
    }
    let actions = Action::decode_nested(r, depth + 1)?;
    let table = Some(TableId(table)).filter(|table| table.0 != NO_TABLE);
    Ok(Some(Action::Ct(Box::new(Ct { flags, zone, table, alg, actions }))))
}

pub(super) fn encode_ct(ct: &Ct, w: &mut Writer, depth: usize) -> Result<(), EncodeError> {
    w.u16(CT);
    w.u16(ct.flags);
    match ct.zone {
        CtZone::Immediate(zone) => {
            w.zeros(4);
            w.u16(zone);
        }
        CtZone::Field(src) => {
            let bits = src.packed()?;
            encode_header(src.field, w, false)?;
            w.u16(bits);
        }
    }
    w.u8(ct.table.map_or(NO_TABLE, |table| table.0));
    w.zeros(3);
    w.u16(ct.alg);
    Action::encode_nested(&ct.actions, w, depth + 1)
}

pub(super) fn decode_clone(r: &mut Reader<'_>, depth: usize) -> Result<Option<Action>, DecodeError> {
    r.skip(6, "clone padding")?;
    if depth >= MAX_DEPTH {
        return Ok(None);
    }
    Action::decode_nested(r, depth + 1).map(|actions| Some(Action::Clone(actions)))
}

pub(super) fn encode_clone(actions: &[Action], w: &mut Writer, depth: usize) -> Result<(), EncodeError> {
    w.u16(CLONE);
    w.zeros(6);
    Action::encode_nested(actions, w, depth + 1)
}
