//! Orders the bytes written to a switch.

use bytes::{Buf as _, Bytes};

use crate::session::Session;

/// The bytes on their way to the socket. The session's bytes come in chunks. Answers to PACKET_INs
/// share one reused buffer. Both alternate only at whole messages.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    chunk: Bytes,
    pub(super) answers: Vec<u8>,
    /// Number of bytes of the answers that are written.
    written: usize,
}

impl Outgoing {
    /// Takes the session's next chunk, unless another message is only partly written.
    pub(super) fn refill(&mut self, session: &mut Session) {
        if self.chunk.is_empty() && self.written == 0 {
            self.chunk = session.poll_transmit().unwrap_or_default();
        }
    }

    /// Returns the bytes to write next.
    pub(super) fn bytes(&self) -> &[u8] {
        if self.chunk.is_empty() { self.answers.get(self.written..).unwrap_or_default() } else { &self.chunk }
    }

    /// Returns whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Notes that `n` of [`Outgoing::bytes`] are written.
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

    /// Returns whether the answers to all PACKET_INs are written.
    pub(super) fn is_answered(&self) -> bool {
        self.written >= self.answers.len()
    }
}
