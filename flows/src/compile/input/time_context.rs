//! The time on which a network file's meaning depends: windows open and close, crossings expire.

use std::collections::BTreeMap;

use crate::network::{Allow, EnforcementPoint, NetworkFile};

/// The state of everything that ends by the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeContext {
    /// The current time in seconds since 1970-01-01 UTC.
    pub now: u64,
    /// The open windows by name, each with its deadline in the same unit. A window past its
    /// deadline counts as closed.
    pub windows: BTreeMap<String, u64>,
}

impl TimeContext {
    /// Returns the time context that allows most: every window of the file open, no crossing
    /// expired. The `never` statements are checked against it.
    pub fn widest(file: &NetworkFile) -> Self {
        let temps = file.allows.iter().filter_map(|allow| allow.temp.clone());
        Self { now: 0, windows: temps.map(|name| (name, u64::MAX)).collect() }
    }

    /// Returns the seconds until a window closes, or `None` if it is closed.
    pub fn left(&self, window: &str) -> Option<u64> {
        self.until(*self.windows.get(window)?)
    }

    /// Returns the seconds until `end`, or `None` if that is over.
    pub fn until(&self, end: u64) -> Option<u64> {
        end.checked_sub(self.now).filter(|left| *left > 0)
    }
}

/// Returns the allows that switches enforce, each with whether it is open now, and if so when it
/// ends.
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

/// Returns a timeout in seconds. A flow lasts at most 65,535 seconds, and a longer one is armed
/// again in time.
pub(in crate::compile) fn seconds(left: u64) -> u16 {
    u16::try_from(left).unwrap_or(u16::MAX)
}
