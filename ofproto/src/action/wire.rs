//! The wire form of lists of actions: framing and dispatch.

use bytes::Bytes;

use super::{Action, MAX_DEPTH, nicira as experimenter, standard as st};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// OFPAT_EXPERIMENTER.
const EXPERIMENTER: u16 = 0xffff;

impl Action {
    /// Decodes the list inside `depth` actions.
    pub(crate) fn decode_nested(r: &mut Reader<'_>, depth: usize) -> Result<Vec<Self>, DecodeError> {
        let mut actions = Vec::new();
        while !r.is_empty() {
            actions.push(Self::decode_one(r, depth)?);
        }
        Ok(actions)
    }

    /// Appends actions.
    ///
    /// A masked `set_field` becomes its replacement in OpenFlow 1.3: see [`Action::lowered`].
    ///
    /// # Errors
    /// `TooLong` for an action above 65,535 bytes; `DoesNotFit` for values wider than their fields,
    /// bits that a field lacks, ports without a 16-bit form where one is needed, unknown actions
    /// that are not padded, and nesting deeper than [`MAX_DEPTH`].
    pub fn encode_list(actions: &[Self], w: &mut Writer) -> Result<(), EncodeError> {
        Self::encode_nested(actions, w, 0)
    }

    /// Encodes the list inside `depth` actions.
    pub(super) fn encode_nested(actions: &[Self], w: &mut Writer, depth: usize) -> Result<(), EncodeError> {
        if depth > MAX_DEPTH {
            return Err(EncodeError::DoesNotFit { field: "action nesting", value: depth as u128 });
        }
        actions.iter().try_for_each(|action| action.encode(w, depth))
    }

    fn decode_one(r: &mut Reader<'_>, depth: usize) -> Result<Self, DecodeError> {
        let kind = r.u16("action type")?;
        let at_len = r.clone();
        let len = usize::from(r.u16("action length")?);
        let body = len.checked_sub(4).filter(|_| len >= 8 && len.is_multiple_of(8));
        let body = body.ok_or_else(|| at_len.error(DecodeErrorKind::BadLength(len), "action length"))?;
        let mut body = r.sub(body, "action")?;
        let whole = body.clone();
        let known = match kind {
            EXPERIMENTER => experimenter::decode(&mut body, depth)?,
            _ => st::decode(kind, &mut body)?,
        };
        match known {
            Some(action) => body.finish("action").map(|()| action),
            None => Ok(Self::Unknown { kind, body: Bytes::copy_from_slice(whole.clone().rest()) }),
        }
    }

    /// Appends one action. A masked `set_field` may become several, or none.
    fn encode(&self, w: &mut Writer, depth: usize) -> Result<(), EncodeError> {
        match self {
            &Self::Output { port, max_len } => frame(w, st::OUTPUT, |w| {
                w.u32(port.0);
                w.u16(max_len);
                w.zeros(6);
                Ok(())
            }),
            Self::CopyTtlOut => word(w, st::COPY_TTL_OUT, 0),
            Self::CopyTtlIn => word(w, st::COPY_TTL_IN, 0),
            &Self::SetMplsTtl(ttl) => word(w, st::SET_MPLS_TTL, u32::from(ttl) << 24),
            Self::DecMplsTtl => word(w, st::DEC_MPLS_TTL, 0),
            &Self::PushVlan(ethertype) => word(w, st::PUSH_VLAN, u32::from(ethertype) << 16),
            Self::PopVlan => word(w, st::POP_VLAN, 0),
            &Self::PushMpls(ethertype) => word(w, st::PUSH_MPLS, u32::from(ethertype) << 16),
            &Self::PopMpls(ethertype) => word(w, st::POP_MPLS, u32::from(ethertype) << 16),
            &Self::SetQueue(queue) => word(w, st::SET_QUEUE, queue),
            &Self::Group(group) => word(w, st::GROUP, group.0),
            &Self::SetNwTtl(ttl) => word(w, st::SET_NW_TTL, u32::from(ttl) << 24),
            Self::DecNwTtl => word(w, st::DEC_NW_TTL, 0),
            Self::SetField(oxm) => match self.lowered() {
                Some(lowered) => Self::encode_list(&lowered, w),
                None => frame(w, st::SET_FIELD, |w| st::set_field_body(oxm, w)),
            },
            &Self::PushPbb(ethertype) => word(w, st::PUSH_PBB, u32::from(ethertype) << 16),
            Self::PopPbb => word(w, st::POP_PBB, 0),
            Self::Legacy(legacy) => frame(w, legacy.kind(), |w| {
                legacy.encode(w);
                Ok(())
            }),
            Self::Unknown { kind, body } => {
                if body.len() < 4 || body.len() % 8 != 4 {
                    let value = body.len() as u128;
                    return Err(EncodeError::DoesNotFit { field: "action body length", value });
                }
                frame(w, *kind, |w| {
                    w.bytes(body);
                    Ok(())
                })
            }
            _ => frame(w, EXPERIMENTER, |w| experimenter::encode(self, w, depth)),
        }
    }
}

/// Appends type and length around a body, padded to eight bytes.
fn frame(
    w: &mut Writer,
    kind: u16,
    body: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = w.len();
    w.u16(kind);
    let len = w.len_slot(start);
    body(w)?;
    w.pad8(start);
    w.close(len, "action")
}

/// Appends an action of eight bytes.
fn word(w: &mut Writer, kind: u16, body: u32) -> Result<(), EncodeError> {
    frame(w, kind, |w| {
        w.u32(body);
        Ok(())
    })
}
