//! Processes, identified by pid *and* start time, so that a reused pid is never killed.

use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Time for a process to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_millis(1500);
/// Time for the kernel to end a process after SIGKILL.
const KILL_GRACE: Duration = Duration::from_secs(3);

/// A process that the lab started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// The process id.
    pub pid: i32,
    /// Start time, in clock ticks since boot (proc(5), field 22 of stat).
    pub started: u64,
    /// The name of the process, for a person.
    pub what: String,
}

/// Returns the state and start time of a process: fields 3 and 22 of /proc/PID/stat. They follow
/// the command's name, which may itself contain spaces and brackets.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

impl ProcessRecord {
    /// Returns the process that has this pid now, or `None` if there is none.
    pub fn of(pid: i32, what: impl Into<String>) -> Option<Self> {
        let (_, started) = stat(pid)?;
        Some(Self { pid, started, what: what.into() })
    }

    /// Returns whether this very process still runs. A zombie does not.
    pub fn alive(&self) -> bool {
        stat(self.pid).is_some_and(|(state, started)| started == self.started && !matches!(state, 'Z' | 'X'))
    }

    /// Sends a signal, if the pid still belongs to this process.
    pub fn signal(&self, signal: Signal) {
        if self.alive() {
            // A process that ends before the signal needs none.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// Ends these processes: SIGTERM to all, then SIGKILL to those that still run. Returns the
/// processes still alive.
pub(crate) fn end(processes: &[ProcessRecord]) -> Vec<ProcessRecord> {
    for (signal, grace) in [(Signal::SIGTERM, GRACE), (Signal::SIGKILL, KILL_GRACE)] {
        for process in processes {
            process.signal(signal);
        }
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline && processes.iter().any(ProcessRecord::alive) {
            thread::sleep(Duration::from_millis(5));
        }
    }
    processes.iter().filter(|p| p.alive()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_pid_with_another_start_time_is_not_ours() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let record = ProcessRecord::of(pid, "sleep").unwrap();
        let stranger = ProcessRecord { started: record.started + 1, ..record.clone() };
        assert!(record.alive());
        assert!(!stranger.alive());
        assert!(end(std::slice::from_ref(&stranger)).is_empty());
        assert!(child.try_wait().unwrap().is_none(), "the stranger's pid was signalled");
        assert!(end(std::slice::from_ref(&record)).is_empty());
        assert!(!record.alive());
        child.wait().unwrap();
    }

    #[test]
    fn what_ignores_a_polite_request_is_killed() {
        let mut child =
            Command::new("sh").args(["-c", "trap '' TERM; while :; do sleep 0.05; done"]).spawn().unwrap();
        let record = ProcessRecord::of(i32::try_from(child.id()).unwrap(), "sh").unwrap();
        thread::sleep(Duration::from_millis(100));
        assert!(end(&[record]).is_empty());
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(9));
    }
}
