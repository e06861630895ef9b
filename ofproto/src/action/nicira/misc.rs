//! Actions with a few numbers at most.

use bytes::Bytes;

use super::super::Action;
use super::{
    CONJUNCTION, DEC_TTL_CNT_IDS, FIN_TIMEOUT, NOTE, OUTPUT_TRUNC, SET_TUNNEL, SET_TUNNEL64, WRITE_METADATA,
    port, short, zeros,
};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::PortNo;

/// Decodes NXAST_NOTE. It has no length of its own, so all bytes to its end are the note, padding
/// included.
pub(super) fn decode_note(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    Ok(Some(Action::Note(Bytes::copy_from_slice(r.rest()))))
}

pub(super) fn encode_note(bytes: &[u8], w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(NOTE);
    w.bytes(bytes);
    // At least six bytes: Open vSwitch accepts no note shorter than 16 bytes in total.
    w.zeros(6_usize.saturating_sub(bytes.len()));
    Ok(())
}

/// Decodes an action without a body after its subtype.
pub(super) fn empty(r: &mut Reader<'_>, action: Action) -> Result<Option<Action>, DecodeError> {
    r.skip(6, "action padding")?;
    Ok(Some(action))
}

pub(super) fn encode_empty(subtype: u16, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(subtype);
    w.zeros(6);
    Ok(())
}

pub(super) fn decode_tunnel(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    r.skip(2, "set_tunnel padding")?;
    r.u32("set_tunnel id").map(|id| Some(Action::SetTunnel(id)))
}

pub(super) fn encode_tunnel(id: u32, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(SET_TUNNEL);
    w.zeros(2);
    w.u32(id);
    Ok(())
}

pub(super) fn decode_tunnel64(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    r.skip(6, "set_tunnel64 padding")?;
    r.u64("set_tunnel64 id").map(|id| Some(Action::SetTunnel64(id)))
}

pub(super) fn encode_tunnel64(id: u64, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(SET_TUNNEL64);
    w.zeros(6);
    w.u64(id);
    Ok(())
}

pub(super) fn decode_ids(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let count = usize::from(r.u16("dec_ttl n_controllers")?);
    let reserved = r.u32("dec_ttl padding")?;
    if reserved != 0 || r.remaining() < 2 * count {
        return Ok(None);
    }
    let ids = (0..count).map(|_| r.u16("dec_ttl controller id")).collect::<Result<Vec<_>, _>>()?;
    Ok((r.remaining() < 8 && zeros(r)).then_some(Action::DecNwTtlIds(ids)))
}

pub(super) fn encode_ids(ids: &[u16], w: &mut Writer) -> Result<(), EncodeError> {
    let len = ids.len();
    let count = u16::try_from(len).map_err(|_| EncodeError::TooLong { field: "dec_ttl ids", len })?;
    w.u16(DEC_TTL_CNT_IDS);
    w.u16(count);
    w.zeros(4);
    ids.iter().for_each(|id| w.u16(*id));
    Ok(())
}

pub(super) fn decode_metadata(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let reserved = r.array::<6>("write_metadata padding")?;
    let value = r.u64("write_metadata value")?;
    let mask = r.u64("write_metadata mask")?;
    Ok((reserved == [0; 6]).then_some(Action::WriteMetadata { value, mask }))
}

pub(super) fn encode_metadata(value: u64, mask: u64, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(WRITE_METADATA);
    w.zeros(6);
    w.u64(value);
    w.u64(mask);
    Ok(())
}

pub(super) fn decode_conjunction(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let clause = r.u8("conjunction clause")?;
    let n_clauses = r.u8("conjunction n_clauses")?;
    let id = r.u32("conjunction id")?;
    Ok(Some(Action::Conjunction { id, clause, n_clauses }))
}

pub(super) fn encode_conjunction(
    id: u32,
    clause: u8,
    n_clauses: u8,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    w.u16(CONJUNCTION);
    w.bytes(&[clause, n_clauses]);
    w.u32(id);
    Ok(())
}

pub(super) fn decode_output_trunc(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let port = port(r, "output_trunc port")?;
    let max_len = r.u32("output_trunc max_len")?;
    Ok(Some(Action::OutputTrunc { port, max_len }))
}

pub(super) fn encode_output_trunc(port: PortNo, max_len: u32, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(OUTPUT_TRUNC);
    w.u16(short(port, "output_trunc port")?);
    w.u32(max_len);
    Ok(())
}

pub(super) fn decode_fin_timeout(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    let idle = r.u16("fin_timeout idle")?;
    let hard = r.u16("fin_timeout hard")?;
    r.skip(2, "fin_timeout padding")?;
    Ok(Some(Action::FinTimeout { idle, hard }))
}

pub(super) fn encode_fin_timeout(idle: u16, hard: u16, w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(FIN_TIMEOUT);
    w.u16(idle);
    w.u16(hard);
    w.zeros(2);
    Ok(())
}
