//! What is written to a switch next.

use bytes::{Buf as _, Bytes};

use crate::session::Session;

/// Bytes on their way to the socket: those of the session in chunks, and the answers to PACKET_INs, in a buffer that is used
/// again and again. Whole messages of the one go between whole messages of the other.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    chunk: Bytes,
    pub(super) answers: Vec<u8>,
    /// How much of the answers is written.
    written: usize,
}

impl Outgoing {
    /// Takes what the session has to say, where nothing else is half said.
    pub(super) fn refill(&mut self, session: &mut Session) {
        if self.chunk.is_empty() && self.written == 0 {
            self.chunk = session.poll_transmit().unwrap_or_default();
        }
    }

    /// What is to be written next.
    pub(super) fn bytes(&self) -> &[u8] {
        if self.chunk.is_empty() { self.answers.get(self.written..).unwrap_or_default() } else { &self.chunk }
    }

    /// Whether nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// So many of [`Outgoing::bytes`] are written.
    pub(super) fn advance(&mut self, n: usize) {
        if !self.chunk.is_empty() {
            return self.chunk.advance(n);
        }
        self.written += n;
        if self.is_answered() {
            self.answers.clear();
            self.written = 0;
        }
    }

    /// Whether the answers to all PACKET_INs are written.
    pub(super) fn is_answered(&self) -> bool {
        self.written >= self.answers.len()
    }
}
