//! Structures that begin with a 16-bit type and a 16-bit length, which counts both: bands and properties.

use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// Reads type and length: the type, and a reader of what is inside. Padding is not passed over.
///
/// # Errors
/// `Truncated` when fewer bytes are left than the length says; `BadLength` when it is below 4.
pub(super) fn decode<'a>(r: &mut Reader<'a>, field: &'static str) -> Result<(u16, Reader<'a>), DecodeError> {
    let kind = r.u16(field)?;
    let at_len = r.clone();
    let length = usize::from(r.u16(field)?);
    let body =
        length.checked_sub(4).ok_or_else(|| at_len.error(DecodeErrorKind::BadLength(length), field))?;
    Ok((kind, r.sub(body, field)?))
}

/// As [`decode`], and passes over the padding to eight bytes, which the length does not count.
///
/// # Errors
/// As for [`decode`]; `Truncated` when padding is missing.
pub(super) fn decode_padded<'a>(
    r: &mut Reader<'a>,
    field: &'static str,
) -> Result<(u16, Reader<'a>), DecodeError> {
    let start = r.at();
    let decoded = decode(r, field)?;
    let used = r.at() - start;
    r.skip(used.next_multiple_of(8) - used, field)?;
    Ok(decoded)
}

/// Appends type, length and body.
///
/// # Errors
/// `TooLong` above 65,535 bytes, and the body's.
pub(super) fn encode(
    w: &mut Writer,
    kind: u16,
    field: &'static str,
    body: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = w.len();
    w.u16(kind);
    let length = w.len_slot(start);
    body(w)?;
    w.close(length, field)
}

/// As [`encode`], with padding to eight bytes.
///
/// # Errors
/// As for [`encode`].
pub(super) fn encode_padded(
    w: &mut Writer,
    kind: u16,
    field: &'static str,
    body: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = w.len();
    encode(w, kind, field, body)?;
    w.pad8(start);
    Ok(())
}
