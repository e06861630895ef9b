//! The errors of opening and closing windows.

use super::{DurationError, MAX_REASON, utc};
use crate::store::Window;

/// A failure to open or close a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The file has no rule with that window.
    #[error("there is no window {name:?}")]
    Unknown {
        /// The name.
        name: String,
        /// The nearest name that the file has.
        nearest: Option<String>,
        /// All names that the file has.
        there: Vec<String>,
    },
    /// The window is open already.
    #[error("window {:?} is open already, until {} (by {}: {})", .0.name, utc(.0.closes_at), .0.who, .0.reason)]
    Open(Window),
    /// The window is open until a later time than the requested one.
    #[error("window {:?} is open until {}, which is not before {}", open.name, utc(open.closes_at), utc(*closes_at))]
    Longer {
        /// The open window.
        open: Window,
        /// The requested end.
        closes_at: u64,
    },
    /// The window is not open.
    #[error("window {0:?} is not open")]
    Closed(String),
    /// The duration is invalid.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// The reason is missing.
    #[error("a window is opened for a reason, and there is none")]
    NoReason,
    /// The reason does not fit into a line of a log.
    #[error("a reason is one line of at most {MAX_REASON} characters; this one has {length}")]
    Reason {
        /// Its number of characters.
        length: usize,
    },
}

impl WindowError {
    /// Returns the error's name, which never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown-window",
            Self::Open(_) => "window-open",
            Self::Longer { .. } => "window-longer",
            Self::Closed(_) => "window-closed",
            Self::Duration(_) => "bad-duration",
            Self::NoReason | Self::Reason { .. } => "bad-reason",
        }
    }

    /// Returns the remedy.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { there, .. } if there.is_empty() => {
                "no rule of the network file has temp = \"WINDOW\"".to_owned()
            }
            Self::Unknown { nearest: Some(nearest), there, .. } => {
                format!("did you mean {nearest:?}? There are: {}", there.join(", "))
            }
            Self::Unknown { there, .. } => format!("there are: {}", there.join(", ")),
            Self::Open(_) => "--extend keeps it open for so long from now on".to_owned(),
            Self::Longer { open, .. } => format!("to end it earlier: portcullis window close {}", open.name),
            Self::Closed(_) => "portcullis window list shows which are".to_owned(),
            Self::Duration(error) => error.help().to_owned(),
            Self::NoReason | Self::Reason { .. } => {
                "say why, for those who read the log: --reason TEXT".to_owned()
            }
        }
    }
}
