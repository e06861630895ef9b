//! Collects findings while a file is read: counts lines, quotes what the file says, proposes near names.

use std::fmt;

use super::Span;
use crate::finding::Finding;

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

/// The name at the smallest edit distance, if that is small against the length of the name.
fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Longer texts are no misspelt names, and the distance costs the product of the lengths.
    const LONGEST: usize = 64;
    if wrong.len() > LONGEST {
        return None;
    }
    // One letter for another of a name of one letter is no slip.
    let length = wrong.chars().count();
    let most = length.div_ceil(3).min(3).min(length.saturating_sub(1));
    names
        .into_iter()
        .filter(|name| name.len() <= LONGEST && name.len().abs_diff(wrong.len()) <= 2 * most)
        .map(|name| (strsim::osa_distance(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= most && *name != wrong)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_proposes_small_slips_only() {
        let names = ["veth100", "veth102", "from-privacy", "warp0"];
        assert_eq!(nearest("veht100", names), Some("veth100"));
        assert_eq!(nearest("form-privacy", names), Some("from-privacy"));
        assert_eq!(nearest("WARP", names), Some("warp0"));
        assert_eq!(nearest("management", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("bb", ["b"]), Some("b"));
        assert_eq!(nearest(&"v".repeat(1000), names), None);
    }

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
