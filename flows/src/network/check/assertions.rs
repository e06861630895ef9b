//! Checks assertions: the parties of a never, an always and a confine.

use std::collections::HashSet;

use crate::finding_code::FindingCode;
use crate::network::draft::{Draft, DraftAttachment};
use crate::network::names::rule_party::{RuleParty, parties};
use crate::network::names::{NameIndex, NameKind, NamedItem};
use crate::network::resolve::implied_rules::ImpliedRules;
use crate::network::text::report::{FindingReport, quote};

/// Checks all assertions of a file, including implied ones.
pub(in crate::network) fn check(
    draft: &Draft,
    implied: &ImpliedRules,
    names: &NameIndex<'_>,
    report: &mut FindingReport,
) {
    for never in draft.nevers.iter().chain(&implied.nevers) {
        let sides = [parties(&never.from, names, report), parties(&never.to, names, report)];
        no_outsides("a never", FindingCode::NotForNever, &sides, report);
    }
    excepted(draft, report);
    let addressed = if draft.always.is_empty() { HashSet::new() } else { addressed_networks(draft, names) };
    for always in &draft.always {
        let sides = [parties(&always.from, names, report), parties(&always.to, names, report)];
        no_outsides("an always", FindingCode::NotForAlways, &sides, report);
        for (name, party) in sides.iter().flatten().filter(|party| has_no_address(party, &addressed)) {
            let (whose, name_of) = (party.kind.word(), quote(&name.value));
            let message = match party.kind {
                NameKind::Network => format!("no endpoint of {whose} {name_of} has an address"),
                _ => format!("{whose} {name_of} has no address"),
            };
            let message = format!("{message}, so the always is about no packet");
            let help = "give it an address, or name a party that has one";
            report.warning(FindingCode::AlwaysWithoutAddress, &name.span, message, help);
        }
    }
    for confine in &draft.confines {
        let sides = [parties(&confine.from, names, report), parties(&confine.to, names, report)];
        no_outsides("a confine", FindingCode::NotForConfine, &sides, report);
        confined_receivers(&sides, report);
    }
}

/// Reports outsides: the places of an assertion are ports, and an outside shares that of its exit.
fn no_outsides(
    what: &str,
    code: FindingCode,
    sides: &[Vec<RuleParty<'_, '_>>; 2],
    report: &mut FindingReport,
) {
    for (name, party) in sides.iter().flatten() {
        if party.kind == NameKind::Outside {
            let message =
                format!("{} is an outside, which {what} cannot tell from its exit", quote(&name.value));
            report.error(code, &name.span, message, "name the exit");
        }
    }
}

/// Checks that the exceptions of a never are crossings.
fn excepted(draft: &Draft, report: &mut FindingReport) {
    let crossings: HashSet<&str> = draft.crossings.iter().map(|crossing| &*crossing.name.value).collect();
    for name in draft.nevers.iter().flat_map(|never| &never.except) {
        if !crossings.contains(&*name.value) {
            let known = draft.crossings.iter().map(|crossing| &*crossing.name.value);
            let help = report.near(&name.value, known, "name a [[crossing]] of this file");
            report.error(
                FindingCode::UnknownCrossing,
                &name.span,
                format!("there is no crossing {}", quote(&name.value)),
                help,
            );
        }
    }
}

/// Returns the networks on which an endpoint or a container may have an address.
fn addressed_networks(draft: &Draft, names: &NameIndex<'_>) -> HashSet<usize> {
    let plugs = draft.endpoints.iter().flat_map(|endpoint| &endpoint.attachments);
    let of_plugs = plugs.filter(|plug| may_have_address(plug)).filter_map(|plug| plug.network.as_ref());
    let of_containers = draft.networks.iter().filter(|network| network.containers.is_some());
    let addressed = of_plugs.chain(of_containers.map(|network| &network.name));
    addressed.filter_map(|name| Some(names.network(&name.value)?.0)).collect()
}

/// Returns whether the file gives the attachment an address, or lets DHCP give it one.
fn may_have_address(plug: &DraftAttachment) -> bool {
    plug.leased || !(plug.addresses.is_empty() && plug.shared.is_empty() && plug.behind.is_empty())
}

/// Returns whether a party has no address, now or at run time. Every address outside is behind an
/// exit.
fn has_no_address((_, party): &RuleParty<'_, '_>, addressed: &HashSet<usize>) -> bool {
    !party.broken
        && match party.thing {
            NamedItem::Endpoint(endpoint) => !endpoint.attachments.iter().any(may_have_address),
            NamedItem::Link(link) => link.ends.iter().all(|end| end.behind.is_empty()),
            NamedItem::Overlay(_) => false,
            NamedItem::Other => {
                party.kind == NameKind::Network && !party.networks.iter().any(|on| addressed.contains(on))
            }
        }
}

/// Warns about receivers of a confine that are among its senders: they are no way out.
fn confined_receivers(sides: &[Vec<RuleParty<'_, '_>>; 2], report: &mut FindingReport) {
    let [from, to] = sides;
    let named: HashSet<&str> = from.iter().map(|(name, _)| &*name.value).collect();
    let networks = from.iter().filter(|(_, party)| party.kind == NameKind::Network);
    let networks: HashSet<usize> = networks.flat_map(|(_, party)| &party.networks).copied().collect();
    for (name, party) in to {
        // An exit of a confined network counts only under its own name.
        let member = matches!(party.kind, NameKind::Endpoint | NameKind::Link)
            && !party.broken
            && !party.networks.is_empty()
            && party.networks.iter().all(|on| networks.contains(on));
        let twice = named.contains(&*name.value) && party.kind != NameKind::Outside;
        if member || twice {
            let message = format!("{} is among the senders itself, so it is no way out", quote(&name.value));
            let help = "name the exit or the party by which packets leave, or take it out of one of the two";
            report.warning(FindingCode::ConfinedToItself, &name.span, message, help);
        }
    }
}
