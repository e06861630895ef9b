//! Bytes that came and are no whole message yet, and the room for more.

use bytes::BytesMut;

/// Room for a read of a session that has little to say.
const SMALL_READ: usize = 256;
/// Room for a read of one that fills what it has.
const LARGE_READ: usize = 64 << 10;
/// By so much the room grows when a read fills it.
const GROWTH: usize = 8;
/// So many reads in a row that leave most of it empty make the room small again.
const SMALL_READS: u8 = 64;

/// A buffer whose room fits how much the other side says.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) bytes: BytesMut,
    /// Room for the next read.
    room: usize,
    /// How many reads in a row left most of the room empty.
    small_reads: u8,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { bytes: BytesMut::new(), room: SMALL_READ, small_reads: 0 }
    }

    /// Makes room for the next read.
    pub(super) fn make_room(&mut self) -> &mut BytesMut {
        self.bytes.reserve(self.room);
        &mut self.bytes
    }

    /// Fits the room for the next read to the last one: whoever says nothing holds little memory, and whoever says much is
    /// read in few steps.
    pub(super) fn was_read(&mut self) {
        if self.bytes.len() == self.bytes.capacity() {
            self.room = (self.room * GROWTH).min(LARGE_READ);
            self.small_reads = 0;
        } else if self.room == SMALL_READ || self.bytes.len() >= self.room / GROWTH {
            self.small_reads = 0;
        } else {
            self.small_reads += 1;
        }
    }

    /// Gives a large buffer back, after many small reads. To be called when no whole message is left.
    pub(super) fn was_taken(&mut self) {
        if self.small_reads >= SMALL_READS {
            if self.bytes.is_empty() {
                *self = Self::new();
            } else {
                self.small_reads = SMALL_READS;
            }
        }
    }

    /// Forgets everything: nothing more is read.
    pub(super) fn close(&mut self) {
        *self = Self::new();
    }
}
