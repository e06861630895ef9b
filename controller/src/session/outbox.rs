//! The bytes that wait for the socket. Answers go before requests, so that a large bundle under way
//! does not delay an echo. Both queues keep whole messages together.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Approximate size of a chunk of joined messages, in bytes.
const CHUNK: usize = 64 << 10;

/// Two queues of whole messages.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    answers: OutboxQueue,
    requests: OutboxQueue,
}

#[derive(Debug, Default)]
struct OutboxQueue {
    chunks: VecDeque<BytesMut>,
    bytes: usize,
}

impl OutboxQueue {
    fn push(&mut self, message: &[u8]) {
        self.bytes += message.len();
        match self.chunks.back_mut() {
            Some(last) if last.len() + message.len() <= CHUNK => last.extend_from_slice(message),
            _ => self.chunks.push_back(BytesMut::from(message)),
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.pop_front()?.freeze();
        self.bytes -= chunk.len();
        Some(chunk)
    }
}

impl Outbox {
    /// Queues an answer to the switch.
    pub(super) fn answer(&mut self, message: &[u8]) {
        self.answers.push(message);
    }

    /// Queues a request of the controller.
    pub(super) fn request(&mut self, message: &[u8]) {
        self.requests.push(message);
    }

    /// Returns the next whole messages to write.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        self.answers.pop().or_else(|| self.requests.pop())
    }

    /// Returns the number of bytes of waiting answers.
    pub(super) fn answer_bytes(&self) -> usize {
        self.answers.bytes
    }

    /// Returns the number of bytes of waiting requests.
    pub(super) fn request_bytes(&self) -> usize {
        self.requests.bytes
    }

    /// Drops the requests: the session is over, and only a last error is still sent.
    pub(super) fn drop_requests(&mut self) {
        self.requests = OutboxQueue::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_overtake_whole_requests_only() {
        let mut outbox = Outbox::default();
        outbox.request(&[1; 40_000]);
        outbox.request(&[2; 40_000]);
        outbox.answer(&[3; 8]);
        assert_eq!(outbox.request_bytes(), 80_000);
        assert_eq!(outbox.pop().unwrap().as_ref(), [3; 8]);
        assert_eq!(outbox.pop().unwrap().as_ref(), [1; 40_000]);
        outbox.answer(&[4; 8]);
        assert_eq!(outbox.pop().unwrap().as_ref(), [4; 8]);
        assert_eq!(outbox.pop().unwrap().as_ref(), [2; 40_000]);
        assert_eq!((outbox.pop(), outbox.answer_bytes(), outbox.request_bytes()), (None, 0, 0));
    }
}
