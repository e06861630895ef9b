//! The texts of a network file. A place is an offset into all of them, one after the other.

use std::fmt::Write as _;

use crate::finding::{Finding, Position, position_of};
use crate::network::Span;

/// The files of one network, in the order in which they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFiles {
    files: Vec<SourceFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, as requested.
    pub name: String,
    /// Its text; empty if it could not be read.
    pub text: String,
    /// The offset of its first byte.
    pub base: usize,
}

impl SourceFiles {
    /// Returns the sources of one text.
    pub fn single(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut sources = SourceFiles::default();
        sources.push(name.into(), text.into());
        sources
    }

    pub(in crate::network) fn push(&mut self, name: String, text: String) {
        let base = self.files.last().map_or(0, |last| end_of(last.base, last.text.len()));
        self.files.push(SourceFile { name, text, base });
    }

    /// Returns the files; the first one includes the others.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Returns the file of an offset, and the offset in that file.
    pub fn at(&self, offset: usize) -> Option<(&SourceFile, usize)> {
        let after = self.files.partition_point(|file| file.base <= offset);
        let file = self.files.get(after.checked_sub(1)?)?;
        Some((file, offset.checked_sub(file.base)?))
    }

    /// Returns the file of a finding, and the place in it. A finding about the whole has the first
    /// file and no place.
    pub fn place(&self, finding: &Finding) -> Option<(&SourceFile, Option<Span>)> {
        let Some(span) = &finding.span else { return Some((self.files.first()?, None)) };
        let (file, start) = self.at(span.start)?;
        let end = span.end.checked_sub(file.base)?.min(file.text.len());
        Some((file, Some(start.min(end)..end)))
    }

    /// Returns line and column in its file.
    pub fn position(&self, finding: &Finding) -> Option<Position> {
        let (file, span) = self.place(finding)?;
        Some(position_of(&file.text, span?.start))
    }

    /// Renders `FILE:LINE:COLUMN: SEVERITY[CODE]: MESSAGE`, and the help on a line of its own.
    pub fn render(&self, finding: &Finding) -> String {
        let Some((file, span)) = self.place(finding) else { return finding.render("", "") };
        finding.clone().at(span).render(&file.name, &file.text)
    }

    /// Renders each finding with [`SourceFiles::render`], one after the other.
    pub fn render_all(&self, findings: &[Finding]) -> String {
        findings.iter().fold(String::new(), |mut out, finding| {
            let _ = writeln!(out, "{}", self.render(finding));
            out
        })
    }
}

/// Returns the offset of the next text: the end of a text is a place of its own.
pub(in crate::network) fn end_of(base: usize, len: usize) -> usize {
    base.saturating_add(len).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding_code::FindingCode;

    #[test]
    fn offsets_find_their_file() {
        let mut sources = SourceFiles::single("a.toml", "x = 1\n");
        sources.push("b.toml".into(), "y\nz".into());
        sources.push("c.toml".into(), String::new());
        let at = |offset: usize| sources.at(offset).map(|(file, at)| (&*file.name, at)).unwrap();
        assert_eq!(
            [0, 6, 7, 9, 10, 11].map(at),
            [("a.toml", 0), ("a.toml", 6), ("b.toml", 0), ("b.toml", 2), ("b.toml", 3), ("c.toml", 0)]
        );
        assert_eq!(SourceFiles::default().at(0), None);
        let finding = Finding::error(FindingCode::BadValue, 9..10, "m", "");
        assert_eq!(sources.render(&finding), "b.toml:2:1: error[bad-value]: m");
        assert_eq!(
            sources.render(&Finding::note(FindingCode::TooMany, None, "m", "h")),
            "a.toml: note[too-many]: m\n  help: h"
        );
        assert_eq!(sources.position(&finding), Some(Position { line: 2, column: 1 }));
    }
}
