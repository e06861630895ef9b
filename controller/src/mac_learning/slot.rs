//! One entry of the table, in eight bytes.

use super::age::{TICK_BITS, Tick};

/// Number of bits of a port's place.
pub(super) const PLACE_BITS: u32 = 16 - TICK_BITS;

/// The bits of an entry, from the highest: 48 of the address, then the [place](super::ports) of its
/// port in its VLAN, then the tick when it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TableSlot(u64);

impl TableSlot {
    /// The empty entry. No host has the address zero.
    pub(super) const EMPTY: Self = Self(0);

    #[inline]
    pub(super) fn new(mac: u64, place: u16, tick: Tick) -> Self {
        Self(mac << 16 | u64::from(place) << TICK_BITS | u64::from(tick))
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(super) fn mac(self) -> u64 {
        self.0 >> 16
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lowest 16 bits are asked for")]
    pub(super) fn place(self) -> u16 {
        self.0 as u16 >> TICK_BITS
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are asked for")]
    pub(super) fn tick(self) -> Tick {
        self.0 as Tick & Tick::MAX >> (Tick::BITS - TICK_BITS)
    }

    /// Notes that the address was seen again.
    #[inline]
    pub(super) fn see(&mut self, tick: Tick) {
        *self = Self::new(self.mac(), self.place(), tick);
    }
}
