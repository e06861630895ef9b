//! Runs work inside a network namespace.
//!
//! `setns` moves one thread. A throwaway thread enters the namespace, does its work and ends, so no
//! other part of the process ever runs in the wrong namespace. Sockets keep the namespace they were
//! made in and may be used from anywhere afterwards; a child started there stays there.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use nix::sched::{CloneFlags, setns};

use super::error::LabError;

/// Returns the path of a namespace that `ip netns` knows by that name.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

/// Runs `work` on a thread of its own inside the namespace that `ip netns` knows by `name`.
pub(crate) fn enter<T, F>(name: &str, work: F) -> Result<T, LabError>
where
    T: Send,
    F: FnOnce() -> T + Send,
{
    let file = File::open(path(name)).map_err(LabError::io(format!("opening namespace {name}")))?;
    thread::scope(|scope| {
        let thread = scope.spawn(move || {
            setns(file, CloneFlags::CLONE_NEWNET)
                .map_err(|e| LabError::io(format!("entering namespace {name}"))(e.into()))?;
            Ok(work())
        });
        thread.join().unwrap_or_else(|_| Err(LabError::Worker(name.to_owned())))
    })
}

/// Returns the processes in these network namespaces. A process that cannot be inspected is left
/// out.
pub(crate) fn processes(names: &[String]) -> Vec<i32> {
    let wanted: HashSet<_> =
        names.iter().filter_map(|n| fs::metadata(path(n)).ok()).map(|m| (m.dev(), m.ino())).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|m| wanted.contains(&(m.dev(), m.ino())))
        })
        .collect()
}

/// Sets kernel parameters (paths below /proc/sys) in the namespace of the calling thread.
pub(crate) fn sysctl(settings: &[(&str, &str)]) -> Result<(), LabError> {
    for (key, value) in settings {
        let path = format!("/proc/sys/{key}");
        // A kernel without IPv6 cannot leak IPv6.
        if key.starts_with("net/ipv6") && !Path::new(&path).exists() {
            continue;
        }
        fs::write(&path, value).map_err(LabError::io(format!("setting {path} to {value}")))?;
    }
    Ok(())
}
