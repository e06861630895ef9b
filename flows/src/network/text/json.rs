//! The tree of a JSON text, with places.
//!
//! `serde_json` keeps no places, but a borrowed [`RawValue`] is a slice of the text, and its
//! address in the text is its place. So each level is split into raw values, which are then read in
//! turn.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::finding_code::FindingCode;
use crate::network::Span;
use crate::network::text::report::{FindingReport, quote};
use crate::network::text::tree::{TreeEntry, TreeNode, Value, moved};

/// Limits the levels of tables and lists. The language needs five; each level is read again for the
/// one above it.
const MAX_DEPTH: usize = 16;

/// Parses a JSON text that begins at the offset `base`. Returns `None` for a text that is not JSON,
/// and reports why.
pub(in crate::network) fn from_json<'t>(
    text: &'t str,
    base: usize,
    report: &mut FindingReport,
) -> Option<TreeNode<'t>> {
    // RFC 8259 section 8.1 lets a parser ignore the mark, and editors write it.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, base, report };
    match serde_json::from_str::<&'t RawValue>(body) {
        Ok(raw) => reader.node(raw.get(), 0),
        Err(error) => {
            reader.syntax(body, &error);
            None
        }
    }
}

struct Reader<'t, 'r> {
    text: &'t str,
    base: usize,
    report: &'r mut FindingReport,
}

impl<'t> Reader<'t, '_> {
    /// Returns the place of a slice, relative to the text.
    fn local(&self, part: &str) -> Span {
        let start = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()).min(self.text.len());
        start..(start + part.len()).min(self.text.len())
    }

    /// Returns the place of a slice.
    fn span(&self, part: &str) -> Span {
        moved(self.local(part), self.base)
    }

    fn syntax(&mut self, part: &str, error: &serde_json::Error) {
        // Lines and columns count from 1, columns in bytes; column 0 stands for the end of the line
        // before.
        let before: usize =
            part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at =
            self.text.floor_char_boundary(self.local(part).start + before + error.column().saturating_sub(1));
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let at = moved(at..at, self.base);
        self.report.error(FindingCode::Syntax, &at, format!("not JSON: {message}"), "see RFC 8259");
    }

    fn read<T: Deserialize<'t>>(&mut self, raw: &'t str) -> Option<T> {
        serde_json::from_str(raw).map_err(|error| self.syntax(raw, &error)).ok()
    }

    fn node(&mut self, raw: &'t str, depth: usize) -> Option<TreeNode<'t>> {
        let span = self.span(raw);
        let value = match raw.as_bytes().first() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => {
                self.report.error(
                    FindingCode::Syntax,
                    &span,
                    format!("more than {MAX_DEPTH} levels of tables and lists"),
                    "a network file needs five",
                );
                return None;
            }
            Some(b'{') => Value::Table(self.table(raw, depth)?),
            Some(b'[') => {
                let items = self.read::<Vec<&'t RawValue>>(raw)?;
                // All items are read, even after a bad one, so that each error is reported.
                let nodes: Vec<_> = items.iter().map(|item| self.node(item.get(), depth + 1)).collect();
                Value::Array(nodes.into_iter().collect::<Option<_>>()?)
            }
            Some(b'"') => Value::Text(self.read::<JsonText<'t>>(raw)?.0),
            Some(first @ (b't' | b'f')) => Value::Flag(*first == b't'),
            Some(b'n') => Value::Other("null"),
            _ if raw.contains(['.', 'e', 'E']) => Value::Other("a fraction"),
            _ => Value::Integer(raw.parse().ok()),
        };
        Some(TreeNode { span, value })
    }

    fn table(&mut self, raw: &'t str, depth: usize) -> Option<Vec<TreeEntry<'t>>> {
        let JsonPairs(pairs) = self.read(raw)?;
        let mut entries = Vec::with_capacity(pairs.len());
        let mut seen = std::collections::HashMap::new();
        let mut whole = true;
        for (raw_key, raw_value) in pairs {
            let key_span = self.span(raw_key.get());
            let (Some(JsonText(key)), Some(node)) =
                (self.read::<JsonText<'t>>(raw_key.get()), self.node(raw_value.get(), depth + 1))
            else {
                whole = false;
                continue;
            };
            if let Some(first) = seen.insert(key.clone(), key_span.clone()) {
                let message = format!(
                    "the key {} stands twice, first on line {}",
                    quote(&key),
                    self.report.line(&first)
                );
                self.report.error(FindingCode::Syntax, &key_span, message, "keep one");
                continue;
            }
            entries.push(TreeEntry { key, key_span, node });
        }
        whole.then_some(entries)
    }
}

/// A string, borrowed if it has no escapes.
struct JsonText<'t>(Cow<'t, str>);

impl<'de: 't, 't> Deserialize<'de> for JsonText<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = JsonText<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<JsonText<'de>, E> {
                Ok(JsonText(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<JsonText<'de>, E> {
                Ok(JsonText(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The members of an object in order, duplicates included.
struct JsonPairs<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for JsonPairs<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = JsonPairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonPairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(JsonPairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
