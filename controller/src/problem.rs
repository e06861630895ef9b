//! Why something could not be done.

use std::fmt;

use crate::store::StoreError;

/// What kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is not what it should be.
    Bad,
    /// It names something that is not there.
    NotFound,
    /// It cannot be, as things are now.
    Conflict,
    /// The machine refused.
    Failed,
    /// What is needed for it is lost.
    Unavailable,
}

/// Why something could not be done, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub kind: Kind,
    /// What it is called; never changes.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub error: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.error, self.remedy)
    }
}

impl std::error::Error for Problem {}

impl Problem {
    pub(super) fn bad(error: String, remedy: String) -> Self {
        Self { kind: Kind::Bad, code: "bad-request", error, remedy }
    }

    pub(super) fn not_found(error: String, remedy: String) -> Self {
        Self { kind: Kind::NotFound, code: "not-found", error, remedy }
    }

    pub(super) fn conflict(code: &'static str, error: String, remedy: impl Into<String>) -> Self {
        Self { kind: Kind::Conflict, code, error, remedy: remedy.into() }
    }

    pub(super) fn failed(code: &'static str, error: String, remedy: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, code, error, remedy: remedy.into() }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::failed("store", error.to_string(), error.help())
    }
}
