//! What can be wrong with a line, and where.

use std::ops::Range;

/// Why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What kind of mistake it is.
    pub kind: SyntaxErrorKind,
    /// The word that is wrong, and what is wrong about it.
    pub message: String,
    /// Where that word stands: byte offsets in the line.
    pub span: Range<usize>,
    /// What would be right.
    pub help: Option<String>,
}

/// The kinds of mistakes that a caller may want to tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyntaxErrorKind {
    /// A word that is no field, action or flag; a missing or unreadable value.
    Syntax,
    /// A value that its field or argument cannot hold.
    Value,
    /// A port name that the bridge does not have (yet).
    UnknownPort(String),
    /// Actions that do not fit what the flow matches, or each other.
    Inconsistent,
    /// Something that `ovs-ofctl` takes and Portcullis does not build.
    Unsupported,
}

/// Something in a line that is taken, but not as its author may have meant it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What happened to which word.
    pub message: String,
    /// Where that word stands: byte offsets in the line.
    pub span: Range<usize>,
}

impl SyntaxError {
    /// An error about `word`, which should be a part of `line`.
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

/// Where a part of a line stands. Words are slices of the line, so their addresses say where; a word from
/// elsewhere gets the whole line.
pub(in crate::syntax) fn span_of(line: &str, word: &str) -> Range<usize> {
    (word.as_ptr() as usize)
        .checked_sub(line.as_ptr() as usize)
        .map(|start| start..start + word.len())
        .filter(|span| span.end <= line.len())
        .unwrap_or(0..line.len())
}
