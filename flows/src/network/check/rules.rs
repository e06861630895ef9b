//! Checks the rules: names, parties, networks, and repeated grants.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::finding_code::FindingCode;
use crate::network::Stateful;
use crate::network::check::earlier_grants::EarlierGrants;
use crate::network::check::size::FlowCount;
use crate::network::check::{assertions, crossings};
use crate::network::draft::{Draft, DraftAllow, DraftNetwork, Spanned};
use crate::network::names::rule_party::{RuleParty, parties, quoted_networks};
use crate::network::names::{NameIndex, NameKind, NamedItem, built_in};
use crate::network::resolve::implied_rules::ImpliedRules;
use crate::network::text::report::{FindingReport, quote};

/// Checks all rules of a file, including implied rules.
pub(in crate::network) fn check(
    draft: &Draft,
    implied: &ImpliedRules,
    names: &NameIndex<'_>,
    report: &mut FindingReport,
) {
    unique(draft, implied, report);
    let mut granted = EarlierGrants::new();
    let mut size = FlowCount::new(draft, names);
    for allow in draft.allows.iter().chain(&implied.allows) {
        let (from, to) = (parties(&allow.from, names, report), parties(&allow.to, names, report));
        repeated_ports(&allow.ports, report);
        if allow.is_carried() {
            carried(allow, names, report);
            continue;
        }
        let from = in_a_network(allow, from, report);
        let to = in_a_network(allow, to, report);
        if size.fits(&label(allow), &allow.name, report, |size| size.of_allow(allow, &from, &to)) {
            match &allow.via {
                Some(via) => next_hop(allow, via, &from, &to, names, report),
                None => {
                    one_network(allow, &from, &to, report, draft);
                    tracked(allow, &from, &to, report, draft);
                }
            }
            granted.add(allow, &from, &to, report);
        }
    }
    for crossing in &draft.crossings {
        repeated_ports(&crossing.ports, report);
        let label = format!("crossing {}", quote(&crossing.name.value));
        if size.fits(&label, &crossing.name, report, |size| size.of_crossing(crossing)) {
            crossings::check(draft, crossing, names, report);
        }
    }
    for always in &draft.always {
        repeated_ports(&always.ports, report);
    }
    assertions::check(draft, implied, names, report);
    for network in &draft.networks {
        if let Some(range) = &network.containers {
            clients(network, &range.clients, names, report);
        }
    }
}

/// Checks that the clients of containers are on the containers' network.
fn clients(
    network: &DraftNetwork,
    clients: &[Spanned<String>],
    names: &NameIndex<'_>,
    report: &mut FindingReport,
) {
    let Some((index, _)) = names.network(&network.name.value) else { return };
    for (name, party) in parties(clients, names, report) {
        if !party.broken && !party.networks.contains(&index) {
            let message = format!(
                "{} is a client of the containers of network {}, and not on it",
                quote(&name.value),
                quote(&network.name.value),
            );
            report.error(FindingCode::ClientElsewhere, &name.span, message, "name who is on the network");
        }
    }
}

/// Checks carried rules. Traffic inside an overlay is between its members; traffic elsewhere cannot
/// be checked.
fn carried(allow: &DraftAllow, names: &NameIndex<'_>, report: &mut FindingReport) {
    let Some(name) = &allow.overlay else { return };
    let Some(party) = names.of_kind(name, NameKind::Overlay, report) else { return };
    let NamedItem::Overlay(overlay) = party.thing else { return };
    for party in allow.from.iter().chain(&allow.to) {
        if !overlay.members.iter().any(|(member, _)| member.value == party.value) {
            let known = overlay.members.iter().map(|(member, _)| &*member.value);
            let help = report.near(&party.value, known, "name a member, or add it to `members`");
            let message = format!("{} is no member of overlay {}", quote(&party.value), quote(&name.value));
            report.error(FindingCode::NotAMember, &party.span, message, help);
        }
    }
}

/// Checks that a next hop has a MAC on the network of its users, and that they reach only outside
/// addresses by it.
fn next_hop(
    allow: &DraftAllow,
    via: &Spanned<String>,
    from: &[RuleParty<'_, '_>],
    to: &[RuleParty<'_, '_>],
    names: &NameIndex<'_>,
    report: &mut FindingReport,
) {
    for (name, party) in to {
        if !party.kind.is_outside() {
            let message = format!(
                "{} goes via {}, and {} is {} of this file",
                label(allow),
                quote(&via.value),
                quote(&name.value),
                party.kind.one(),
            );
            let help = "what goes via a next hop has an address outside: name an exit or an outside, or take `via` away";
            report.error(FindingCode::ViaInside, &name.span, message, help);
        }
    }
    let Some(party) = names.of_kind(via, NameKind::Endpoint, report) else { return };
    let NamedItem::Endpoint(endpoint) = party.thing else { return };
    let plugs = || endpoint.attachments.iter();
    let mut pinned: Vec<usize> = plugs()
        .filter(|plug| plug.mac.is_some())
        .filter_map(|plug| Some(names.network(&plug.network.as_ref()?.value)?.0))
        .collect();
    pinned.sort_unstable();
    for (name, source) in from {
        if source.networks.iter().any(|network| pinned.binary_search(network).is_ok()) || party.broken {
            continue;
        }
        let (message, help) = if source.meets(party) {
            (
                format!("{} goes via {}, which has no `mac` there", label(allow), quote(&via.value)),
                "frames to a next hop are told by its MAC: add mac = \"52:54:00:12:34:56\" to its attachment",
            )
        } else {
            (
                format!(
                    "{} goes via {}, which is not on the network of {}",
                    label(allow),
                    quote(&via.value),
                    quote(&name.value)
                ),
                "name an endpoint of that network",
            )
        };
        report.error(FindingCode::BadVia, &via.span, message, help);
    }
}

/// Returns the name of an allow for errors; one without a name has an error already.
fn label(allow: &DraftAllow) -> String {
    if allow.name.value.is_empty() {
        "a nameless allow".to_owned()
    } else {
        format!("allow {}", quote(&allow.name.value))
    }
}

fn unique(draft: &Draft, implied: &ImpliedRules, report: &mut FindingReport) {
    let allows = draft.allows.iter().chain(&implied.allows).map(|allow| ("allow", &allow.name));
    let nevers = draft.nevers.iter().chain(&implied.nevers).map(|never| ("never", &never.name));
    let always = draft.always.iter().map(|always| ("always", &always.name));
    let confines = draft.confines.iter().map(|confine| ("confine", &confine.name));
    let chains = draft.chains.iter().map(|chain| ("chain", &chain.name));
    let crossings = draft.crossings.iter().map(|crossing| ("crossing", &crossing.name));
    let mut all: Vec<_> = allows
        .chain(chains)
        .chain(crossings)
        .chain(nevers)
        .chain(always)
        .chain(confines)
        .filter(|(_, name)| !name.value.is_empty())
        .collect();
    all.sort_by_key(|(_, name)| name.span.start);
    let mut seen: HashMap<&str, (&str, &Spanned<String>)> = HashMap::new();
    for (word, name) in all {
        built_in::check(word, name, report);
        if let Some((first_word, first)) = seen.get(&*name.value) {
            let line = report.line(&first.span);
            let message =
                format!("there already is a rule {} ({first_word}, line {line})", quote(&name.value));
            report.error(
                FindingCode::DuplicateRule,
                &name.span,
                message,
                "counters go by the names of rules: rename one",
            );
        } else {
            seen.insert(&name.value, (word, name));
        }
    }
}

fn repeated_ports(ports: &[Spanned<u16>], report: &mut FindingReport) {
    if ports.len() < 2 {
        return;
    }
    let mut seen = HashSet::new();
    for port in ports {
        if !seen.insert(port.value) {
            report.warning(
                FindingCode::Repeated,
                &port.span,
                format!("port {} stands twice", port.value),
                "keep one",
            );
        }
    }
}

/// Removes parties that are on no network: an allow can do nothing for them.
fn in_a_network<'n, 'd>(
    allow: &DraftAllow,
    mut parties: Vec<RuleParty<'n, 'd>>,
    report: &mut FindingReport,
) -> Vec<RuleParty<'n, 'd>> {
    parties.retain(|(name, party)| {
        if party.networks.is_empty() && !party.broken {
            let message = format!(
                "{} {} is only declared and on no network, so {} means nothing for it",
                party.kind.word(),
                quote(&name.value),
                label(allow),
            );
            let help = format!(
                "give the {} a `network`",
                if party.kind == NameKind::Link { "link's end" } else { "exit" }
            );
            report.error(FindingCode::NotOnANetwork, &name.span, message, help);
        }
        !party.networks.is_empty() && !party.broken
    });
    parties
}

fn one_network(
    allow: &DraftAllow,
    from: &[RuleParty<'_, '_>],
    to: &[RuleParty<'_, '_>],
    report: &mut FindingReport,
    draft: &Draft,
) {
    // Here a network means each of its endpoints to each other one.
    if let ([(source, party)], [(target, _)]) = (from, to)
        && source.value == target.value
        && party.kind != NameKind::Network
    {
        let message = format!(
            "{} grants nothing: {} needs no leave to talk to itself",
            label(allow),
            quote(&source.value)
        );
        report.warning(FindingCode::AllowToItself, &target.span, message, "name somebody else");
    }
    // Many parties share their networks, so groups are compared. Pairs are compared only to report
    // the wrong ones.
    let groups = |parties: &[RuleParty<'_, '_>]| -> HashMap<Vec<usize>, usize> {
        let each = parties.iter().enumerate().map(|(n, (_, party))| (party.networks.clone(), n));
        each.collect()
    };
    let (sources, targets) = (groups(from), groups(to));
    let apart = |a: &usize, b: &usize| match (from.get(*a), to.get(*b)) {
        (Some((_, a)), Some((_, b))) => !a.meets(b),
        _ => false,
    };
    if !sources.values().any(|a| targets.values().any(|b| apart(a, b))) {
        return;
    }
    for (source, source_party) in from {
        for (target, target_party) in to {
            if report.is_full() {
                return;
            }
            if source_party.meets(target_party) {
                continue;
            }
            let message = format!(
                "{} joins two networks: {} is on {}, {} on {}",
                label(allow),
                quote(&source.value),
                quoted_networks(draft, &source_party.networks),
                quote(&target.value),
                quoted_networks(draft, &target_party.networks),
            );
            let help = if target_party.kind.is_outside() {
                "an allow holds within one network: say by `via` which endpoint is the next hop to what is outside"
            } else {
                "an allow holds within one network; between two it takes a [[crossing]], with approval and reason"
            };
            // The later of the two names is reported.
            let span = if target.span.start > source.span.start { &target.span } else { &source.span };
            report.error(FindingCode::CrossesNetworks, span, message, help);
        }
    }
}

/// Reports settings of learned flows in networks where the connection tracker identifies the
/// answers.
fn tracked(
    allow: &DraftAllow,
    from: &[RuleParty<'_, '_>],
    to: &[RuleParty<'_, '_>],
    report: &mut FindingReport,
    draft: &Draft,
) {
    if allow.limit.is_none() && allow.returns.is_none() {
        return;
    }
    let on = |parties: &[RuleParty<'_, '_>]| -> BTreeSet<usize> {
        parties.iter().flat_map(|(_, party)| &party.networks).copied().collect()
    };
    let shared: Vec<usize> = on(from).intersection(&on(to)).copied().collect();
    let by_tracker =
        |index: &usize| draft.networks.get(*index).filter(|network| network.stateful == Stateful::Conntrack);
    let Some(network) = shared.iter().find_map(by_tracker) else { return };
    for (word, there, help) in [
        (
            "limit",
            allow.limit.is_some(),
            "take it away: the connections of a zone are limited for all rules together, on the switch \
             (ovs-appctl dpctl/ct-set-limits)",
        ),
        ("returns", allow.returns.is_some(), "take it away: the tracker knows each connection"),
    ] {
        if there {
            let message = format!(
                "`{word}` of {} means nothing in network {}, whose replies the connection tracker tells",
                label(allow),
                quote(&network.name.value),
            );
            report.error(FindingCode::NotInConntrack, &allow.name.span, message, help);
        }
    }
}
