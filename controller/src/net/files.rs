//! Divides the file descriptors of this process between switches and HTTP.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::SessionLimits;

/// Number of descriptors for the process itself: standard streams, the runtime, the database,
/// listeners, and the pipes of a child.
const OWN: usize = 32;
/// Largest number of HTTP connections, however many descriptors there are.
const HTTP: usize = 256;

/// The division of the descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorBudget {
    /// Limits on sessions of switches.
    pub switches: SessionLimits,
    /// HTTP connections, over all listeners.
    pub http: usize,
}

impl DescriptorBudget {
    /// Raises the soft limit on descriptors to the hard one, and divides what it allows.
    ///
    /// # Errors
    /// [`nix::Error`] if the system does not tell the limit.
    pub fn of_this_process(bridges: usize) -> Result<Self, nix::Error> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        // If it cannot be raised, the soft limit holds.
        let raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
        let files = if raised { hard } else { soft };
        Ok(Self::of(usize::try_from(files).unwrap_or(usize::MAX), bridges))
    }

    /// Divides `files` descriptors, for at most `bridges` bridges. HTTP gets a quarter at most;
    /// switches get the rest.
    pub fn of(files: usize, bridges: usize) -> Self {
        let files = files.saturating_sub(OWN);
        let http = (files / 4).clamp(2, HTTP);
        // Four fifths are for bridges: a quarter of that, the last fifth, is for sessions without
        // one.
        let room = files.saturating_sub(http) / 5 * 4;
        Self { switches: SessionLimits::for_bridges(bridges.min(room).max(1)), http }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_and_http_fit_into_the_limit_and_leave_some() {
        for files in (48..2_000).chain([4_096, 65_536, 1 << 20, usize::MAX]) {
            let budget = DescriptorBudget::of(files, 4_096);
            let SessionLimits { bridges, unnamed, .. } = budget.switches;
            assert!(bridges >= 1 && unnamed >= 1 && budget.http >= 2, "{files}: {budget:?}");
            assert!(bridges + unnamed + budget.http + OWN <= files, "{files}: {budget:?}");
        }
    }

    #[test]
    fn enough_descriptors_give_what_is_asked_for() {
        assert_eq!(DescriptorBudget::of(1 << 20, 4_096).switches, SessionLimits::default());
        assert_eq!(DescriptorBudget::of(1 << 20, 4_096).http, HTTP);
        let few = DescriptorBudget { switches: SessionLimits::for_bridges(16), http: 8 };
        assert_eq!(DescriptorBudget::of(64, 4_096), few);
    }
}
