//! Reading and writing of big-endian structures, with each length checked once.

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// A value with one wire form.
pub trait Wire: Sized {
    /// Decodes the value at the reader's position.
    ///
    /// # Errors
    /// [`DecodeError`] names the field and the offset of the first invalid byte.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Appends the value.
    ///
    /// # Errors
    /// [`EncodeError`] if a part does not fit its field.
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError>;
}

/// A cursor over the bytes of one message.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    buf: &'a [u8],
    at: usize,
    owner: Option<&'a Bytes>,
}

impl<'a> Reader<'a> {
    /// Returns a reader at the first byte of a message.
    pub fn new(buf: &'a [u8]) -> Self {
        Self { buf, at: 0, owner: None }
    }

    /// Returns a reader at the first byte of a message whose memory may be shared: see
    /// [`Reader::rest_shared`].
    pub fn shared(buf: &'a Bytes) -> Self {
        Self { buf, at: 0, owner: Some(buf) }
    }

    /// Returns the offset from the start of the message, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns the number of bytes left.
    pub fn remaining(&self) -> usize {
        self.buf.len()
    }

    /// Returns whether no bytes are left.
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Returns an error at the current offset.
    pub fn error(&self, kind: DecodeErrorKind, field: &'static str) -> DecodeError {
        DecodeError { kind, field, at: self.at, ovs_error: None }
    }

    /// Returns the next `n` bytes.
    ///
    /// # Errors
    /// `Truncated` if fewer are left.
    pub fn bytes(&mut self, n: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some((head, tail)) = self.buf.split_at_checked(n) else {
            return Err(self.error(DecodeErrorKind::Truncated, field));
        };
        self.buf = tail;
        self.at += n;
        Ok(head)
    }

    /// Returns the next `N` bytes as an array.
    ///
    /// # Errors
    /// `Truncated` if fewer are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((head, tail)) = self.buf.split_first_chunk::<N>() else {
            return Err(self.error(DecodeErrorKind::Truncated, field));
        };
        self.buf = tail;
        self.at += N;
        Ok(*head)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// `Truncated` if none is left.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        Ok(u8::from_be_bytes(self.array(field)?))
    }

    /// Reads two bytes.
    ///
    /// # Errors
    /// `Truncated` if fewer are left.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    /// Reads four bytes.
    ///
    /// # Errors
    /// `Truncated` if fewer are left.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// Reads eight bytes.
    ///
    /// # Errors
    /// `Truncated` if fewer are left.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// Skips `n` bytes of padding.
    ///
    /// # Errors
    /// `Truncated` if fewer are left.
    pub fn skip(&mut self, n: usize, field: &'static str) -> Result<(), DecodeError> {
        self.bytes(n, field).map(|_| ())
    }

    /// Returns all bytes left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.buf;
        self.at += rest.len();
        self.buf = &[];
        rest
    }

    /// Returns all bytes left as an owned value, without a copy if the message's memory may be
    /// shared. Use it for short-lived payloads. Copy a payload that is kept, because it would keep
    /// the whole message.
    pub fn rest_shared(&mut self) -> Bytes {
        let rest = self.rest();
        self.owner.map_or_else(|| Bytes::copy_from_slice(rest), |owner| owner.slice_ref(rest))
    }

    /// Returns a copy of all bytes left.
    pub fn rest_copied(&mut self) -> Bytes {
        Bytes::copy_from_slice(self.rest())
    }

    /// Returns a copy of the text in a field of `n` bytes. The text ends at the first NUL, or with
    /// the field.
    ///
    /// # Errors
    /// `Truncated` if fewer bytes are left.
    pub fn text(&mut self, n: usize, field: &'static str) -> Result<Bytes, DecodeError> {
        let text = self.bytes(n, field)?.split(|b| *b == 0).next().unwrap_or_default();
        Ok(Bytes::copy_from_slice(text))
    }

    /// Returns a reader of the next `n` bytes. Its offsets still count from the start of the
    /// message.
    ///
    /// # Errors
    /// `Truncated` if fewer bytes are left.
    pub fn sub(&mut self, n: usize, field: &'static str) -> Result<Reader<'a>, DecodeError> {
        let (at, owner) = (self.at, self.owner);
        Ok(Reader { buf: self.bytes(n, field)?, at, owner })
    }

    /// Returns a reader of the structure that begins here, and moves past it. The structure begins
    /// with its 16-bit length, which includes itself.
    ///
    /// # Errors
    /// `Truncated` if fewer bytes are left than the length says; `BadLength` if the length is
    /// shorter than its own field.
    pub fn sized(&mut self, field: &'static str) -> Result<Reader<'a>, DecodeError> {
        let start = self.clone();
        let len = self.u16(field)?;
        let Some(rest) = len.checked_sub(2) else {
            return Err(start.error(DecodeErrorKind::BadLength(usize::from(len)), field));
        };
        self.sub(usize::from(rest), field)
    }

    /// Ends a structure, and checks that no bytes are left.
    ///
    /// # Errors
    /// `BadLength` with the number of bytes left over.
    pub fn finish(self, field: &'static str) -> Result<(), DecodeError> {
        if self.buf.is_empty() {
            Ok(())
        } else {
            Err(self.error(DecodeErrorKind::BadLength(self.buf.len()), field))
        }
    }
}

/// A growing buffer of encoded messages.
#[derive(Debug, Default)]
pub struct Writer {
    buf: Vec<u8>,
}

/// A 16-bit length to be filled in when the structure is complete.
#[must_use = "a length that is never closed stays zero"]
#[derive(Debug)]
pub struct LenSlot {
    slot: usize,
    start: usize,
}

impl Writer {
    /// Returns an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of bytes written so far.
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Returns whether no bytes are written.
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Returns the bytes written so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.buf
    }

    /// Copies the two bytes at `from` over those at `to`. Does nothing if either range is outside
    /// the buffer.
    pub fn copy_u16(&mut self, from: usize, to: usize) {
        if from.max(to) + 2 <= self.buf.len() {
            self.buf.copy_within(from..from + 2, to);
        }
    }

    /// Drops the bytes after the first `len`, so that a structure that failed half-way leaves no
    /// trace.
    pub fn truncate(&mut self, len: usize) {
        self.buf.truncate(len);
    }

    /// Appends a text in a field of `n` bytes, padded with NULs.
    ///
    /// # Errors
    /// `TooLong` above `n` bytes; `DoesNotFit` for a text with a NUL inside, which would not decode
    /// to itself.
    pub fn text(&mut self, text: &[u8], n: usize, field: &'static str) -> Result<(), EncodeError> {
        let Some(fill) = n.checked_sub(text.len()) else {
            return Err(EncodeError::TooLong { field, len: text.len() });
        };
        if text.contains(&0) {
            return Err(EncodeError::DoesNotFit { field, value: 0 });
        }
        self.bytes(text);
        self.zeros(fill);
        Ok(())
    }

    /// Returns the written bytes.
    pub fn into_vec(self) -> Vec<u8> {
        self.buf
    }

    /// Appends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub fn u8(&mut self, v: u8) {
        self.buf.push(v);
    }

    /// Appends two bytes.
    pub fn u16(&mut self, v: u16) {
        self.bytes(&v.to_be_bytes());
    }

    /// Appends four bytes.
    pub fn u32(&mut self, v: u32) {
        self.bytes(&v.to_be_bytes());
    }

    /// Appends eight bytes.
    pub fn u64(&mut self, v: u64) {
        self.bytes(&v.to_be_bytes());
    }

    /// Appends `n` zero bytes.
    pub fn zeros(&mut self, n: usize) {
        self.buf.resize(self.buf.len() + n, 0);
    }

    /// Appends zero bytes until the number of bytes since `start` is a multiple of eight.
    pub fn pad8(&mut self, start: usize) {
        let len = self.buf.len() - start;
        self.zeros(len.next_multiple_of(8) - len);
    }

    /// Writes a 16-bit length of zero, to be closed later. The length counts from `start`.
    pub fn len_slot(&mut self, start: usize) -> LenSlot {
        let slot = self.buf.len();
        self.u16(0);
        LenSlot { slot, start }
    }

    /// Fills in the length from the slot's start to the current end.
    ///
    /// # Errors
    /// `TooLong` above 65,535 bytes.
    pub fn close(&mut self, slot: LenSlot, field: &'static str) -> Result<(), EncodeError> {
        let len = self.buf.len() - slot.start;
        let value = u16::try_from(len).map_err(|_| EncodeError::TooLong { field, len })?;
        if let Some(bytes) = self.buf.get_mut(slot.slot..slot.slot + 2) {
            bytes.copy_from_slice(&value.to_be_bytes());
        }
        Ok(())
    }
}
