//! Defects and doubtful points of a network file: one type for the language, the compiler and the
//! lints.

use std::fmt::{self, Write as _};
use std::ops::Range;

use crate::finding_code::FindingCode;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Prevents every installation while it stands.
    Error,
    /// Allows installation, but the file may not do what its author expects.
    Warning,
    /// States a consequence of the author's intent that its users should know.
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

/// A finding in a file, with its place and a remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The kind of finding.
    pub code: FindingCode,
    /// A description of the defect, in one sentence.
    pub message: String,
    /// The bytes of the text that the finding is about; `None` if it is about the whole file.
    pub span: Option<Range<usize>>,
    /// The remedy.
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
    /// Returns an error.
    pub fn error(
        code: FindingCode,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (span, message, help) = (span.into(), message.into(), help.into());
        Finding { severity: Severity::Error, code, message, span, help }
    }

    /// Returns a warning.
    pub fn warning(
        code: FindingCode,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Finding { severity: Severity::Warning, ..Finding::error(code, span, message, help) }
    }

    /// Returns a note.
    pub fn note(
        code: FindingCode,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Finding { severity: Severity::Note, ..Finding::error(code, span, message, help) }
    }

    /// Returns the finding at another place.
    pub(crate) fn at(self, span: Option<Range<usize>>) -> Self {
        Finding { span, ..self }
    }

    /// Returns whether the finding is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Returns the position in `text`, the only text that was parsed.
    pub fn position(&self, text: &str) -> Option<Position> {
        self.span.as_ref().map(|span| position_of(text, span.start))
    }

    /// Renders `FILE:LINE:COLUMN: SEVERITY[CODE]: MESSAGE`, and the help on a line of its own.
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

/// Returns whether an error is among the findings.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_error)
}

/// Returns the position of the byte `offset` in `text`; its end, if the offset lies beyond it.
pub fn position_of(text: &str, offset: usize) -> Position {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let in_line = before.get(line_start..).unwrap_or_default();
    Position {
        line: before.iter().filter(|&&b| b == b'\n').count() + 1,
        // Bytes 10xxxxxx continue a UTF-8 character.
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
