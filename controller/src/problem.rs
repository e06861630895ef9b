//! Reports why a request of a person or a program was not carried out.

use std::fmt;

use crate::store::StoreError;
use crate::windows::WindowError;

/// Sorts problems by who can mend them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request is malformed.
    Bad,
    /// The request names something that does not exist.
    NotFound,
    /// The request contradicts the present state.
    Conflict,
    /// The operating system or Open vSwitch refused.
    Failed,
    /// State that the request needs is lost.
    Unavailable,
}

/// Describes a failed request, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Sort of problem.
    pub kind: ProblemKind,
    /// Code in kebab-case. It stays the same from release to release.
    pub code: &'static str,
    /// Cause, in one sentence.
    pub message: String,
    /// Advice. It may be empty.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// Returns a problem of a malformed request.
    pub fn bad(message: String, help: String) -> Self {
        Self { kind: ProblemKind::Bad, code: "bad-request", message, help }
    }

    /// Returns a problem of a name that does not exist.
    pub fn not_found(message: String, help: String) -> Self {
        Self { kind: ProblemKind::NotFound, code: "not-found", message, help }
    }

    /// Returns a problem of a request that contradicts the present state.
    pub fn conflict(code: &'static str, message: String, help: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Conflict, code, message, help: help.into() }
    }

    /// Returns a problem of the system below.
    pub fn failed(code: &'static str, message: String, help: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Failed, code, message, help: help.into() }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::failed("store", error.to_string(), error.help())
    }
}

impl From<WindowError> for Problem {
    fn from(error: WindowError) -> Self {
        let kind = match error {
            WindowError::Unknown { .. } => ProblemKind::NotFound,
            WindowError::Open(_) | WindowError::Longer { .. } | WindowError::Closed(_) => {
                ProblemKind::Conflict
            }
            WindowError::Duration(_) | WindowError::NoReason | WindowError::Reason { .. } => ProblemKind::Bad,
        };
        Self { kind, code: error.code(), message: error.to_string(), help: error.help() }
    }
}
