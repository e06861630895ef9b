//! Errors of a line, and their positions.

use std::ops::Range;

/// The reason why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The kind of the error.
    pub kind: SyntaxErrorKind,
    /// The invalid word, and its fault.
    pub message: String,
    /// The position of that word, as byte offsets in the line.
    pub span: Range<usize>,
    /// The suggested remedy.
    pub help: Option<String>,
}

/// The kinds of errors that a caller may distinguish.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyntaxErrorKind {
    /// A word that is not a field, action or flag, or a missing or unreadable value.
    Syntax,
    /// A value that its field or argument cannot hold.
    Value,
    /// A port name that the bridge does not have (yet).
    UnknownPort(String),
    /// Actions that do not fit the flow's match, or each other.
    Inconsistent,
    /// Syntax that `ovs-ofctl` accepts and Portcullis does not build.
    Unsupported,
}

/// A part of a line that is accepted, but perhaps not with the intended meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The affected word, and the effect.
    pub message: String,
    /// The position of that word, as byte offsets in the line.
    pub span: Range<usize>,
}

impl SyntaxError {
    /// Returns an error about `word`, which should be a part of `line`.
    pub(in crate::syntax) fn new(
        kind: SyntaxErrorKind,
        line: &str,
        word: &str,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, message: message.into(), span: span_of(line, word), help: None }
    }

    pub(in crate::syntax) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Returns the position of a part of a line. Words are slices of the line, so their addresses
/// determine it. A word from elsewhere yields the whole line.
pub(in crate::syntax) fn span_of(line: &str, word: &str) -> Range<usize> {
    (word.as_ptr() as usize)
        .checked_sub(line.as_ptr() as usize)
        .map(|start| start..start + word.len())
        .filter(|span| span.end <= line.len())
        .unwrap_or(0..line.len())
}
