//! Compares a document with a network file: rows, places of hosts, and envelopes of overlays.

mod hosts;
mod rows;

use flows::finding::{Finding, position_of};
use flows::finding_code::FindingCode;
use flows::network::{NetworkFile, SourceFiles, Span};

use super::{Matrix, MatrixRow, words};

/// The findings about a document and a network file. Each names the place in the other text too, if
/// there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The findings about places of the document.
    pub document: Vec<Finding>,
    /// The findings about places of the network file.
    pub network: Vec<Finding>,
}

impl Comparison {
    /// Returns whether document and network file agree.
    pub fn agrees(&self) -> bool {
        self.document.is_empty() && self.network.is_empty()
    }
}

/// Compares a document with a network file. `document` is the result of [`parse`](super::parse())
/// on `text`, whose file is called `name`. `sources` are the texts of the network file.
pub fn compare(
    document: &Matrix,
    (name, text): (&str, &str),
    file: &NetworkFile,
    sources: &SourceFiles,
) -> Comparison {
    let places = ComparedPositions { name, lines: line_starts(text), sources };
    let names = super::resolve::DocumentNames::new(file);
    let mut found = Comparison::default();
    rows::compare(document, &names, &places, &mut found);
    rows::envelopes(document, &names, &places, &mut found);
    hosts::compare(document, &names, &places, &mut found);
    found.document.extend(inconsistent(document));
    for findings in [&mut found.document, &mut found.network] {
        findings.sort_by_key(|finding| finding.span.as_ref().map(|span| span.start));
        findings.dedup();
    }
    found
}

/// The positions in the document and in the network file, as `FILE:LINE`.
struct ComparedPositions<'a> {
    name: &'a str,
    lines: Vec<usize>,
    sources: &'a SourceFiles,
}

impl ComparedPositions<'_> {
    fn document(&self, span: &Span) -> String {
        format!("{}:{}", self.name, self.lines.partition_point(|start| *start <= span.start).max(1))
    }

    fn network(&self, span: &Span) -> String {
        let place = self.sources.at(span.start);
        place.map_or_else(String::new, |(file, at)| {
            format!("{}:{}", file.name, position_of(&file.text, at).line)
        })
    }
}

pub(super) fn line_starts(text: &str) -> Vec<usize> {
    let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after).collect()
}

/// The key of a row in the table of an overlay.
type InOverlay = (String, String, flows::network::Protocol, Vec<u16>, super::Temp);

/// Returns the rows on which the table of all flows and the table of an overlay contradict each
/// other.
pub(super) fn inconsistent(document: &Matrix) -> Vec<Finding> {
    use std::collections::HashSet;
    let key = |row: &MatrixRow| -> InOverlay {
        let to = if words::is_itself(&row.to) { &row.from } else { &row.to };
        let mut ports = row.ports.clone();
        ports.sort_unstable();
        (words::slug(&row.from), words::slug(to), row.protocol, ports, row.temp.clone())
    };
    let net =
        |row: &MatrixRow| row.nets.first().map(|net| words::slug(words::split(net).0)).unwrap_or_default();
    let tables: HashSet<String> =
        document.rows.iter().filter(|row| row.in_overlay.is_some()).map(net).collect();
    let flows = document.rows.iter().filter(|row| row.in_overlay.is_none());
    let with_rows: HashSet<String> = flows.map(net).filter(|net| tables.contains(net)).collect();
    let keyed = |inside: bool| -> HashSet<(String, InOverlay)> {
        let rows = document.rows.iter().filter(|row| row.in_overlay.is_some() == inside);
        rows.map(|row| (net(row), key(row))).collect()
    };
    let (in_flows, in_tables) = (keyed(false), keyed(true));
    let mut findings = Vec::new();
    for row in document.rows.iter().filter(|row| with_rows.contains(&net(row))) {
        let (there, where_else) = match row.in_overlay {
            Some(_) => (&in_flows, "the table of all flows"),
            None => (&in_tables, "the overlay's own table"),
        };
        if !there.contains(&(net(row), key(row))) {
            let (nets, what) = (words::short(&row.nets.join(", ")), what(row));
            let message = format!("{} → {} {what} in {nets} is not in {where_else}", row.from, row.to);
            let help = "let the document say the same in both, or in one of them only";
            findings.push(Finding::error(FindingCode::TablesDisagree, row.places.row.clone(), message, help));
        }
    }
    findings
}

/// Returns the protocol and ports of a row, as text.
pub(super) fn what(row: &MatrixRow) -> String {
    let ports = words::ports_word(row.protocol, &row.ports);
    format!("{} {ports}", words::protocol_word(row.protocol)).trim_end().to_owned()
}
