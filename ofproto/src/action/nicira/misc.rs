//! `note`, `exit`, `fin_timeout`.

use bytes::Bytes;

use super::super::Action;
use super::{EXIT, FIN_TIMEOUT, NOTE};
use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};

/// NXAST_NOTE has no length of its own: all bytes to the end are the note, padding included.
pub(super) fn decode_note(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    Ok(Some(Action::Note(Bytes::copy_from_slice(r.rest()))))
}

pub(super) fn encode_note(bytes: &[u8], w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(NOTE);
    w.bytes(bytes);
    // At least six bytes: Open vSwitch takes no note shorter than 16 bytes in all.
    w.zeros(6_usize.saturating_sub(bytes.len()));
    Ok(())
}

pub(super) fn decode_exit(r: &mut Reader<'_>) -> Result<Option<Action>, DecodeError> {
    r.skip(6, "exit padding")?;
    Ok(Some(Action::Exit))
}

pub(super) fn encode_exit(w: &mut Writer) -> Result<(), EncodeError> {
    w.u16(EXIT);
    w.zeros(6);
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
