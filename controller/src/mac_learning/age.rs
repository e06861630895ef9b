//! How old an address may become, told in few bits.

/// How many bits a [`Tick`] has.
pub(super) const TICK_BITS: u32 = 3;

/// A quarter of an age, counted around. Of two that are less than eight quarters apart it is known which is the later.
pub(super) type Tick = u8;

/// The clock of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    seconds: u32,
    /// Seconds of a quarter.
    quarter: u32,
    /// So many quarters are at least an age.
    limit: u32,
    /// Which quarter it is.
    current: u32,
}

impl Age {
    pub(super) fn new(seconds: u32, now: u32) -> Self {
        let quarter = seconds.div_ceil(4).max(1);
        Self { seconds, quarter, limit: seconds.div_ceil(quarter), current: now / quarter }
    }

    /// The age that it was made of.
    pub(super) fn seconds(&self) -> u32 {
        self.seconds
    }

    /// The time when the current quarter began.
    pub(super) fn now(&self) -> u32 {
        self.current * self.quarter
    }

    /// What is seen now has this.
    #[inline]
    pub(super) fn tick(&self) -> Tick {
        around(self.current)
    }

    /// Whether the current quarter is over.
    #[inline]
    pub(super) fn is_due(&self, now: u32) -> bool {
        now.saturating_sub(self.now()) >= self.quarter
    }

    /// The next quarter, or one of those after it, has begun: what is too old by now.
    pub(super) fn advance(&mut self, now: u32) -> impl Fn(Tick) -> bool + use<> {
        let (before, limit) = (self.current, self.limit);
        self.current = now / self.quarter;
        let passed = self.current - before;
        // Until now no entry was older than the limit, which is less than the clock's turn.
        move |tick| u32::from(around(before.wrapping_sub(tick.into()))) + passed > limit
    }
}

fn around(quarters: u32) -> Tick {
    (quarters & ((1 << TICK_BITS) - 1)) as Tick
}
