//! Generates the same random numbers each time (SplitMix64).

/// A sequence of numbers.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns true in `percent` of 100 calls.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// Returns one of the choices.
    pub(super) fn pick<T: Copy>(&mut self, some: &[T]) -> Option<T> {
        let n = u64::try_from(some.len()).ok().filter(|n| *n > 0)?;
        some.get(usize::try_from(self.next() % n).ok()?).copied()
    }
}
