//! The tables and paragraphs of a Markdown text, each with its position.

use flows::finding::Finding;
use flows::finding_code::FindingCode;
use flows::network::Span;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{MAX_COLUMNS, MAX_DOCUMENT_LEN, MAX_LINES};

/// A table, and the heading above it.
#[derive(Debug, Default)]
pub(super) struct MarkdownTable {
    pub(super) heading: String,
    pub(super) header: Vec<MarkdownCell>,
    pub(super) rows: Vec<MarkdownRow>,
    pub(super) span: Span,
}

/// A row of a table, with as many cells as the header.
#[derive(Debug, Default)]
pub(super) struct MarkdownRow {
    pub(super) cells: Vec<MarkdownCell>,
    pub(super) span: Span,
}

/// A cell or a paragraph: its text without markup.
#[derive(Debug, Default, Clone)]
pub(super) struct MarkdownCell {
    pub(super) text: String,
    /// True if a part of it is bold or italic.
    pub(super) stressed: bool,
    /// The position of its text, without the blanks around it.
    pub(super) span: Span,
}

/// The parts of a document that matter here.
#[derive(Debug, Default)]
pub(super) struct MarkdownText {
    pub(super) tables: Vec<MarkdownTable>,
    pub(super) paragraphs: Vec<MarkdownCell>,
}

/// Parses a Markdown text.
///
/// # Errors
///
/// Returns a finding if the text is too large to parse at a bounded cost.
pub(super) fn read(text: &str) -> Result<MarkdownText, Finding> {
    bounded(text)?;
    let mut out = MarkdownText::default();
    let mut heading = String::new();
    let mut open: Option<MarkdownCell> = None;
    let mut table: Option<MarkdownTable> = None;
    let mut line = MarkdownRow::default();
    for (event, span) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Table(_)) => {
                table = Some(MarkdownTable { heading: heading.clone(), span, ..MarkdownTable::default() });
            }
            Event::End(TagEnd::Table) => out.tables.extend(table.take()),
            Event::Start(Tag::TableHead | Tag::TableRow) => line = MarkdownRow { cells: Vec::new(), span },
            Event::End(TagEnd::TableHead) => {
                if let Some(table) = &mut table {
                    table.header = std::mem::take(&mut line.cells);
                }
            }
            Event::End(TagEnd::TableRow) => {
                if let Some(table) = &mut table {
                    table.rows.push(std::mem::take(&mut line));
                }
            }
            Event::Start(Tag::TableCell | Tag::Paragraph | Tag::Heading { .. } | Tag::Item) => {
                open = Some(MarkdownCell { span: trimmed(text, span), ..MarkdownCell::default() });
            }
            Event::End(TagEnd::TableCell) => {
                line.cells.extend(open.take().map(MarkdownCell::finished));
            }
            Event::End(TagEnd::Paragraph | TagEnd::Item) => {
                out.paragraphs.extend(open.take().map(MarkdownCell::finished))
            }
            Event::End(TagEnd::Heading(_)) => heading = open.take().unwrap_or_default().finished().text,
            Event::Start(Tag::Strong | Tag::Emphasis) => {
                if let Some(cell) = &mut open {
                    cell.stressed = true;
                }
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(cell) = &mut open {
                    cell.text.push_str(&part);
                }
            }
            Event::InlineHtml(tag) => {
                if let Some(cell) = &mut open {
                    let is_break = tag.to_ascii_lowercase().starts_with("<br");
                    cell.text.push_str(if is_break { " " } else { &tag });
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(cell) = &mut open {
                    cell.text.push(' ');
                }
            }
            _ => {}
        }
    }
    Ok(out)
}

impl MarkdownCell {
    /// Reduces each run of blanks to one, and removes control characters.
    fn finished(mut self) -> Self {
        let plain: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.text = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        self
    }
}

/// Returns the number of cells of a row as written. A surplus `|` makes it larger than the number
/// of columns.
pub(super) fn cells_written(row: &str) -> usize {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let mut bars = 0;
    let mut escaped = false;
    let mut ends_in_bar = false;
    for c in row.chars() {
        let bar = c == '|' && !escaped;
        bars += usize::from(bar);
        ends_in_bar = bar;
        escaped = c == '\\' && !escaped;
    }
    if ends_in_bar { bars } else { bars + 1 }
}

/// Trims the blanks at both ends. A blank text becomes an empty one at its first position.
fn trimmed(text: &str, span: Span) -> Span {
    let part = text.get(span.clone()).unwrap_or_default();
    let start = span.start + (part.len() - part.trim_start().len());
    let end = start + part.trim().len();
    if start == end { span.start..span.start } else { start..end }
}

/// Checks the cost of a text. A row is filled up to the columns of its header, so the cost is the
/// product of both.
fn bounded(text: &str) -> Result<(), Finding> {
    let help = "split the document, or keep tables of other things elsewhere";
    if text.len() > MAX_DOCUMENT_LEN {
        let message = format!("the document has {} bytes, more than {MAX_DOCUMENT_LEN}", text.len());
        return Err(Finding::error(FindingCode::DocumentTooBig, None, message, help));
    }
    let mut at = 0;
    let mut lines = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        let span = at..at + line.trim_end().len();
        // The second half of "\r\n" is not a line of its own.
        let half = line == "\n" && text.as_bytes().get(at.wrapping_sub(1)) == Some(&b'\r');
        lines += usize::from(!half);
        at += line.len();
        if lines > MAX_LINES {
            let message = format!("the document has more than {MAX_LINES} lines");
            return Err(Finding::error(FindingCode::DocumentTooBig, span, message, help));
        }
        if line.bytes().filter(|byte| *byte == b'|').count() > MAX_COLUMNS + 1 {
            let message = format!("a row has more than {MAX_COLUMNS} columns");
            return Err(Finding::error(FindingCode::DocumentTooBig, span, message, help));
        }
    }
    Ok(())
}
