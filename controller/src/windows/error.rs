//! Why a window is not opened, or not closed.

use super::{DurationError, MAX_REASON, utc};
use crate::store::Window;

/// Why a window is not opened, or not closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The file has no rule with that window.
    #[error("there is no window {name:?}")]
    Unknown {
        /// The name.
        name: String,
        /// The one that may have been meant.
        nearest: Option<String>,
        /// Those that there are.
        there: Vec<String>,
    },
    /// It is open.
    #[error("window {:?} is open already, until {} (by {}: {})", .0.name, utc(.0.closes_at), .0.who, .0.reason)]
    Open(Window),
    /// It is open for longer than is asked for.
    #[error("window {:?} is open until {}, which is not before {}", open.name, utc(open.closes_at), utc(*closes_at))]
    Longer {
        /// As it is open.
        open: Window,
        /// The end that was asked for.
        closes_at: u64,
    },
    /// It is not open.
    #[error("window {0:?} is not open")]
    Closed(String),
    /// For how long is not said as it has to be.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// Nobody says why.
    #[error("a window is opened for a reason, and there is none")]
    NoReason,
    /// The reason is none that fits into a log.
    #[error("a reason is one line of at most {MAX_REASON} characters; this one has {length}")]
    Reason {
        /// How many characters it has.
        length: usize,
    },
}

impl WindowError {
    /// Its name, which stays the same from release to release.
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

    /// What to do about it.
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
