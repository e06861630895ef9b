//! Reads the wall clock beside the monotonic one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Pairs an instant with the wall clock's time. So the state of a bridge can be tested on virtual
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    at: Instant,
    since_epoch: Duration,
}

impl Clock {
    /// Returns the present time by both clocks.
    pub fn now() -> Self {
        Self::new(Instant::now(), Self::wall())
    }

    /// Returns the time since 1970-01-01 UTC.
    pub fn wall() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// Returns a clock that shows `since_epoch`, counted from 1970-01-01 UTC, at `at`.
    pub fn new(at: Instant, since_epoch: Duration) -> Self {
        Self { at, since_epoch }
    }

    /// Returns the instant of the reading.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Returns the time since 1970-01-01 UTC at an instant.
    pub fn since_epoch(&self, now: Instant) -> Duration {
        match now.checked_duration_since(self.at) {
            Some(later) => self.since_epoch.saturating_add(later),
            None => self.since_epoch.saturating_sub(self.at.saturating_duration_since(now)),
        }
    }

    /// Returns the seconds since 1970-01-01 UTC, rounded up, so that nothing outlives its end.
    pub fn seconds(&self, now: Instant) -> u64 {
        ceil(self.since_epoch(now))
    }

    /// Returns the instant at `seconds` since 1970-01-01 UTC, if it can be represented.
    pub fn instant(&self, seconds: u64) -> Option<Instant> {
        let end = Duration::from_secs(seconds);
        match end.checked_sub(self.since_epoch) {
            Some(later) => self.at.checked_add(later),
            None => self.at.checked_sub(self.since_epoch.saturating_sub(end)).or(Some(self.at)),
        }
    }
}

/// Returns whole seconds, rounded up.
pub fn ceil(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_both_ways() {
        let at = Instant::now();
        let clock = Clock::new(at, Duration::from_millis(100_500));
        let later = at + Duration::from_secs(7);
        assert_eq!(clock.since_epoch(later), Duration::from_millis(107_500));
        assert_eq!((clock.seconds(later), clock.seconds(at)), (108, 101));
        assert_eq!(clock.instant(107), Some(at + Duration::from_millis(6_500)));
        assert_eq!(clock.since_epoch(clock.instant(50).unwrap()), Duration::from_secs(50));
        assert_eq!(clock.instant(u64::MAX), None);
        assert_eq!(ceil(Duration::from_secs(3)), 3);
    }
}
