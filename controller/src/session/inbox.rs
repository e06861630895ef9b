//! Buffers received bytes that are not a whole message yet.

use bytes::BytesMut;

/// Room for a read while the peer sends little, in bytes.
const SMALL_READ: usize = 256;
/// Largest room for a read, for a peer that fills it, in bytes.
const LARGE_READ: usize = 64 << 10;
/// Factor by which the room grows when a read fills it.
const GROWTH: usize = 8;
/// Number of consecutive small reads that make the room small again.
const SMALL_READS: u8 = 64;

/// A buffer whose room follows the amount that the peer sends.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) bytes: BytesMut,
    /// Room for the next read.
    room: usize,
    /// Consecutive reads that left most of the room empty.
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

    /// Fits the room for the next read to the last one. A silent peer holds little memory, and a
    /// busy one is read in few steps.
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

    /// Frees a large buffer after many small reads. Call it when no whole message is left.
    pub(super) fn was_taken(&mut self) {
        if self.small_reads >= SMALL_READS {
            if self.bytes.is_empty() {
                *self = Self::new();
            } else {
                self.small_reads = SMALL_READS;
            }
        }
    }

    /// Drops all bytes: nothing more is read.
    pub(super) fn close(&mut self) {
        *self = Self::new();
    }
}
