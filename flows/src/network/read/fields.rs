//! The keys of one table: known, unknown and missing keys, and their values by type.

use std::fmt;
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use crate::finding_code::FindingCode;
use crate::network::Span;
use crate::network::draft::Spanned;
use crate::network::schema::file_schema::{MAX_NUMBER, SchemaTable};
use crate::network::text::report::{FindingReport, quote};
use crate::network::text::tree::{TreeEntry, TreeNode, Value};

/// Limits the items of one list. A person could not check the network of a longer one.
const MAX_LIST: usize = 4096;

/// One table of the file with its permitted keys.
pub(in crate::network) struct Fields<'n, 't> {
    /// The subject of the table, for errors: "endpoint `gateway`".
    what: String,
    /// The place to point at when a key is missing.
    span: Span,
    table: &'static SchemaTable,
    entries: &'n [TreeEntry<'t>],
}

/// One of the words that a key accepts.
pub(in crate::network) trait Keyword: Sized + Default {
    /// Returns the meaning of the word.
    fn of(word: &str) -> Option<Self>;
}

/// A key and its subject, for errors: "`port` of endpoint `gateway`". It is formatted only for an
/// error.
#[derive(Clone, Copy)]
struct KeyOf<'s> {
    key: &'s str,
    what: &'s str,
}

impl fmt::Display for KeyOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", quote(self.key), self.what)
    }
}

/// An item of a list under a key, formatted only for an error.
struct ListItemOf<'s>(KeyOf<'s>);

impl fmt::Display for ListItemOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an item of {}", self.0)
    }
}

/// Returns the entries of a table under a key.
pub(in crate::network) fn entries_of<'n, 't>(
    node: &'n TreeNode<'t>,
    what: &str,
    table: &SchemaTable,
    report: &mut FindingReport,
) -> Option<&'n [TreeEntry<'t>]> {
    let Value::Table(entries) = &node.value else {
        wrong_kind(node, &what, "a table", report);
        return None;
    };
    for entry in entries.iter().filter(|entry| table.key(&entry.key).is_none()) {
        let known: Vec<_> = table.names().filter(|name| !name.starts_with('$')).collect();
        let help =
            report.near(&entry.key, known.iter().copied(), format!("known keys: {}", known.join(", ")));
        let message = format!("{what} has no key {}", quote(&entry.key));
        report.error(FindingCode::UnknownKey, &entry.key_span, message, help);
    }
    Some(entries)
}

fn wrong_kind(node: &TreeNode<'_>, what: &dyn fmt::Display, wanted: &str, report: &mut FindingReport) {
    let message = format!("{what} is {}, not {wanted}", node.kind());
    report.error(FindingCode::WrongType, &node.span, message, format!("write {wanted} here"));
}

impl<'n, 't> Fields<'n, 't> {
    /// Opens the table at `node`. Reports each unknown key. Reports a node that is no table, and
    /// then returns `None`.
    pub(in crate::network) fn open(
        node: &'n TreeNode<'t>,
        span: &Span,
        what: String,
        table: &'static SchemaTable,
        report: &mut FindingReport,
    ) -> Option<Self> {
        let entries = entries_of(node, &what, table, report)?;
        Some(Fields { what, span: span.clone(), table, entries })
    }

    /// Renames the table's subject, once a better name is known.
    pub(in crate::network) fn rename(&mut self, what: String, span: &Span) {
        self.what = what;
        self.span = span.clone();
    }

    /// Returns the subject of the table.
    pub(in crate::network) fn what(&self) -> &str {
        &self.what
    }

    /// Returns all entries of the table.
    pub(in crate::network) fn entries(&self) -> &'n [TreeEntry<'t>] {
        self.entries
    }

    /// Returns the place of the table.
    pub(in crate::network) fn span(&self) -> &Span {
        &self.span
    }

    /// Returns the value of a key.
    pub(in crate::network) fn find(&self, key: &str) -> Option<&'n TreeNode<'t>> {
        // Every key that is read is in the table, because the schema is built from it.
        #[cfg(test)]
        assert!(self.table.key(key).is_some(), "{key} of {}", self.table.name);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Returns whether the key is missing or holds an empty list.
    pub(in crate::network) fn is_bare(&self, key: &str) -> bool {
        self.find(key).is_none_or(|node| matches!(&node.value, Value::Array(items) if items.is_empty()))
    }

    /// Returns whether the key is present, whatever its value.
    pub(in crate::network) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Returns the place of a key's value, or else of the table.
    pub(in crate::network) fn span_of(&self, key: &str) -> &Span {
        self.find(key).map_or(&self.span, |node| &node.span)
    }

    fn of<'s>(&'s self, key: &'s str) -> KeyOf<'s> {
        KeyOf { key, what: &self.what }
    }

    /// Returns the value of a required key.
    pub(in crate::network) fn required(
        &self,
        key: &str,
        example: &str,
        report: &mut FindingReport,
    ) -> Option<&'n TreeNode<'t>> {
        let node = self.find(key);
        #[cfg(test)]
        assert!(self.table.key(key).is_some_and(|key| key.required), "{key} of {}", self.table.name);
        if node.is_none() {
            let message = format!("{} has no {}", self.what, quote(key));
            report.error(FindingCode::MissingKey, &self.span, message, format!("add {key} = {example}"));
        }
        node
    }

    /// Reads a string.
    pub(in crate::network) fn text(&self, key: &str, report: &mut FindingReport) -> Option<Spanned<String>> {
        self.find(key).and_then(|node| text_of(node, &self.of(key), report))
    }

    /// Reads a required string.
    pub(in crate::network) fn required_text(
        &self,
        key: &str,
        example: &str,
        report: &mut FindingReport,
    ) -> Option<Spanned<String>> {
        self.required(key, example, report).and_then(|node| text_of(node, &self.of(key), report))
    }

    /// Reads the items of a list; empty if the key is missing.
    pub(in crate::network) fn list(&self, key: &str, report: &mut FindingReport) -> &'n [TreeNode<'t>] {
        let Some(node) = self.find(key) else { return &[] };
        let Value::Array(items) = &node.value else {
            wrong_kind(node, &self.of(key), "a list", report);
            return &[];
        };
        items
    }

    fn bounded(
        &self,
        key: &str,
        items: &'n [TreeNode<'t>],
        report: &mut FindingReport,
    ) -> &'n [TreeNode<'t>] {
        match (items.get(..MAX_LIST), items.get(MAX_LIST)) {
            (Some(kept), Some(first_beyond)) => {
                let message = format!("{} has more than {MAX_LIST} items", self.of(key));
                report.error(FindingCode::TooMany, &first_beyond.span, message, "split it, or use a prefix");
                kept
            }
            _ => items,
        }
    }

    /// Reads a list of strings.
    pub(in crate::network) fn texts(&self, key: &str, report: &mut FindingReport) -> Vec<Spanned<String>> {
        let items = self.list(key, report);
        self.items(key, self.bounded(key, items, report), report)
    }

    /// Reads a list of strings of any length.
    pub(in crate::network) fn lines(&self, key: &str, report: &mut FindingReport) -> Vec<Spanned<String>> {
        self.items(key, self.list(key, report), report)
    }

    /// Reads a list of strings, where a single one needs no brackets.
    pub(in crate::network) fn one_or_more_texts(
        &self,
        key: &str,
        report: &mut FindingReport,
    ) -> Vec<Spanned<String>> {
        match self.find(key) {
            Some(node) if matches!(node.value, Value::Text(_)) => {
                self.items(key, std::slice::from_ref(node), report)
            }
            _ => self.texts(key, report),
        }
    }

    fn items(&self, key: &str, items: &[TreeNode<'_>], report: &mut FindingReport) -> Vec<Spanned<String>> {
        let what = ListItemOf(self.of(key));
        items.iter().filter_map(|node| text_of(node, &what, report)).collect()
    }

    /// Reads a whole number within bounds.
    pub(in crate::network) fn number(
        &self,
        node: &TreeNode<'_>,
        key: &str,
        least: u32,
        most: u32,
        report: &mut FindingReport,
    ) -> Option<u32> {
        let Value::Integer(number) = node.value else {
            wrong_kind(node, &self.of(key), "a whole number", report);
            return None;
        };
        let fits =
            number.and_then(|number| u32::try_from(number).ok()).filter(|n| (least..=most).contains(n));
        if fits.is_none() {
            let message = format!("a value of {} is not between {least} and {most}", self.of(key));
            report.error(
                FindingCode::OutOfRange,
                &node.span,
                message,
                format!("write a number from {least} to {most}"),
            );
        }
        fits
    }

    /// Reads a whole number under an optional key.
    pub(in crate::network) fn optional_number(
        &self,
        key: &str,
        least: u32,
        most: u32,
        report: &mut FindingReport,
    ) -> Option<u32> {
        self.find(key).and_then(|node| self.number(node, key, least, most, report))
    }

    /// Reads the items of a list of numbers from 1 to 65,535.
    pub(in crate::network) fn port_numbers(
        &self,
        key: &str,
        report: &mut FindingReport,
    ) -> Vec<Spanned<u16>> {
        let items = self.list(key, report);
        let items = self.bounded(key, items, report);
        let number = |node: &TreeNode<'_>| {
            let number = self.number(node, key, 1, u32::from(u16::MAX), report)?;
            Some(Spanned { value: u16::try_from(number).ok()?, span: node.span.clone() })
        };
        items.iter().filter_map(number).collect()
    }

    /// Reads a list of addresses.
    pub(in crate::network) fn addresses(
        &self,
        key: &str,
        report: &mut FindingReport,
    ) -> Vec<Spanned<IpAddr>> {
        let what = self.of(key);
        self.texts(key, report).into_iter().filter_map(|text| address(text, &what, report)).collect()
    }

    /// Reads the items of a list, up to the maximum length of a list.
    pub(in crate::network) fn bounded_list(
        &self,
        key: &str,
        report: &mut FindingReport,
    ) -> &'n [TreeNode<'t>] {
        let items = self.list(key, report);
        self.bounded(key, items, report)
    }

    /// Reads an item of a list of addresses.
    pub(in crate::network) fn item_address(
        &self,
        key: &str,
        node: &TreeNode<'_>,
        report: &mut FindingReport,
    ) -> Option<Spanned<IpAddr>> {
        let text = text_of(node, &ListItemOf(self.of(key)), report)?;
        address(text, &self.of(key), report)
    }

    /// Reads a list of prefixes without host bits.
    pub(in crate::network) fn prefixes(
        &self,
        key: &str,
        report: &mut FindingReport,
    ) -> Vec<Spanned<IpNetwork>> {
        let mut prefixes = Vec::new();
        for Spanned { value, span } in self.texts(key, report) {
            match value.parse::<IpNetwork>() {
                Ok(prefix) if prefix.ip() == prefix.network() => {
                    prefixes.push(Spanned { value: prefix, span })
                }
                Ok(prefix) => {
                    let message = format!("{} in {} has bits beyond its length", quote(&value), self.of(key));
                    let help = format!("write \"{}/{}\"", prefix.network(), prefix.prefix());
                    report.error(FindingCode::HostBits, &span, message, help);
                }
                Err(_) => {
                    let message = format!("{} in {} is not a prefix", quote(&value), self.of(key));
                    let help = "write an address and a length, like \"10.0.0.0/24\" or \"fd00::/64\"";
                    report.error(FindingCode::BadPrefix, &span, message, help);
                }
            }
        }
        prefixes
    }

    /// Reads one of the key's words. Returns the default if the key is missing, and `None` if the
    /// word is wrong.
    pub(in crate::network) fn choice<T: Keyword>(&self, key: &str, report: &mut FindingReport) -> Option<T> {
        if self.has(key) { self.optional_choice(key, report) } else { Some(T::default()) }
    }

    /// Reads one of the key's words, or returns `None` if the key is missing.
    pub(in crate::network) fn optional_choice<T: Keyword>(
        &self,
        key: &str,
        report: &mut FindingReport,
    ) -> Option<T> {
        let Spanned { value, span } = text_of(self.find(key)?, &self.of(key), report)?;
        let words = self.table.words(key);
        if let Some(choice) = words.iter().find(|word| **word == value).and_then(|word| T::of(word)) {
            return Some(choice);
        }
        let list = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let help = report.near(&value, words.iter().copied(), format!("write one of {list}"));
        report.error(
            FindingCode::BadValue,
            &span,
            format!("{} cannot be {}", self.of(key), quote(&value)),
            help,
        );
        None
    }

    /// Reads a truth value; false if the key is missing.
    pub(in crate::network) fn flag(&self, key: &str, report: &mut FindingReport) -> bool {
        match self.find(key) {
            Some(TreeNode { value: Value::Flag(flag), .. }) => *flag,
            Some(node) => {
                wrong_kind(node, &self.of(key), "a truth value", report);
                false
            }
            None => false,
        }
    }

    /// Reads a first and a last number, `FIRST-LAST`.
    pub(in crate::network) fn range(
        &self,
        key: &str,
        report: &mut FindingReport,
    ) -> Option<Spanned<(u32, u32)>> {
        let Spanned { value, span } = self.text(key, report)?;
        let range = range_of(&value);
        if range.is_none() {
            let message = format!("{} in {} is not a first and a last number", quote(&value), self.of(key));
            report.error(FindingCode::BadRange, &span, message, range_help());
        }
        Some(Spanned { value: range?, span })
    }

    /// Reads numbers, each range with its place. The value is a list, or a string with ranges or
    /// with the word `all`, which stands for the whole range.
    pub(in crate::network) fn numbers(
        &self,
        key: &str,
        all: Option<(u32, u32)>,
        report: &mut FindingReport,
    ) -> Vec<Spanned<(u32, u32)>> {
        let node = match self.find(key) {
            None => return Vec::new(),
            Some(node @ TreeNode { value: Value::Text(_), .. }) => node,
            Some(_) => {
                let items = self.list(key, report);
                let items = self.bounded(key, items, report);
                let number = |node: &TreeNode<'_>| {
                    let number = self.number(node, key, 0, MAX_NUMBER, report)?;
                    Some(Spanned { value: (number, number), span: node.span.clone() })
                };
                return items.iter().filter_map(number).collect();
            }
        };
        let Some(Spanned { value, span }) = text_of(node, &self.of(key), report) else { return Vec::new() };
        if value == "all" {
            return all.map(|value| Spanned { value, span }).into_iter().collect();
        }
        let mut ranges = Vec::new();
        for part in value.split(',') {
            match range_of(part.trim()) {
                Some(range) => ranges.push(Spanned { value: range, span: span.clone() }),
                None => {
                    let message =
                        format!("{} in {} is not a range of numbers", quote(part.trim()), self.of(key));
                    let help = "write \"1-3\", \"1-3, 17\", [1, 2, 17] or \"all\"";
                    report.error(FindingCode::BadRange, &span, message, help);
                }
            }
        }
        ranges
    }

    /// Reads a date or a date and time, in seconds since 1970-01-01 UTC. A date means the end of
    /// its day.
    pub(in crate::network) fn moment(&self, key: &str, report: &mut FindingReport) -> Option<u64> {
        let node = self.find(key)?;
        let text = match &node.value {
            Value::Date(text) => text.as_str(),
            Value::Text(text) => text,
            _ => {
                wrong_kind(node, &self.of(key), "a date", report);
                return None;
            }
        };
        let seconds = crate::network::read::date::seconds(text);
        if let Err(why) = &seconds {
            let message = format!("{} in {} {why}", quote(text), self.of(key));
            report.error(
                FindingCode::BadDate,
                &node.span,
                message,
                "write 2027-06-30, or 2027-06-30T12:00:00Z",
            );
        }
        seconds.ok()
    }
}

/// Parses `FIRST-LAST`, or one number, within bounds.
fn range_of(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|number| *number <= MAX_NUMBER)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first.trim())?, number(last.trim())?);
    (first <= last).then_some((first, last))
}

fn range_help() -> String {
    format!("write the first and the last, like \"100-199\", none above {MAX_NUMBER}")
}

/// Parses an address.
pub(in crate::network) fn address(
    Spanned { value, span }: Spanned<String>,
    what: &dyn fmt::Display,
    report: &mut FindingReport,
) -> Option<Spanned<IpAddr>> {
    match value.parse::<IpAddr>() {
        Ok(value) => Some(Spanned { value, span }),
        Err(_) => {
            let help = match value.parse::<IpNetwork>() {
                Ok(prefix) => format!("write the address alone: \"{}\"", prefix.ip()),
                Err(_) => "write an IPv4 or IPv6 address, like \"10.0.0.100\" or \"fd00::100\"".to_owned(),
            };
            let message = format!("{} in {what} is not an address", quote(&value));
            report.error(FindingCode::BadAddress, &span, message, help);
            None
        }
    }
}

/// Returns the string of a node; reports any other value.
pub(in crate::network) fn text_of(
    node: &TreeNode<'_>,
    what: &dyn fmt::Display,
    report: &mut FindingReport,
) -> Option<Spanned<String>> {
    match &node.value {
        Value::Text(text) => Some(Spanned { value: text.to_string(), span: node.span.clone() }),
        _ => {
            wrong_kind(node, what, "a string", report);
            None
        }
    }
}
