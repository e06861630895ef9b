//! A file as a tree of tables, lists and texts with their places, in one form for TOML and JSON.
//!
//! serde does not read the file into structs: it stops at the first wrong key, and a file's author
//! needs a report of all.

use std::borrow::Cow;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use crate::finding_code::FindingCode;
use crate::network::Span;
use crate::network::text::report::FindingReport;

/// A value with its place.
#[derive(Debug)]
pub(in crate::network) struct TreeNode<'t> {
    pub(in crate::network) span: Span,
    pub(in crate::network) value: Value<'t>,
}

/// The values of TOML and JSON that the network language uses.
#[derive(Debug)]
pub(in crate::network) enum Value<'t> {
    /// Entries in order of appearance.
    Table(Vec<TreeEntry<'t>>),
    Array(Vec<TreeNode<'t>>),
    Text(Cow<'t, str>),
    /// `None` for a number that does not fit: no number of the language is so large.
    Integer(Option<i64>),
    Flag(bool),
    /// A date in TOML's notation.
    Date(String),
    /// A value that the language does not use, by its name.
    Other(&'static str),
}

/// One key of a table.
#[derive(Debug)]
pub(in crate::network) struct TreeEntry<'t> {
    pub(in crate::network) key: Cow<'t, str>,
    pub(in crate::network) key_span: Span,
    pub(in crate::network) node: TreeNode<'t>,
}

impl TreeNode<'_> {
    /// Returns the kind of value in words, for an error.
    pub(in crate::network) fn kind(&self) -> &'static str {
        match self.value {
            Value::Table(_) => "a table",
            Value::Array(_) => "a list",
            Value::Text(_) => "a string",
            Value::Integer(_) => "a whole number",
            Value::Flag(_) => "a truth value",
            Value::Date(_) => "a date",
            Value::Other(kind) => kind,
        }
    }
}

/// Parses a TOML text that begins at the offset `base`. For a text that is not TOML it reports
/// every syntax error, and returns `None`.
pub(in crate::network) fn from_toml<'t>(
    text: &'t str,
    base: usize,
    report: &mut FindingReport,
) -> Option<TreeNode<'t>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = moved(error.span().unwrap_or(0..0), base);
        report.error(
            FindingCode::Syntax,
            &span,
            format!("not TOML: {}", error.message()),
            "see https://toml.io/en/v1.1.0",
        );
    }
    errors
        .is_empty()
        .then(|| TreeNode { span: moved(table.span(), base), value: table_value(table.into_inner(), base) })
}

fn table_value<'t>(table: DeTable<'t>, base: usize) -> Value<'t> {
    let entry = |(key, value): (Spanned<Cow<'t, str>>, Spanned<DeValue<'t>>)| TreeEntry {
        key_span: moved(key.span(), base),
        key: key.into_inner(),
        node: node(value, base),
    };
    let mut entries: Vec<TreeEntry<'t>> = table.into_iter().map(entry).collect();
    // The toml crate sorts by name.
    entries.sort_by_key(|entry| entry.key_span.start);
    Value::Table(entries)
}

fn node<'t>(value: Spanned<DeValue<'t>>, base: usize) -> TreeNode<'t> {
    let span = moved(value.span(), base);
    let value = match value.into_inner() {
        DeValue::Table(table) => table_value(table, base),
        DeValue::Array(array) => Value::Array(array.into_iter().map(|item| node(item, base)).collect()),
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(integer) => {
            Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok())
        }
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
    };
    TreeNode { span, value }
}

/// Moves a span of a text that begins at `base`.
pub(in crate::network) fn moved(span: Span, base: usize) -> Span {
    span.start.saturating_add(base)..span.end.saturating_add(base)
}
