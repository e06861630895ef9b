//! Takes labs down, whatever process made them and however it ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::run;
use super::error::LabError;
use super::netns;
use super::process::{self, ProcessRecord};
use super::state::{FILE, LabState, labs};

/// Number of searches for processes that started while others were being ended.
const ROUNDS: usize = 5;

/// Prefix of the names of a lab's namespaces.
pub(crate) const PREFIX: &str = "pcl-";

/// The labs to take down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabSelection {
    /// Every lab of the directory.
    All,
    /// The lab with that id.
    Id(String),
    /// The labs made from that network file.
    File(PathBuf),
}

impl LabSelection {
    fn fits(&self, dir: &Path, state: Option<&LabState>) -> bool {
        match self {
            Self::All => true,
            Self::Id(id) => dir.file_name().is_some_and(|n| n.to_str() == Some(id)),
            Self::File(file) => state.and_then(|s| s.file.as_deref()).is_some_and(|f| same_file(f, file)),
        }
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    let real = |p: &Path| fs::canonicalize(p).unwrap_or_else(|_| p.to_owned());
    real(a) == real(b)
}

/// Takes the selected labs of `base` down. Returns their ids, or the first error after trying all
/// of them.
pub fn take_down(base: &Path, which: &LabSelection) -> Result<Vec<String>, LabError> {
    let mut done = Vec::new();
    let mut failed = None;
    for dir in labs(base) {
        let state = LabState::load(&dir);
        if !which.fits(&dir, state.as_ref().ok()) {
            continue;
        }
        let result = match state {
            Ok(state) => clear(&dir, &state),
            // A crash between making the directory and writing the state: no other part was made.
            Err(_) if !dir.join(FILE).exists() => remove(&dir),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => done.extend(dir.file_name().map(|n| n.to_string_lossy().into_owned())),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(done), Err)
}

/// Removes all parts of a lab, the directory last.
pub(crate) fn clear(dir: &Path, state: &LabState) -> Result<(), LabError> {
    let me = i32::try_from(std::process::id()).unwrap_or(0);
    let mut alive = process::end(&state.processes);
    for _ in 0..ROUNDS {
        // Other processes in the lab's namespaces were started just before a crash, or by hand.
        let found: Vec<_> = netns::processes(&state.namespaces)
            .into_iter()
            .filter(|pid| *pid != me)
            .filter_map(|pid| ProcessRecord::of(pid, "a process in the lab"))
            .filter(ProcessRecord::alive)
            .collect();
        if found.is_empty() {
            break;
        }
        alive.extend(process::end(&found));
    }
    let mut first = None;
    // Only a lab's own namespaces are ever deleted, whatever the state says.
    for namespace in state.namespaces.iter().filter(|n| n.starts_with(PREFIX)) {
        if !netns::path(namespace).exists() {
            continue;
        }
        // Its veth pairs are deleted with it, at both ends.
        let result = run(Command::new("ip").args(["netns", "del", namespace]), None);
        if let Err(error) = result
            && netns::path(namespace).exists()
        {
            first = first.or(Some(error));
        }
    }
    if let Some(error) = first {
        return Err(error);
    }
    if let Some(process) = alive.iter().find(|p| p.alive()) {
        return Err(LabError::LeftBehind(format!("process {} ({})", process.pid, process.what)));
    }
    remove(dir)
}

fn remove(dir: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(LabError::io(format!("removing {}", dir.display()))(e))
        }
        _ => Ok(()),
    }
}
