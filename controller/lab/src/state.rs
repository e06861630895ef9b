//! The lab's record of its parts. Each part is recorded before it is made, so that `lab down` finds
//! all of them after a crash.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::error::LabError;
use super::process::ProcessRecord;

/// The file's name in the lab's directory.
pub(crate) const FILE: &str = "state.json";

/// The parts that a lab made or is about to make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabState {
    /// The lab's id, unique among the labs of one directory.
    pub id: String,
    /// The path of its network file, if it was made from a file.
    pub file: Option<PathBuf>,
    /// The process that owns the lab.
    pub owner: Option<ProcessRecord>,
    /// Network namespaces, by the names `ip netns` knows.
    pub namespaces: Vec<String>,
    /// Processes.
    pub processes: Vec<ProcessRecord>,
}

impl LabState {
    /// Reads the state of the lab in `dir`.
    pub fn load(dir: &Path) -> Result<Self, LabError> {
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path).map_err(LabError::io(format!("reading {}", path.display())))?;
        serde_json::from_str(&text).map_err(|e| LabError::State { path, reason: e.to_string() })
    }

    /// Writes the state: a new file replaces the old one, so that a crash leaves one of the two.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), LabError> {
        let (path, new) = (dir.join(FILE), dir.join("state.json.new"));
        let what = || format!("writing {}", path.display());
        let text =
            serde_json::to_string_pretty(self).map_err(|e| LabError::io(what())(io::Error::other(e)))?;
        fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).map_err(LabError::io(what()))
    }
}

/// Returns the directory of labs: `$PORTCULLIS_LAB_DIR`, or /run/portcullis-lab.
pub fn default_base() -> PathBuf {
    std::env::var_os("PORTCULLIS_LAB_DIR")
        .filter(|d| !d.is_empty())
        .map_or_else(|| PathBuf::from("/run/portcullis-lab"), PathBuf::from)
}

/// Returns the directories of the labs under `base`, in order of their names.
pub fn labs(base: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(base) else { return Vec::new() };
    let mut dirs: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|d| d.is_dir()).collect();
    dirs.sort();
    dirs
}
