//! Collects findings while a file is read: counts lines, quotes the file, proposes similar names.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};

use ofctl::nearest;

use crate::finding::Finding;
use crate::finding_code::FindingCode;
use crate::network::Span;
use crate::network::text::sources::end_of;

/// Limits the findings kept of one file. More of them usually have one cause.
pub(in crate::network) const MAX_FINDINGS: usize = 1000;

/// Limits the lookups of similar names: each goes through all names of the file.
const MAX_PROPOSALS: usize = 100;

/// The findings so far, and the texts that they point into.
#[derive(Debug, Default)]
pub(in crate::network) struct FindingReport {
    findings: Vec<Finding>,
    files: Vec<FilePlaces>,
    stamps: Vec<TemplateCopy>,
    /// The recorded findings, by code, place and message.
    seen: HashSet<(FindingCode, usize, String)>,
    /// Findings in copies of a template: by code, place in the text, and template.
    in_template: HashMap<(FindingCode, usize, usize), RepeatedFinding>,
    proposals_used: usize,
    overflowed: bool,
}

#[derive(Debug)]
struct FilePlaces {
    name: String,
    base: usize,
    len: usize,
    line_starts: Vec<usize>,
}

/// A copy of a file at offsets of its own. Items of a template or a range of containers have places
/// of their own, like all others, and are still found in the text.
#[derive(Debug)]
struct TemplateCopy {
    base: usize,
    /// The base of the file.
    origin: usize,
    /// Its description, for messages.
    note: String,
    /// The template, which has many copies.
    template: Option<usize>,
}

/// A finding that repeats in several copies of a template.
#[derive(Debug)]
struct RepeatedFinding {
    finding: usize,
    first: usize,
    last: usize,
    others: usize,
}

impl FindingReport {
    /// Returns a report about one text.
    #[cfg(test)]
    pub(in crate::network) fn new(text: &str) -> Self {
        let mut report = FindingReport::default();
        report.add_file("", text);
        report
    }

    /// Adds a further file, and returns the offset of its first byte. All files come before the
    /// first copy.
    pub(in crate::network) fn add_file(&mut self, name: &str, text: &str) -> usize {
        let base = self.next_base();
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
        self.files.push(FilePlaces {
            name: name.to_owned(),
            base,
            len: text.len(),
            line_starts: line_starts.collect(),
        });
        base
    }

    /// Returns the offset at which the next file or copy begins.
    pub(in crate::network) fn next_base(&self) -> usize {
        let last = self.stamps.last().map(|copy| (copy.base, copy.origin));
        let file = last.map_or(self.files.last(), |(_, origin)| self.file(origin));
        file.map_or(0, |file| end_of(last.map_or(file.base, |(base, _)| base), file.len))
    }

    /// Adds a copy of the file in which `span` lies. Returns the offset from a place in the file to
    /// its place in the copy.
    pub(in crate::network) fn add_stamp(
        &mut self,
        span: &Span,
        note: String,
        template: Option<usize>,
    ) -> usize {
        let base = self.next_base();
        let real = self.real(span);
        let origin = self.file(real.start).map_or(0, |file| file.base);
        self.stamps.push(TemplateCopy { base, origin, note, template });
        base - origin
    }

    fn file(&self, offset: usize) -> Option<&FilePlaces> {
        let after = self.files.partition_point(|file| file.base <= offset);
        self.files.get(after.checked_sub(1)?)
    }

    fn copy(&self, offset: usize) -> Option<(usize, &TemplateCopy)> {
        let at = self.stamps.partition_point(|copy| copy.base <= offset).checked_sub(1)?;
        Some((at, self.stamps.get(at)?))
    }

    /// Returns the place in the text of a place that may lie in a copy.
    pub(in crate::network) fn real(&self, span: &Span) -> Span {
        match self.copy(span.start) {
            Some((_, copy)) => {
                let shift = copy.base.saturating_sub(copy.origin);
                span.start.saturating_sub(shift)..span.end.saturating_sub(shift)
            }
            None => span.clone(),
        }
    }

    pub(in crate::network) fn error(
        &mut self,
        code: FindingCode,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Finding::error(code, span.clone(), message, help));
    }

    pub(in crate::network) fn warning(
        &mut self,
        code: FindingCode,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Finding::warning(code, span.clone(), message, help));
    }

    /// Reports an error about the whole file.
    pub(in crate::network) fn whole(
        &mut self,
        code: FindingCode,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Finding::error(code, None, message, help));
    }

    fn push(&mut self, finding: Finding) {
        let start = finding.span.as_ref().map_or(usize::MAX, |span| span.start);
        let copy = self.copy(start).filter(|_| finding.span.is_some());
        let copy = copy.and_then(|(at, copy)| Some((at, copy.template?)));
        let real = finding.span.as_ref().map_or(start, |span| self.real(span).start);
        if let Some((at, template)) = copy
            && let Some(known) = self.in_template.get_mut(&(finding.code, real, template))
            && known.first != at
        {
            if known.last != at {
                known.others += 1;
                known.last = at;
            }
            return;
        }
        if !self.seen.insert((finding.code, start, finding.message.clone())) {
            return;
        }
        if self.findings.len() >= MAX_FINDINGS {
            self.overflowed = true;
            return;
        }
        if let Some((at, template)) = copy {
            let new = RepeatedFinding { finding: self.findings.len(), first: at, last: at, others: 0 };
            self.in_template.entry((finding.code, real, template)).or_insert(new);
        }
        self.findings.push(finding);
    }

    /// Returns whether further findings would be dropped, so that there is no use in looking for
    /// them.
    pub(in crate::network) fn is_full(&self) -> bool {
        self.overflowed
    }

    /// Returns the line, from 1, on which a span begins; with its file if there are several.
    pub(in crate::network) fn line(&self, span: &Span) -> String {
        let start = self.real(span).start;
        let Some(file) = self.file(start) else { return "1".to_owned() };
        let local = start.saturating_sub(file.base);
        let line = file.line_starts.partition_point(|&start| start <= local);
        if self.files.len() > 1 { format!("{line} of {}", plain(&file.name)) } else { line.to_string() }
    }

    /// Returns "did you mean `NAME`?" for the name nearest to `wrong`, or else the given help.
    pub(in crate::network) fn near<'n>(
        &mut self,
        wrong: &str,
        names: impl IntoIterator<Item = &'n str>,
        otherwise: impl Into<String>,
    ) -> String {
        if self.proposals_used == MAX_PROPOSALS {
            return otherwise.into();
        }
        self.proposals_used += 1;
        nearest(wrong, names)
            .map_or_else(|| otherwise.into(), |name| format!("did you mean {}?", quote(name)))
    }

    /// Returns whether there is an error so far.
    pub(in crate::network) fn has_errors(&self) -> bool {
        self.overflowed || crate::finding::has_errors(&self.findings)
    }

    /// Returns all findings in the order of the text, and whether one is an error. Findings in a
    /// template or in a run-time addition are marked as such.
    pub(in crate::network) fn finish(&mut self) -> (Vec<Finding>, bool) {
        let others: HashMap<usize, usize> =
            self.in_template.values().map(|repeated| (repeated.finding, repeated.others)).collect();
        let mut findings = std::mem::take(&mut self.findings);
        for (index, finding) in findings.iter_mut().enumerate() {
            let Some(span) = finding.span.take() else { continue };
            if let Some((_, copy)) = self.copy(span.start) {
                let _ = match others.get(&index) {
                    Some(&more @ 1..) => write!(finding.message, " ({}, and {more} more)", copy.note),
                    _ => write!(finding.message, " ({})", copy.note),
                };
            }
            finding.span = Some(self.real(&span));
        }
        findings.sort_by_key(|finding| finding.span.as_ref().map(|span| (span.start, span.end)));
        if self.overflowed {
            findings.push(Finding::error(
                FindingCode::TooManyFindings,
                None,
                format!("there are more than {MAX_FINDINGS} findings; the rest is not shown"),
                "repair the first ones: they often cause the others",
            ));
        }
        let failed = crate::finding::has_errors(&findings);
        (findings, failed)
    }
}

/// Returns a file's name without control characters.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).collect()
}

/// Returns a text of the file between backticks: no control characters reach a terminal, and its
/// length is bounded.
pub(in crate::network) fn quote(text: &str) -> QuotedText<'_> {
    QuotedText(text)
}

/// A word and a name, as findings print it: "endpoint `x`".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::network) struct NamedInText<'t> {
    pub(in crate::network) word: &'static str,
    pub(in crate::network) name: &'t str,
}

impl fmt::Display for NamedInText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.word, quote(self.name))
    }
}

/// A quoted text, as [`quote`] returns it.
pub(in crate::network) struct QuotedText<'t>(&'t str);

impl fmt::Display for QuotedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        // Nearly every text is short and plain, and many are quoted for a finding that is never
        // made.
        if self.0.len() <= LONGEST && self.0.bytes().all(|b| (b' '..0x7f).contains(&b)) {
            f.write_str("`")?;
            f.write_str(self.0)?;
            return f.write_str("`");
        }
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
        let report = FindingReport::new("a\nb\n\nc");
        assert_eq!([0, 1, 2, 4, 5, 6].map(|at| report.line(&(at..at))), ["1", "1", "2", "3", "4", "4"]);
    }

    #[test]
    fn findings_are_bounded() {
        let mut report = FindingReport::new("");
        for n in 0..=MAX_FINDINGS {
            report.warning(FindingCode::W, &(0..0), format!("w{n}"), "");
        }
        assert!(report.is_full());
        let (findings, failed) = report.finish();
        assert_eq!(findings.len(), MAX_FINDINGS + 1);
        assert!(failed, "the rest may have held an error");
    }
}
