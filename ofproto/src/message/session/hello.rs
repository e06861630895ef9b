//! OFPT_HELLO (OpenFlow 1.3.5 §7.5.1).

use bytes::Bytes;

use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::header::VERSION;

/// The message that opens a session, with the versions that the sender speaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// The version in the header: the highest that the sender speaks.
    pub version: u8,
    /// The first word of the version bitmap, bit n for version n. `None` without the element.
    pub bitmap: Option<u32>,
    /// The bytes after the header, if they hold more than `version` and `bitmap`; otherwise empty.
    /// They may hold unknown elements, more versions, or another version's data. A non-empty body
    /// is sent in place of the bitmap.
    pub body: Bytes,
}

/// OFPHET_VERSIONBITMAP.
const VERSION_BITMAP: u16 = 1;

impl Hello {
    /// Returns a HELLO with a bitmap of one word, or without an element.
    pub const fn new(version: u8, bitmap: Option<u32>) -> Self {
        Self { version, bitmap, body: Bytes::new() }
    }

    /// Returns Portcullis's HELLO, which offers OpenFlow 1.3 only.
    pub const fn ours() -> Self {
        Self::new(VERSION, Some(1 << VERSION))
    }

    /// Returns whether the sender speaks OpenFlow 1.3 (§6.3.1). The bitmap decides. Without one, a
    /// highest version of 1.3 or later suffices, because the sender then has to accept the lower
    /// offer.
    pub const fn speaks_ours(&self) -> bool {
        match self.bitmap {
            Some(bitmap) => bitmap & (1 << VERSION) != 0,
            None => self.version >= VERSION,
        }
    }

    /// Decodes the bytes after a header of `version`. Elements other than the bitmap are kept
    /// without being decoded, and so are words of the bitmap beyond its first. A version without
    /// elements may put any data here (§7.5.1).
    ///
    /// # Errors
    /// [`DecodeError`] if the lengths of the elements are wrong and the version is 1.3 or later.
    pub fn decode(version: u8, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut whole = r.clone();
        let bitmap = match decode_bitmap(r) {
            Err(error) if version >= VERSION => return Err(error),
            bitmap => bitmap.unwrap_or(None),
        };
        r.rest();
        let hello = Self::new(version, bitmap);
        let mut plain = Writer::new();
        let says_it_all = hello.encode(&mut plain).is_ok() && plain.as_slice() == whole.clone().rest();
        Ok(if says_it_all { hello } else { Self { body: whole.rest_copied(), ..hello } })
    }

    /// Appends the elements.
    ///
    /// # Errors
    /// Never returns an error. The signature is that of the other messages.
    pub fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        if !self.body.is_empty() {
            w.bytes(&self.body);
        } else if let Some(bitmap) = self.bitmap {
            let start = w.len();
            w.u16(VERSION_BITMAP);
            let slot = w.len_slot(start);
            w.u32(bitmap);
            w.close(slot, "hello.element")?;
        }
        Ok(())
    }
}

fn decode_bitmap(r: &mut Reader<'_>) -> Result<Option<u32>, DecodeError> {
    let mut bitmap = None;
    while !r.is_empty() {
        let start = r.at();
        let kind = r.u16("hello.element.type")?;
        let length = r.u16("hello.element.length")?;
        let Some(body) = length.checked_sub(4) else {
            return Err(r.error(DecodeErrorKind::BadLength(usize::from(length)), "hello.element.length"));
        };
        let mut body = r.sub(usize::from(body), "hello.element")?;
        if kind == VERSION_BITMAP && bitmap.is_none() && !body.is_empty() {
            bitmap = Some(body.u32("hello.bitmap")?);
        }
        // The padding of the last element may be missing.
        let used = r.at() - start;
        r.skip((used.next_multiple_of(8) - used).min(r.remaining()), "hello.element.pad")?;
    }
    Ok(bitmap)
}
