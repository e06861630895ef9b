//! Processor time and cores.

use std::{fs, io};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// Returns the processor time that all threads of a process have used so far, in ns. The source is
/// the scheduler's account (proc(5), `schedstat`), or clock ticks where the kernel keeps none.
///
/// # Errors
/// Returns an error if there is no such process.
pub(super) fn used(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { return ticks(pid) };
        sum += text.split_ascii_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// Returns the sum of utime and stime, in ns.
fn ticks(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(100);
    Ok(ticks * (1_000_000_000 / per_second.max(1)))
}

/// Returns the cores that this thread may run on.
///
/// # Errors
/// Returns the error of the kernel.
pub fn cores() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect())
}

/// Pins this thread, and the threads and processes that it starts from now on, to these cores.
///
/// # Errors
/// Returns an error if a core is out of range, or if the kernel allows none of them.
pub(super) fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Raises the limit on open files of this process, and of its children, to the hard limit.
pub(super) fn allow_many_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // A lower limit allows fewer switches; the connect phase reports that.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
