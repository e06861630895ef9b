//! What a network file means depends on the hour: windows open and close, crossings expire.

use std::collections::BTreeMap;

use crate::network::{Allow, EnforcementPoint, NetworkFile};

/// The state of things that end by the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeContext {
    /// Now, in seconds since 1970-01-01 UTC.
    pub now: u64,
    /// The windows that are open, by name, and when each closes, in the same seconds. One whose time has come counts
    /// as closed.
    pub windows: BTreeMap<String, u64>,
}

impl TimeContext {
    /// The moment at which most is allowed: every window of the file open, no crossing expired. What must never be is
    /// judged by this one.
    pub fn widest(file: &NetworkFile) -> Self {
        let temps = file.allows.iter().filter_map(|allow| allow.temp.clone());
        Self { now: 0, windows: temps.map(|name| (name, u64::MAX)).collect() }
    }

    /// Seconds until a window closes, none if it is closed.
    pub fn left(&self, window: &str) -> Option<u64> {
        self.until(*self.windows.get(window)?)
    }

    /// Seconds until `end`, none if that is over.
    pub fn until(&self, end: u64) -> Option<u64> {
        end.checked_sub(self.now).filter(|left| *left > 0)
    }
}

/// The allows that switches enforce, each with whether it is open now, and if so when it ends.
pub(in crate::compile) fn on_switches<'a>(
    file: &'a NetworkFile,
    moment: &TimeContext,
) -> impl Iterator<Item = (&'a Allow, Option<Option<u16>>)> {
    file.allows.iter().filter(|allow| allow.place == EnforcementPoint::Switch).map(|allow| {
        match &allow.temp {
            None => (allow, Some(None)),
            Some(window) => (allow, moment.left(window).map(|left| Some(seconds(left)))),
        }
    })
}

/// A flow lasts 65,535 seconds at most; what is to last longer is armed again in time.
pub(in crate::compile) fn seconds(left: u64) -> u16 {
    u16::try_from(left).unwrap_or(u16::MAX)
}
