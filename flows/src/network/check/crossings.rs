//! Checks crossings: their parties and their link.

use crate::finding_code::FindingCode;
use crate::network::draft::{Draft, DraftCrossing, DraftLink, Spanned};
use crate::network::names::rule_party::quoted_networks;
use crate::network::names::{NameIndex, NameKind, NamedItem};
use crate::network::text::report::{FindingReport, quote};

/// Checks the parties and the link of a crossing.
pub(in crate::network) fn check(
    draft: &Draft,
    crossing: &DraftCrossing,
    names: &NameIndex<'_>,
    report: &mut FindingReport,
) {
    let what = if crossing.name.value.is_empty() {
        "a nameless crossing".to_owned()
    } else {
        format!("crossing {}", quote(&crossing.name.value))
    };
    let from = side(draft, &crossing.from, false, &what, names, report);
    let to = side(draft, &crossing.to, true, &what, names, report);
    let Some(over) = &crossing.over else { return };
    let Some(party) = names.of_kind(over, NameKind::Link, report) else { return };
    let NamedItem::Link(link) = party.thing else { return };
    if party.broken || !bare(link, over, &what, report) {
        return;
    }
    let (Some(from), Some(to)) = (from, to) else { return };
    let bridge =
        |network: &usize| draft.networks.get(*network).and_then(|n| n.bridge.as_ref()).map(|b| &*b.value);
    let ends: Vec<_> = link.ends.iter().filter_map(|end| end.bridge.as_ref()).map(|b| &*b.value).collect();
    let [one, other] = ends.as_slice() else { return };
    let joined = |a: &usize, b: &usize| {
        let (a, b) = (bridge(a), bridge(b));
        (a == Some(one) && b == Some(other)) || (a == Some(other) && b == Some(one))
    };
    let mut pairs =
        from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b && joined(a, b));
    match (pairs.next(), pairs.next()) {
        (None, _) => {
            let message = format!(
                "{what} goes from network {} to network {}, and link {} joins the bridges {} and {}",
                quoted_networks(draft, &from),
                quoted_networks(draft, &to),
                quote(&over.value),
                quote(one),
                quote(other),
            );
            let help = "name a link with one end on the bridge of each network";
            report.error(FindingCode::CrossingLink, &over.span, message, help);
        }
        (Some(_), Some(_)) => {
            let message =
                format!("{what} may lie between several networks: its parties have more than one in common");
            let help = "name endpoints that are on one network each, or let the link join other bridges";
            report.error(FindingCode::CrossingAmbiguous, &crossing.name.span, message, help);
        }
        _ => {}
    }
}

/// Returns the networks on which all parties of one side have an address, and a MAC if required.
/// Returns `None` for a wrong party, which then has an error.
fn side(
    draft: &Draft,
    parties: &[Spanned<String>],
    with_mac: bool,
    what: &str,
    names: &NameIndex<'_>,
    report: &mut FindingReport,
) -> Option<Vec<usize>> {
    let mut common: Option<Vec<usize>> = None;
    for (name, party) in crate::network::names::rule_party::parties(parties, names, report) {
        let NamedItem::Endpoint(endpoint) = party.thing else {
            let message =
                format!("{} is {}, and {what} is between endpoints", quote(&name.value), party.kind.one());
            report.error(FindingCode::CrossingParty, &name.span, message, "name endpoints, each of them");
            return None;
        };
        if party.broken {
            return None;
        }
        let plugs = endpoint.attachments.iter().filter(|plug| !plug.addresses.is_empty());
        let plugs = plugs.filter(|plug| !with_mac || plug.mac.is_some());
        let mut networks: Vec<usize> =
            plugs.filter_map(|plug| Some(names.network(&plug.network.as_ref()?.value)?.0)).collect();
        networks.sort_unstable();
        networks.dedup();
        if networks.is_empty() {
            let (lacks, help) = if with_mac {
                (
                    "attachment with an address and a `mac`",
                    "add mac = \"52:54:00:12:34:56\" to its attachment",
                )
            } else {
                ("address", "add addresses = [\"ADDRESS\"] to its attachment")
            };
            let message = format!("{} is a party of {what}, and has no {lacks}", quote(&name.value));
            report.error(FindingCode::CrossingParty, &name.span, message, help);
            return None;
        }
        let shared = match common {
            None => networks.clone(),
            Some(before) => before.into_iter().filter(|network| networks.contains(network)).collect(),
        };
        if shared.is_empty() {
            let message = format!(
                "{} is on network {}, and the parties before it are not",
                quote(&name.value),
                quoted_networks(draft, &networks)
            );
            let help = "a crossing goes from one network to one other: write one for each pair of networks";
            report.error(FindingCode::CrossingParty, &name.span, message, help);
            return None;
        }
        common = Some(shared);
    }
    common
}

/// Returns whether both ends only declare their port. A link that carries crossings carries nothing
/// else.
fn bare(link: &DraftLink, over: &Spanned<String>, what: &str, report: &mut FindingReport) -> bool {
    let used = link.ends.iter().find(|end| end.network.is_some() || end.forwards.is_some());
    if let Some(end) = used {
        let does = if end.network.is_some() { "is on a network" } else { "forwards to a port" };
        let message = format!(
            "{what} goes over link {}, of which an end {does} (line {})",
            quote(&over.value),
            report.line(&end.span)
        );
        let help = "give the crossing a link of its own, with only `bridge` and `port` at each end";
        report.error(FindingCode::CrossingLink, &over.span, message, help);
    }
    used.is_none()
}
