//! Checks single values: names and lists.

use crate::finding_code::FindingCode;
use crate::network::draft::Spanned;
use crate::network::read::fields::Fields;
use crate::network::text::report::{FindingReport, quote};
use crate::network::text::tree::{TreeNode, Value};

/// Reports a name that is not plain. Names stand in explanations, metrics and commands.
pub(in crate::network) fn check_name(name: &Spanned<String>, what: &str, report: &mut FindingReport) {
    if !is_plain(&name.value) {
        let help = format!("use up to {LONGEST} ASCII letters, digits, `-`, `_` and `.`");
        report.error(
            FindingCode::BadName,
            &name.span,
            format!("{} cannot be {what}", quote(&name.value)),
            help,
        );
    }
}

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// Returns whether a text can be a name.
pub(in crate::network) fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain)
}

/// Reports a list that is present and empty.
pub(in crate::network) fn not_empty(fields: &Fields<'_, '_>, key: &str, report: &mut FindingReport) {
    if let Some(TreeNode { value: Value::Array(items), span }) = fields.find(key)
        && items.is_empty()
    {
        let message = format!("{} of {} is empty", quote(key), fields.what());
        report.error(FindingCode::EmptyList, span, message, "name at least one");
    }
}
