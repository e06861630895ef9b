//! Checks single values: names and lists.

use super::draft::Spanned;
use super::fields::Fields;
use super::report::{FindingReport, quote};
use super::tree::{TreeNode, Value};

/// Reports a name that is not plain. Names stand in explanations, metrics and commands.
pub(super) fn check_name(name: &Spanned<String>, what: &str, report: &mut FindingReport) {
    if !is_plain(&name.value) {
        let help = format!("use up to {LONGEST} ASCII letters, digits, `-`, `_` and `.`");
        report.error("bad-name", &name.span, format!("{} cannot be {what}", quote(&name.value)), help);
    }
}

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// Returns whether a text can be a name.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain)
}

/// Reports a list that is present and empty.
pub(super) fn not_empty(fields: &Fields<'_, '_>, key: &str, report: &mut FindingReport) {
    if let Some(TreeNode { value: Value::Array(items), span }) = fields.find(key)
        && items.is_empty()
    {
        let message = format!("{} of {} is empty", quote(key), fields.what());
        report.error("empty-list", span, message, "name at least one");
    }
}
