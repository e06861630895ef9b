//! Structures that begin with a 16-bit type and a 16-bit length, which includes both: bands and
//! properties.

use bytes::Bytes;

use super::{decode_list, encode_list, with_ovs_error};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::ovs_errors::OvsError;

/// Returns the type, and a reader of the body. Padding is not skipped.
///
/// # Errors
/// `Truncated` if fewer bytes are left than the length says; `BadLength` if it is below 4.
pub(super) fn decode<'a>(r: &mut Reader<'a>, field: &'static str) -> Result<(u16, Reader<'a>), DecodeError> {
    let kind = r.u16(field)?;
    let at_len = r.clone();
    let length = usize::from(r.u16(field)?);
    let body =
        length.checked_sub(4).ok_or_else(|| at_len.error(DecodeErrorKind::BadLength(length), field))?;
    Ok((kind, r.sub(body, field)?))
}

/// Does the work of [`decode`], and skips the padding to eight bytes, which the length excludes.
///
/// # Errors
/// Returns the errors of [`decode`]; `Truncated` if padding is missing.
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
/// `TooLong` above 65,535 bytes, and the errors of the body.
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

/// Does the work of [`encode`], with padding to eight bytes.
///
/// # Errors
/// Returns the errors of [`encode`].
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

/// A property of unknown contents, with its bytes unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Property {
    /// The type, in the numbering of the enclosing structure. 0xffff is an experimenter's in nearly
    /// all of them.
    pub kind: u16,
    /// The bytes after type and length, without the padding to eight bytes.
    pub body: Bytes,
}

impl Property {
    pub(super) fn new(kind: u16, mut body: Reader<'_>) -> Self {
        Self { kind, body: body.rest_copied() }
    }
}

impl Wire for Property {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, body) = decode_padded(r, "property")?;
        Ok(Self::new(kind, body))
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        encode_padded(w, self.kind, "property", |w| {
            w.bytes(&self.body);
            Ok(())
        })
    }
}

/// Decodes properties until no bytes are left.
///
/// # Errors
/// Returns the errors of the properties. Open vSwitch has an error of its own for wrong lengths in
/// them.
pub(super) fn decode_properties<T: Wire>(r: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
    with_ovs_error(OvsError::PropertyLen, r, decode_list)
}

/// Decodes the properties inside a property, after four bytes of padding.
///
/// # Errors
/// Returns the errors of the properties.
pub(super) fn decode_nested<T: Wire>(mut r: Reader<'_>, field: &'static str) -> Result<Vec<T>, DecodeError> {
    r.skip(4, field)?;
    decode_list(&mut r)
}

/// Appends a property that holds properties.
///
/// # Errors
/// Returns the errors of the properties.
pub(super) fn encode_nested<T: Wire>(
    w: &mut Writer,
    kind: u16,
    field: &'static str,
    list: &[T],
) -> Result<(), EncodeError> {
    encode_padded(w, kind, field, |w| {
        w.zeros(4);
        encode_list(list, w)
    })
}
