#![no_main]
//! A stream in pieces: the frames do not depend on where it was cut, nothing is held beyond the bound.

use libfuzzer_sys::fuzz_target;
use ofproto::frame::{FrameError, Framer};

/// Feeds the stream in pieces of `size` bytes; the frames in order, and the error it ends with.
fn frames(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut framer = Framer::new();
    let mut out = Vec::new();
    for mut piece in stream.chunks(size) {
        while !piece.is_empty() {
            piece = &piece[framer.feed(piece)..];
            assert!(framer.buffered() <= Framer::CAPACITY);
            loop {
                match framer.next_frame() {
                    Ok(Some(frame)) => out.push(frame.to_vec()),
                    Ok(None) => break,
                    Err(error) => return (out, Some(error)),
                }
            }
        }
    }
    (out, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((&size, stream)) = data.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, usize::from(size).max(1)), whole);
    let bytes = whole.0.concat();
    assert_eq!(bytes, stream[..bytes.len()]);
});
