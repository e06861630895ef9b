//! What is wrong, or doubtful, in a network file: one type for the language, the compiler and the lints.

use std::fmt::{self, Write as _};
use std::ops::Range;

use crate::finding_code::FindingCode;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is installed while it stands.
    Error,
    /// It is installed, and it may not do what its writer thinks.
    Warning,
    /// It is as its writer said, and whoever relies on it should know what that means.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

/// One thing found in a file, where it stands, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The kind of finding.
    pub code: FindingCode,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The bytes of the text that it is about; none when it is about the whole file.
    pub span: Option<Range<usize>>,
    /// What to do about it.
    pub help: String,
}

/// A place in a text, both counted from 1; the column counts characters, not bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Finding {
    /// An error.
    pub fn error(
        code: FindingCode,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (span, message, help) = (span.into(), message.into(), help.into());
        Finding { severity: Severity::Error, code, message, span, help }
    }

    /// A warning.
    pub fn warning(
        code: FindingCode,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Finding { severity: Severity::Warning, ..Finding::error(code, span, message, help) }
    }

    /// A note.
    pub fn note(
        code: FindingCode,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Finding { severity: Severity::Note, ..Finding::error(code, span, message, help) }
    }

    /// The same at another place.
    pub(crate) fn at(self, span: Option<Range<usize>>) -> Self {
        Finding { span, ..self }
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Where it stands in `text`, the only text that was parsed.
    pub fn position(&self, text: &str) -> Option<Position> {
        self.span.as_ref().map(|span| position_of(text, span.start))
    }

    /// `FILE:LINE:COLUMN: SEVERITY[CODE]: MESSAGE`, and the help on a line of its own.
    pub fn render(&self, file_name: &str, text: &str) -> String {
        let mut out = String::from(file_name);
        if let Some(Position { line, column }) = self.position(text) {
            let _ = write!(out, ":{line}:{column}");
        }
        let _ = write!(out, ": {}[{}]: {}", self.severity, self.code, self.message);
        if !self.help.is_empty() {
            let _ = write!(out, "\n  help: {}", self.help);
        }
        out
    }
}

/// Whether there is an error among them.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_error)
}

/// The place of the byte `offset` in `text`; its end, where the offset lies beyond it.
pub fn position_of(text: &str, offset: usize) -> Position {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let in_line = before.get(line_start..).unwrap_or_default();
    Position {
        line: before.iter().filter(|&&b| b == b'\n').count() + 1,
        // Bytes 10xxxxxx continue a character of UTF-8.
        column: in_line.iter().filter(|&&b| b & 0xc0 != 0x80).count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_counts_characters_from_one() {
        let text = "a = 1\nß→x = 2\n";
        assert_eq!(position_of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(position_of(text, 5), Position { line: 1, column: 6 });
        assert_eq!(position_of(text, 6), Position { line: 2, column: 1 });
        assert_eq!(position_of(text, 11), Position { line: 2, column: 3 });
        assert_eq!(position_of(text, text.len()), Position { line: 3, column: 1 });
        assert_eq!(position_of(text, 999), Position { line: 3, column: 1 });
    }

    #[test]
    fn render_names_file_line_and_column() {
        let finding = Finding::error(FindingCode::UnknownName, 2..3, "no `b`", "write `a`");
        assert_eq!(
            finding.render("n.toml", "a\nb"),
            "n.toml:2:1: error[unknown-name]: no `b`\n  help: write `a`"
        );
        let finding = Finding::warning(FindingCode::EmptyFile, None, "nothing in it", "");
        assert_eq!(finding.render("n.toml", ""), "n.toml: warning[empty-file]: nothing in it");
    }
}
