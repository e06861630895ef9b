//! Names under which flows are counted without a name in the file.

use crate::finding_code::FindingCode;
use crate::network::draft::Spanned;
use crate::network::text::report::{FindingReport, quote};

/// The kinds of flows that are counted under no other name. Those of a party, a link or a network
/// have its name.
pub(in crate::network) const NAMES: [&str; 8] =
    ["admission", "returns", "destination", "resolution", "deny", "forwarding", "learning", "raw"];

/// Reports a name that is taken.
pub(in crate::network) fn check(word: &str, name: &Spanned<String>, report: &mut FindingReport) {
    if NAMES.contains(&&*name.value) {
        let message = format!(
            "{} cannot be the name of {} {word}: flows that it does not ask for are counted under it",
            quote(&name.value),
            if word.starts_with(['a', 'e', 'o']) { "an" } else { "a" },
        );
        let help = format!("write another name, like \"{}-{word}\"", name.value);
        report.error(FindingCode::BuiltInName, &name.span, message, help);
    }
}
