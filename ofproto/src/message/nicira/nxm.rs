//! Matches in NXM: without a frame, and under Nicira's headers wherever a field has one.

use crate::codec::{LenSlot, Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::oxm::wire::encode_known;
use crate::oxm::{Match, Oxm};

/// Decodes a match of `len` bytes, and its padding to eight bytes.
///
/// # Errors
/// Returns the errors of [`Match::decode_fields`]; `Truncated` if the padding is missing.
pub(super) fn decode(r: &mut Reader<'_>, len: u16, field: &'static str) -> Result<Match, DecodeError> {
    let len = usize::from(len);
    let fields = Match::decode_fields(&mut r.sub(len, field)?)?;
    r.skip(len.next_multiple_of(8) - len, field)?;
    Ok(fields)
}

/// Appends a match and its padding, and fills in its length, which counts from the first field.
///
/// # Errors
/// Returns the errors of [`Match::encode_fields`].
pub(super) fn encode(
    fields: &Match,
    length: LenSlot,
    w: &mut Writer,
    field: &'static str,
) -> Result<(), EncodeError> {
    let start = w.len();
    for oxm in &fields.fields {
        match oxm {
            &Oxm::Known { field, value, mask } => {
                encode_known(field, value, mask, field.info().nxm.or(field.match_header()), w)?;
            }
            Oxm::Unknown { .. } => oxm.encode(w)?,
        }
    }
    w.close(length, field)?;
    w.pad8(start);
    Ok(())
}
