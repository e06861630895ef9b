//! The ages of MAC addresses, in few bits.

/// Number of bits of a [`Tick`].
pub(super) const TICK_BITS: u32 = 3;

/// A quarter of the age limit, as a number that wraps around. The later of two ticks is known if
/// they are less than eight quarters apart.
pub(super) type Tick = u8;

/// The clock of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    seconds: u32,
    /// Seconds of a quarter.
    quarter: u32,
    /// Number of quarters that make up the age limit at least.
    limit: u32,
    /// The number of the current quarter.
    current: u32,
}

impl Age {
    pub(super) fn new(seconds: u32, now: u32) -> Self {
        let quarter = seconds.div_ceil(4).max(1);
        Self { seconds, quarter, limit: seconds.div_ceil(quarter), current: now / quarter }
    }

    /// Returns the age limit.
    pub(super) fn seconds(&self) -> u32 {
        self.seconds
    }

    /// Returns the time when the current quarter began.
    pub(super) fn now(&self) -> u32 {
        self.current * self.quarter
    }

    /// Returns the tick of an address that is seen now.
    #[inline]
    pub(super) fn tick(&self) -> Tick {
        around(self.current)
    }

    /// Returns whether the current quarter is over.
    #[inline]
    pub(super) fn is_due(&self, now: u32) -> bool {
        now.saturating_sub(self.now()) >= self.quarter
    }

    /// Advances to the quarter of `now`. Returns the test for ticks that are too old by then.
    pub(super) fn advance(&mut self, now: u32) -> impl Fn(Tick) -> bool + use<> {
        let (before, limit) = (self.current, self.limit);
        self.current = now / self.quarter;
        let passed = self.current - before;
        // Until now no entry was older than the limit, which is less than a full turn of the ticks.
        move |tick| u32::from(around(before.wrapping_sub(tick.into()))) + passed > limit
    }
}

fn around(quarters: u32) -> Tick {
    (quarters & ((1 << TICK_BITS) - 1)) as Tick
}
