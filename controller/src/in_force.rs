//! What is in force: the network file, and the windows that are open.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flows::Flow;
use flows::compile::{Moment, OriginKind, Part, PortMap, Program};
use flows::timed::LONGEST;

use crate::policy::Policy;

/// A network file with the windows that are open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The file.
    pub policy: Arc<Policy>,
    /// The open windows, and when each closes, in seconds since 1970-01-01 UTC.
    pub windows: Arc<BTreeMap<String, u64>>,
    /// Counts what was in force, files and windows: a higher number is later.
    pub generation: u64,
    /// The longest hard timeout of a flow, in seconds; less than the wire has only in tests.
    pub longest: u16,
}

impl InForce {
    /// A file without an open window.
    pub fn new(policy: impl Into<Arc<Policy>>) -> Self {
        Self { policy: policy.into(), windows: Arc::default(), generation: 0, longest: LONGEST }
    }

    /// The names of the windows that the file knows.
    pub fn window_names(&self) -> BTreeSet<&str> {
        self.file.allows.iter().filter_map(|allow| allow.temp.as_deref()).collect()
    }

    /// The flows of a bridge that has these ports, at `now`, in seconds since 1970-01-01 UTC; what is as in an earlier
    /// program is taken from it.
    pub fn compile(&self, before: &Program, bridge: &str, ports: &PortMap, now: u64) -> Program {
        let moment = Moment { now, windows: BTreeMap::clone(&self.windows) };
        let mut program = flows::compile::recompile(before, &self.file, bridge, ports, &moment);
        if self.longest < LONGEST {
            program.parts.iter_mut().for_each(|part| self.shorten(part));
        }
        program
    }

    fn shorten(&self, part: &mut Arc<Part>) {
        // A raw line is installed as it stands.
        let raw = |part: &Part, flow: &Flow| {
            part.origins.get(&flow.cookie).is_some_and(|origin| origin.kind == OriginKind::Raw)
        };
        let long = |flow: &Flow| flow.hard_timeout > self.longest && !raw(part, flow);
        let long: Vec<usize> =
            part.flows.iter().enumerate().filter(|(_, flow)| long(flow)).map(|(n, _)| n).collect();
        if long.is_empty() {
            return;
        }
        let part = Arc::make_mut(part);
        for n in long {
            part.flows.get_mut(n).into_iter().for_each(|flow| flow.hard_timeout = self.longest);
        }
    }

    /// When the next thing after `now` ends by the clock, in seconds since 1970-01-01 UTC: a window or a crossing.
    pub fn next_end(&self, now: u64) -> Option<u64> {
        let crossings = self.file.crossings.iter().filter_map(|crossing| crossing.expires);
        self.windows.values().copied().chain(crossings).filter(|end| *end > now).min()
    }
}

impl Deref for InForce {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

/// What the clock on the wall shows at an instant. Without a wall of its own the state of a bridge can be tested on
/// virtual time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    at: Instant,
    since_epoch: Duration,
}

impl Clock {
    /// The time now, by both clocks.
    pub fn now() -> Self {
        Self::new(Instant::now(), Self::wall())
    }

    /// How long it is now since 1970-01-01 UTC.
    pub fn wall() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// That at `at` it is so long since 1970-01-01 UTC.
    pub fn new(at: Instant, since_epoch: Duration) -> Self {
        Self { at, since_epoch }
    }

    /// How long it is since 1970-01-01 UTC.
    pub fn since_epoch(&self, now: Instant) -> Duration {
        match now.checked_duration_since(self.at) {
            Some(later) => self.since_epoch.saturating_add(later),
            None => self.since_epoch.saturating_sub(self.at.saturating_duration_since(now)),
        }
    }

    /// The second that it is, or that begins next: counted so, nothing outlives its end.
    pub fn seconds(&self, now: Instant) -> u64 {
        ceil(self.since_epoch(now))
    }

    /// The instant at which it is `seconds` since 1970-01-01 UTC; none when that is beyond all time.
    pub fn instant(&self, seconds: u64) -> Option<Instant> {
        let end = Duration::from_secs(seconds);
        match end.checked_sub(self.since_epoch) {
            Some(later) => self.at.checked_add(later),
            None => self.at.checked_sub(self.since_epoch.saturating_sub(end)).or(Some(self.at)),
        }
    }
}

/// Seconds, rounded up.
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
