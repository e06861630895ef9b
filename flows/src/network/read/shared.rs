//! Addresses that several endpoints share, one holder at a time: all holders name one virtual
//! router.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::finding_code::FindingCode;
use crate::network::SharedAddress;
use crate::network::draft::{Draft, Spanned};
use crate::network::names::NameIndex;
use crate::network::read::fields::Fields;
use crate::network::schema::file_schema;
use crate::network::text::report::{FindingReport, NamedInText, quote};
use crate::network::text::tree::{TreeNode, Value};

/// Limits the shared addresses of one network. Each has a number among those that Open vSwitch
/// gives to no port.
const MAX_SHARED: usize = 240;

/// Reads the `addresses` of an attachment: owned ones and shared ones.
pub(in crate::network) fn read(
    fields: &Fields<'_, '_>,
    report: &mut FindingReport,
) -> (Vec<Spanned<IpAddr>>, Vec<Spanned<SharedAddress>>) {
    let (mut owned, mut shared) = (Vec::new(), Vec::new());
    for node in fields.bounded_list("addresses", report) {
        match &node.value {
            Value::Table(_) => match item(fields, node, report) {
                Some((address, None)) => owned.push(address),
                Some((Spanned { value: address, span }, Some(vrid))) => {
                    shared.push(Spanned { value: SharedAddress { address, vrid }, span });
                }
                None => {}
            },
            _ => owned.extend(fields.item_address("addresses", node, report)),
        }
    }
    (owned, shared)
}

/// Reads one address: whether it is shared, and the virtual router's number, if any.
fn item(
    fields: &Fields<'_, '_>,
    node: &TreeNode<'_>,
    report: &mut FindingReport,
) -> Option<(Spanned<IpAddr>, Option<Option<u8>>)> {
    let what = format!("an address of {}", fields.what());
    let fields = Fields::open(node, &node.span, what, &file_schema::ADDRESS, report)?;
    let text = fields.required("address", "\"ADDRESS\"", report)?;
    let address = fields.item_address("address", text, report);
    let shared = fields.flag("shared", report);
    let vrid = fields.optional_number("vrid", 1, 255, report).and_then(|vrid| u8::try_from(vrid).ok());
    if !shared && fields.has("vrid") {
        let message = format!("{} is not shared, so there is nothing for its `vrid`", fields.what());
        let help = "add shared = true, or take the number away";
        report.error(FindingCode::MisplacedKey, fields.span_of("vrid"), message, help);
    }
    Some((address?, shared.then_some(vrid)))
}

/// A shared address at its first mention.
struct FirstSharer<'d> {
    shared: &'d Spanned<SharedAddress>,
    whose: NamedInText<'d>,
    /// The number of possible holders.
    holders: usize,
}

/// Checks that all holders of a shared address agree on it, and that no network has too many.
pub(in crate::network) fn check(draft: &Draft, names: &NameIndex<'_>, report: &mut FindingReport) {
    let mut seen: HashMap<IpAddr, usize> = HashMap::new();
    let mut all: Vec<FirstSharer<'_>> = Vec::new();
    let mut on_network: HashMap<usize, usize> = HashMap::new();
    for endpoint in &draft.endpoints {
        let whose = NamedInText { word: "endpoint", name: &endpoint.name.value };
        for plug in &endpoint.attachments {
            let network = plug.network.as_ref().and_then(|name| names.network(&name.value));
            for shared in &plug.shared {
                let Spanned { value, span } = shared;
                if let Some(first) = seen.get(&value.address).and_then(|place| all.get_mut(*place)) {
                    first.holders += 1;
                    agree(first, (shared, whose), report);
                    continue;
                }
                seen.insert(value.address, all.len());
                all.push(FirstSharer { shared, whose, holders: 1 });
                let Some((index, _)) = network else { continue };
                let count = on_network.entry(index).or_default();
                *count += 1;
                if *count == MAX_SHARED + 1 {
                    let message = format!("a network has more than {MAX_SHARED} shared addresses");
                    report.error(FindingCode::TooMany, span, message, "split it into several networks");
                }
            }
        }
    }
    for FirstSharer { shared, whose, .. } in all.iter().filter(|first| first.holders == 1) {
        let message = format!("the address is shared, and {whose} alone may hold it");
        let help = "share it at the other holders too, or write it as an address of its own";
        report.warning(FindingCode::SharedAlone, &shared.span, message, help);
    }
}

/// Checks that another holder names the same virtual router.
fn agree(
    first: &FirstSharer<'_>,
    (other, whose): (&Spanned<SharedAddress>, NamedInText<'_>),
    report: &mut FindingReport,
) {
    if first.shared.value.vrid != other.value.vrid {
        let message = format!(
            "{} is shared by {whose} with another `vrid` than by {} (line {})",
            quote(&other.value.address.to_string()),
            first.whose,
            report.line(&first.shared.span),
        );
        report.error(FindingCode::SharedDiffers, &other.span, message, "an address has one virtual router");
    }
}

/// Returns the shared addresses that this place mentions first: each has one place among the owned
/// ones.
pub(in crate::network) fn first_mentions<'d>(
    shared: &'d [Spanned<SharedAddress>],
    seen: &mut HashSet<IpAddr>,
) -> Vec<&'d Spanned<SharedAddress>> {
    shared.iter().filter(|at| seen.insert(at.value.address)).collect()
}

/// Returns the address with its place in the text.
pub(in crate::network) fn address(shared: &Spanned<SharedAddress>) -> Spanned<IpAddr> {
    Spanned { value: shared.value.address, span: shared.span.clone() }
}
