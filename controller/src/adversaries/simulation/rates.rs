//! Counts a controller's messages per second and per minute, so that a loop without back-off shows.

use std::time::Duration;

use ofproto::MessageType;

const FLOW: [u8; 2] = [0, 1];

/// Holds the highest rates to all switches together.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    second: Window,
    minute: Window,
}

#[derive(Debug, Default)]
struct Window {
    number: u64,
    messages: u32,
    reads: u32,
    most_messages: u32,
    most_reads: u32,
}

impl Window {
    fn sent(&mut self, number: u64, read: bool) {
        if self.number != number {
            *self = Self { number, messages: 0, reads: 0, ..*self };
        }
        self.messages += 1;
        self.reads += u32::from(read);
        self.most_messages = self.most_messages.max(self.messages);
        self.most_reads = self.most_reads.max(self.reads);
    }
}

impl Rates {
    pub(super) fn sent(&mut self, elapsed: Duration, frame: &[u8]) {
        let read = frame.get(1) == Some(&MessageType::MULTIPART_REQUEST.0) && frame.get(8..10) == Some(&FLOW);
        self.second.sent(elapsed.as_secs(), read);
        self.minute.sent(elapsed.as_secs() / 60, read);
    }

    /// Returns the most reads in one second and in one minute.
    pub(crate) fn most_reads(&self) -> (u32, u32) {
        (self.second.most_reads, self.minute.most_reads)
    }

    /// Returns the most messages in one minute.
    pub(crate) fn most_messages(&self) -> u32 {
        self.minute.most_messages
    }
}
