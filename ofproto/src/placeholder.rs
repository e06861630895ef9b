//! Stand-ins until the codecs of matches, actions and instructions are in.

use bytes::Bytes;

use crate::action::Action;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::instruction::Instruction;
use crate::oxm::{Match, Oxm};

impl Wire for Match {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u16("match.type")?;
        let len = usize::from(r.u16("match.length")?);
        let Some(n) = len.checked_sub(4) else {
            return Err(r.error(DecodeErrorKind::BadLength(len), "match.length"));
        };
        let mut b = r.sub(n, "match")?;
        r.skip(len.next_multiple_of(8) - len, "match.pad")?;
        let mut fields = Vec::new();
        while !b.is_empty() {
            let class = b.u16("oxm.class")?;
            let f = b.u8("oxm.field")?;
            let n = b.u8("oxm.length")?;
            let payload = Bytes::copy_from_slice(b.bytes(usize::from(n), "oxm")?);
            fields.push(Oxm::Unknown { class, number: f >> 1, has_mask: f & 1 != 0, payload });
        }
        Ok(Self { fields })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        w.u16(1);
        let slot = w.len_slot(start);
        for f in &self.fields {
            if let Oxm::Unknown { class, number, has_mask, payload } = f {
                w.u16(*class);
                w.u8(number << 1 | u8::from(*has_mask));
                w.u8(u8::try_from(payload.len()).unwrap_or(0));
                w.bytes(payload);
            }
        }
        w.close(slot, "match")?;
        w.pad8(start);
        Ok(())
    }
}

impl Action {
    pub fn decode_list(r: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let mut list = Vec::new();
        while !r.is_empty() {
            let kind = r.u16("action.type")?;
            let len = r.u16("action.length")?;
            let body = Bytes::copy_from_slice(r.bytes(usize::from(len.saturating_sub(4)), "action")?);
            list.push(Self::Unknown { kind, body });
        }
        Ok(list)
    }
    pub fn encode_list(list: &[Self], w: &mut Writer) -> Result<(), EncodeError> {
        for a in list {
            if let Self::Unknown { kind, body } = a {
                let start = w.len();
                w.u16(*kind);
                let slot = w.len_slot(start);
                w.bytes(body);
                w.close(slot, "action")?;
            }
        }
        Ok(())
    }
}

impl Instruction {
    pub fn decode_list(r: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let mut list = Vec::new();
        while !r.is_empty() {
            let kind = r.u16("instruction.type")?;
            let len = r.u16("instruction.length")?;
            let body = Bytes::copy_from_slice(r.bytes(usize::from(len.saturating_sub(4)), "instruction")?);
            list.push(Self::Unknown { kind, body });
        }
        Ok(list)
    }
    pub fn encode_list(list: &[Self], w: &mut Writer) -> Result<(), EncodeError> {
        for a in list {
            if let Self::Unknown { kind, body } = a {
                let start = w.len();
                w.u16(*kind);
                let slot = w.len_slot(start);
                w.bytes(body);
                w.close(slot, "instruction")?;
            }
        }
        Ok(())
    }
}
