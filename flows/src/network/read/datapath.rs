//! Reads datapath ids, which identify the switch of a bridge. A name does not: a switch may choose
//! any name.

use std::collections::HashMap;

use ofproto::DatapathId;

use crate::finding_code::FindingCode;
use crate::network::ANY_BRIDGE;
use crate::network::draft::{Draft, Spanned};
use crate::network::text::report::{FindingReport, quote};

/// Counts the hexadecimal digits of a datapath id, as Open vSwitch writes it.
const DIGITS: usize = 16;

/// Reads a datapath id.
pub(in crate::network) fn datapath_id(
    text: Spanned<String>,
    report: &mut FindingReport,
) -> Option<Spanned<DatapathId>> {
    let digits = text.value.len() == DIGITS && text.value.bytes().all(|b| b.is_ascii_hexdigit());
    let id = u64::from_str_radix(&text.value, 16).ok().filter(|_| digits);
    if id.is_none() {
        let message = format!("{} is no datapath id", quote(&text.value));
        let help = "write its 16 hexadecimal digits: `ovs-vsctl get bridge NAME datapath_id`";
        report.error(FindingCode::BadDatapathId, &text.span, message, help);
    }
    Some(Spanned { value: DatapathId(id?), span: text.span })
}

/// Returns whether a name is the datapath id of a switch without a LOCAL port. No other bridge has
/// such a name: port names are shorter.
pub fn is_datapath_id(name: &str) -> bool {
    name.len() == DIGITS && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Checks that each datapath id belongs to one bridge, and agrees with the bridge's name.
pub(in crate::network) fn check(draft: &Draft, report: &mut FindingReport) {
    let mut bridges: HashMap<DatapathId, &Spanned<String>> = HashMap::new();
    for bridge in &draft.bridges {
        let Some(id) = &bridge.datapath_id else { continue };
        let name = &bridge.name.value;
        if name == ANY_BRIDGE {
            let message = format!("{} is every bridge that the file does not name", quote(ANY_BRIDGE));
            report.error(FindingCode::DatapathOfAny, &id.span, message, "name one bridge");
        } else if is_datapath_id(name) && *name != id.value.to_string() {
            let message = format!("bridge {} has another datapath id by its name", quote(name));
            report.error(FindingCode::DatapathAndName, &id.span, message, "take `datapath_id` away");
        } else if let Some(first) = bridges.get(&id.value) {
            let message = format!(
                "bridge {} has the datapath id of bridge {} (line {})",
                quote(name),
                quote(&first.value),
                report.line(&first.span),
            );
            report.error(FindingCode::DatapathTwice, &id.span, message, "give each bridge its own");
        } else {
            bridges.insert(id.value, &bridge.name);
        }
    }
}
