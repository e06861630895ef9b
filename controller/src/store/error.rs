//! The errors of the store.

use std::io;
use std::path::{Path, PathBuf};

/// A failure to read or write the state.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file open: another controller, most likely.
    #[error("{0} is in use by another controller: end that one, or give this one a --state of its own")]
    Locked(PathBuf),
    /// The system refused an operation.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The disk, or the quota of the controller's user, is full.
    #[error("{0} cannot grow: the disk or the quota is full")]
    Full(PathBuf),
    /// The file is damaged, or was not made by a controller.
    #[error("{path} is damaged: {why}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The damage.
        why: String,
    },
    /// A newer controller wrote the file.
    #[error("{path} is of version {version}, and this controller knows up to version {}", super::VERSION)]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's version.
        version: u64,
    },
}

impl StoreError {
    pub(super) fn corrupt(path: &Path, why: &str) -> Self {
        Self::Corrupt { path: path.to_owned(), why: why.to_owned() }
    }

    pub(super) fn from_redb(path: &Path, error: redb::Error) -> Self {
        use redb::Error;
        let path = path.to_owned();
        match error {
            Error::DatabaseAlreadyOpen => Self::Locked(path),
            // redb reports in this way that a file lacks the beginning or the end of its format.
            Error::Io(source)
                if matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                Self::Corrupt { path, why: source.to_string() }
            }
            Error::Io(source)
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                Self::Full(path)
            }
            Error::Io(source) => Self::Io { path, source },
            Error::PreviousIo => {
                Self::Io { path, source: io::Error::other("an earlier read or write failed") }
            }
            other => Self::Corrupt { path, why: other.to_string() },
        }
    }

    /// Returns whether a person has to repair or move the file before it can be used again. Its
    /// contents are unknown until then.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Newer { .. })
    }

    /// Returns the remedy.
    pub fn help(&self) -> String {
        match self {
            Self::Locked(_) => "one state directory belongs to one controller".to_owned(),
            Self::Io { .. } => {
                "make it writable for the controller, or name another place with --state".to_owned()
            }
            Self::Full(path) => format!(
                "free space where {} is; the controller goes on by itself, and what it acknowledged is kept",
                path.display()
            ),
            Self::Corrupt { path, .. } => format!(
                "restore {0} from a backup, or move it away (windows, added networks and containers have then to be made again), and start the controller again",
                path.display()
            ),
            Self::Newer { path, .. } => format!(
                "run the version of portcullis that wrote it, or move {} away (windows, added networks and containers have then to be made again)",
                path.display()
            ),
        }
    }
}
