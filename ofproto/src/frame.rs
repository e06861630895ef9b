//! Cuts a stream of bytes into messages.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use crate::codec::{Reader, Wire};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::header::{HEADER_LEN, Header};

/// The longest message, in bytes: the length field has 16 bits.
pub const MAX_FRAME: usize = 0xffff;

/// The error of a stream whose next message boundary is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a message of {} bytes, shorter than its header", header.length)]
#[non_exhaustive]
pub struct FrameError {
    /// The header with the invalid length.
    pub header: Header,
}

impl From<FrameError> for DecodeError {
    fn from(error: FrameError) -> Self {
        Self {
            kind: DecodeErrorKind::BadLength(usize::from(error.header.length)),
            field: "header.length",
            at: 2,
            ovs_error: None,
        }
    }
}

/// Returns the length of the first message of a stream, header included. `None` until the message
/// is complete.
///
/// # Errors
/// [`FrameError`] if the length is shorter than a header.
pub fn next_length(stream: &[u8]) -> Result<Option<usize>, FrameError> {
    let Ok(header) = Header::decode(&mut Reader::new(stream)) else { return Ok(None) };
    let length = usize::from(header.length);
    if length < HEADER_LEN {
        return Err(FrameError { header });
    }
    Ok((stream.len() >= length).then_some(length))
}

/// Cuts a stream into messages, by their length alone. The session checks the version, because a
/// switch may answer in another one.
///
/// The framer holds at most [`Framer::CAPACITY`] bytes. Frames share the memory of the received
/// bytes. A kept frame keeps the whole buffer, so copy the parts that must outlive the frame.
#[derive(Debug, Default)]
pub struct Framer {
    buf: BytesMut,
    failed: Option<FrameError>,
}

impl Framer {
    /// Maximum number of bytes held: twice the longest message. A caller that takes all complete
    /// frames after each [`Framer::feed`] always makes progress.
    pub const CAPACITY: usize = 2 * (MAX_FRAME + 1);

    /// Returns an empty framer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes, and returns the number taken, which is lower than given if the framer is full.
    /// Take frames with [`Framer::next_frame`] until it returns `None`, then feed the rest. After
    /// an error the framer takes and discards all bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        if self.failed.is_some() {
            return bytes.len();
        }
        let room = Self::CAPACITY.saturating_sub(self.buf.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.buf.extend_from_slice(taken);
        taken.len()
    }

    /// Returns the next complete message, header included. `None` until more bytes arrive.
    ///
    /// # Errors
    /// [`FrameError`] if a length is shorter than a header. The stream is then unusable, and every
    /// later call returns the error again.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match next_length(&self.buf) {
            Ok(length) => Ok(length.map(|length| self.buf.split_to(length).freeze())),
            Err(error) => {
                self.failed = Some(error);
                self.buf = BytesMut::new();
                Err(error)
            }
        }
    }

    /// Returns the number of bytes held of messages that were not taken yet.
    pub fn buffered(&self) -> usize {
        self.buf.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovs_errors::ErrorCode;

    fn frame(version: u8, len: u16) -> Vec<u8> {
        let mut bytes = vec![version, 2];
        bytes.extend(len.to_be_bytes());
        bytes.resize(usize::from(len).max(8), 0xab);
        bytes
    }

    fn frames(framer: &mut Framer) -> Vec<usize> {
        std::iter::from_fn(|| framer.next_frame().unwrap()).map(|f| f.len()).collect()
    }

    #[test]
    fn byte_by_byte() {
        let mut framer = Framer::new();
        let stream = [frame(4, 8), frame(4, 21), frame(1, 9)].concat();
        let mut seen = Vec::new();
        for byte in &stream {
            assert_eq!(framer.feed(&[*byte]), 1);
            seen.extend(frames(&mut framer));
        }
        assert_eq!(seen, [8, 21, 9]);
        assert_eq!(framer.buffered(), 0);
    }

    #[test]
    fn the_longest_frame_of_another_version_passes() {
        let mut framer = Framer::new();
        let stream = [frame(1, 65_535), frame(4, 8)].concat();
        assert_eq!(framer.feed(&stream), stream.len());
        assert_eq!(frames(&mut framer), [65_535, 8]);
    }

    #[test]
    fn a_length_below_eight_is_fatal_and_stays_so() {
        for len in 0..8 {
            let mut framer = Framer::new();
            framer.feed(&[frame(4, 8), frame(4, len), frame(4, 8)].concat());
            assert_eq!(framer.next_frame().unwrap().unwrap().len(), 8);
            let error = framer.next_frame().unwrap_err();
            assert_eq!(error.header.length, len);
            assert_eq!(framer.feed(&frame(4, 8)), 8);
            assert_eq!(framer.next_frame(), Err(error));
            assert_eq!(framer.buffered(), 0);
            assert_eq!(DecodeError::from(error).wire_code(), ErrorCode::BAD_LEN);
        }
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let mut framer = Framer::new();
        let flood = vec![frame(4, 8); 100_000].concat();
        let taken = framer.feed(&flood);
        assert_eq!((taken, framer.buffered()), (Framer::CAPACITY, Framer::CAPACITY));
        assert_eq!(framer.feed(&flood), 0);
        assert_eq!(frames(&mut framer).len(), Framer::CAPACITY / 8);
        assert_eq!(framer.feed(b"x"), 1);
    }
}
