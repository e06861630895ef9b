//! Windows: the times in which `temp` allows are open. Checks the requests for windows. The time is
//! an argument.

mod duration;
mod error;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ofctl::nearest;

pub use self::duration::{DurationError, MAX, parse_duration, utc, words};
pub use self::error::WindowError;
use crate::clock::ceil;
use crate::store::Window;

/// Longest reason, in characters.
pub const MAX_REASON: usize = 500;
/// Number of seconds by which a window may have been opened in the future. Beyond it, the clock was
/// adjusted.
const CLOCK: u64 = 3_600;

/// The open windows.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    open: BTreeMap<String, Window>,
}

/// A request to open a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowRequest {
    /// Its name.
    pub name: String,
    /// The duration, in seconds.
    pub seconds: u64,
    /// The reason.
    pub reason: String,
    /// True if an open window may be extended.
    pub extend: bool,
    /// The user who requests it.
    pub who: String,
}

/// The reason why a window closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowEnd {
    /// Its deadline is over.
    Over,
    /// The adjusted clock puts its opening in the future, so its deadline is unknown.
    Clock,
    /// The network file has no rule for it any more.
    Unnamed,
}

impl Windows {
    /// Returns the open windows, as they were stored.
    pub fn new(remembered: Vec<Window>) -> Self {
        Self { open: remembered.into_iter().map(|w| (w.name.clone(), w)).collect() }
    }

    /// Returns the window that a request would open at `now`, since 1970-01-01 UTC. `names` are the
    /// windows of the network file.
    ///
    /// # Errors
    /// [`WindowError`] if there is no such window, it is open already, or its duration or reason is
    /// invalid.
    pub fn opening(
        &self,
        now: Duration,
        names: &BTreeSet<&str>,
        wish: &WindowRequest,
    ) -> Result<Window, WindowError> {
        known(names, &wish.name)?;
        if wish.seconds == 0 {
            return Err(DurationError::Zero.into());
        }
        if wish.seconds > MAX {
            return Err(DurationError::TooLong(wish.seconds).into());
        }
        let reason = wish.reason.trim();
        if reason.is_empty() {
            return Err(WindowError::NoReason);
        }
        let length = reason.chars().count();
        if length > MAX_REASON || reason.chars().any(char::is_control) {
            return Err(WindowError::Reason { length });
        }
        // The window is never shorter than requested: a second that has begun does not count.
        let closes_at = ceil(now).saturating_add(wish.seconds);
        let mut opened_at = now.as_secs();
        if let Some(open) = self.open.get(&wish.name) {
            if !wish.extend {
                return Err(WindowError::Open(open.clone()));
            }
            if closes_at <= open.closes_at {
                return Err(WindowError::Longer { open: open.clone(), closes_at });
            }
            opened_at = open.opened_at;
        }
        Ok(Window {
            name: wish.name.clone(),
            opened_at,
            closes_at,
            reason: reason.to_owned(),
            who: wish.who.clone(),
        })
    }

    /// Returns the open window that a request would close.
    ///
    /// # Errors
    /// [`WindowError`] if there is no such window, or it is not open.
    pub fn closing(&self, names: &BTreeSet<&str>, name: &str) -> Result<Window, WindowError> {
        if let Some(open) = self.open.get(name) {
            return Ok(open.clone());
        }
        known(names, name)?;
        Err(WindowError::Closed(name.to_owned()))
    }

    /// Adds an open window.
    pub fn put(&mut self, window: Window) {
        self.open.insert(window.name.clone(), window);
    }

    /// Removes a closed window.
    pub fn remove(&mut self, name: &str) {
        self.open.remove(name);
    }

    /// Returns the windows whose deadline is over at `now`, and those that the network file does
    /// not name any more. They stay until they are removed.
    pub fn ending(&self, now: Duration, names: &BTreeSet<&str>) -> Vec<(Window, WindowEnd)> {
        let ending = |w: &Window| {
            if w.closes_at <= now.as_secs() {
                Some(WindowEnd::Over)
            } else if w.opened_at > now.as_secs().saturating_add(CLOCK) {
                Some(WindowEnd::Clock)
            } else {
                (!names.contains(w.name.as_str())).then_some(WindowEnd::Unnamed)
            }
        };
        self.open.values().filter_map(|w| Some((w.clone(), ending(w)?))).collect()
    }

    /// Returns the next closing time, in seconds since 1970-01-01 UTC.
    pub fn next_end(&self) -> Option<u64> {
        self.open.values().map(|w| w.closes_at).min()
    }

    /// Returns the open windows, by name.
    pub fn all(&self) -> impl Iterator<Item = &Window> {
        self.open.values()
    }

    /// Returns the closing times, in seconds since 1970-01-01 UTC.
    pub fn ends(&self) -> BTreeMap<String, u64> {
        self.open.values().map(|w| (w.name.clone(), w.closes_at)).collect()
    }
}

fn known(names: &BTreeSet<&str>, name: &str) -> Result<(), WindowError> {
    if names.contains(name) {
        return Ok(());
    }
    Err(WindowError::Unknown {
        name: name.to_owned(),
        nearest: nearest(name, names.iter().copied()).map(str::to_owned),
        there: names.iter().map(|n| (*n).to_owned()).collect(),
    })
}
