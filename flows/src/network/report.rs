//! Collects findings while a file is read: counts lines, quotes what the file says, proposes near names.

use std::fmt;

use super::Span;
use crate::finding::Finding;
use crate::nearest::nearest;

/// Findings kept of one file. A file with more has one cause, and a bound is needed.
pub(super) const MAX_FINDINGS: usize = 1000;

/// Names for which a near one is looked up: each look-up goes through all names of the file.
const MAX_PROPOSALS: usize = 100;

/// The findings so far.
#[derive(Debug)]
pub(super) struct Report {
    findings: Vec<Finding>,
    line_starts: Vec<usize>,
    proposals_left: usize,
    overflowed: bool,
}

impl Report {
    pub(super) fn new(text: &str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
        Report {
            findings: Vec::new(),
            line_starts: line_starts.collect(),
            proposals_left: MAX_PROPOSALS,
            overflowed: false,
        }
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Finding::error(code, span.clone(), message, help));
    }

    pub(super) fn warning(
        &mut self,
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Finding::warning(code, span.clone(), message, help));
    }

    fn push(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.overflowed = true;
        }
    }

    /// Whether further findings would be dropped, so that looking for them is of no use.
    pub(super) fn is_full(&self) -> bool {
        self.overflowed
    }

    /// The line, from 1, on which a span begins.
    pub(super) fn line(&self, span: &Span) -> usize {
        self.line_starts.partition_point(|&start| start <= span.start)
    }

    /// "did you mean `NAME`?" for the name nearest to `wrong`, or else the given help.
    pub(super) fn near<'n>(
        &mut self,
        wrong: &str,
        names: impl IntoIterator<Item = &'n str>,
        otherwise: impl Into<String>,
    ) -> String {
        if self.proposals_left == 0 {
            return otherwise.into();
        }
        self.proposals_left -= 1;
        nearest(wrong, names)
            .map_or_else(|| otherwise.into(), |name| format!("did you mean {}?", quote(name)))
    }

    /// All findings in the order of the text, and whether one is an error.
    pub(super) fn finish(mut self) -> (Vec<Finding>, bool) {
        self.findings.sort_by_key(|finding| finding.span.as_ref().map(|span| (span.start, span.end)));
        if self.overflowed {
            self.findings.push(Finding::error(
                "too-many-findings",
                None,
                format!("there are more than {MAX_FINDINGS} findings; the rest is not shown"),
                "repair the first ones: they often cause the others",
            ));
        }
        let failed = crate::finding::has_errors(&self.findings);
        (self.findings, failed)
    }
}

/// A text of the file between backticks: no control characters reach a terminal, and its length is bounded.
pub(super) fn quote(text: &str) -> Quoted<'_> {
    Quoted(text)
}

/// See [`quote`].
pub(super) struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        f.write_str("`")?;
        for c in self.0.chars().take(LONGEST) {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        if self.0.chars().nth(LONGEST).is_some() {
            f.write_str("…")?;
        }
        f.write_str("`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_hides_control_characters_and_cuts() {
        assert_eq!(quote("a\u{1b}[31m").to_string(), "`a\\u{1b}[31m`");
        assert_eq!(quote(&"x".repeat(81)).to_string(), format!("`{}…`", "x".repeat(80)));
        assert_eq!(quote(&"x".repeat(80)).to_string(), format!("`{}`", "x".repeat(80)));
    }

    #[test]
    fn line_is_counted_from_one() {
        let report = Report::new("a\nb\n\nc");
        assert_eq!([0, 1, 2, 4, 5, 6].map(|at| report.line(&(at..at))), [1, 1, 2, 3, 4, 4]);
    }

    #[test]
    fn findings_are_bounded() {
        let mut report = Report::new("");
        for _ in 0..=MAX_FINDINGS {
            report.warning("w", &(0..0), "w", "");
        }
        assert!(report.is_full());
        let (findings, failed) = report.finish();
        assert_eq!(findings.len(), MAX_FINDINGS + 1);
        assert!(failed, "the rest may have held an error");
    }
}
