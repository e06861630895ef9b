//! A file as a tree of tables, lists and texts with their places, the same for TOML and JSON.
//!
//! Not read by serde into structs: that ends at the first wrong key, and a file's reader wants to know of all.

use std::borrow::Cow;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::Span;
use super::report::Report;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) span: Span,
    pub(super) value: Value<'t>,
}

/// What the network language knows of TOML and JSON.
#[derive(Debug)]
pub(super) enum Value<'t> {
    /// In order of appearance.
    Table(Vec<Entry<'t>>),
    Array(Vec<Node<'t>>),
    Text(Cow<'t, str>),
    /// None for what does not fit: no number of the language is so large.
    Integer(Option<i64>),
    /// Something that the language has no use for, by its name.
    Other(&'static str),
}

/// One key of a table.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) key: Cow<'t, str>,
    pub(super) key_span: Span,
    pub(super) node: Node<'t>,
}

impl Node<'_> {
    /// What it is, in words for an error.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Table(_) => "a table",
            Value::Array(_) => "a list",
            Value::Text(_) => "a string",
            Value::Integer(_) => "a whole number",
            Value::Other(kind) => kind,
        }
    }
}

/// The tree of a TOML text. Where the text is not TOML, every syntax error is reported, and there is none.
pub(super) fn from_toml<'t>(text: &'t str, report: &mut Report) -> Option<Node<'t>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        report.error(
            "syntax",
            &span,
            format!("not TOML: {}", error.message()),
            "see https://toml.io/en/v1.1.0",
        );
    }
    errors.is_empty().then(|| Node { span: table.span(), value: table_value(table.into_inner()) })
}

fn table_value<'t>(table: DeTable<'t>) -> Value<'t> {
    let mut entries: Vec<Entry<'t>> = table
        .into_iter()
        .map(|(key, value)| Entry { key_span: key.span(), key: key.into_inner(), node: node(value) })
        .collect();
    // toml sorts by name.
    entries.sort_by_key(|entry| entry.key_span.start);
    Value::Table(entries)
}

fn node<'t>(value: Spanned<DeValue<'t>>) -> Node<'t> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::Table(table) => table_value(table),
        DeValue::Array(array) => Value::Array(array.into_iter().map(node).collect()),
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(integer) => {
            Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok())
        }
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Boolean(_) => Value::Other("a truth value"),
        DeValue::Datetime(_) => Value::Other("a date"),
    };
    Node { span, value }
}
