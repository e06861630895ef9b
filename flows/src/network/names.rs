//! Resolves names: one namespace for parties on networks or outside, another for rules.

pub(in crate::network) mod built_in;
pub(in crate::network) mod rule_party;

use std::collections::HashMap;

use super::draft::{Draft, DraftEndpoint, DraftLink, DraftNetwork, DraftOverlay, Spanned};
use crate::finding_code::FindingCode;
use crate::network::text::report::{FindingReport, quote};

/// The kind of item that a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    Network,
    Endpoint,
    Link,
    Exit,
    Outside,
    Overlay,
}

impl NameKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            NameKind::Network => "network",
            NameKind::Endpoint => "endpoint",
            NameKind::Link => "link",
            NameKind::Exit => "exit",
            NameKind::Outside => "outside",
            NameKind::Overlay => "overlay",
        }
    }

    /// Returns the word with its article.
    pub(super) fn one(self) -> String {
        let article = match self {
            NameKind::Endpoint | NameKind::Exit | NameKind::Outside | NameKind::Overlay => "an",
            NameKind::Network | NameKind::Link => "a",
        };
        format!("{article} {}", self.word())
    }

    /// Returns whether the item lies outside every network.
    pub(super) fn is_outside(self) -> bool {
        matches!(self, NameKind::Exit | NameKind::Outside)
    }
}

/// A party that a rule can name.
#[derive(Debug)]
pub(super) struct NamedParty<'d> {
    pub(super) kind: NameKind,
    /// The party's networks by their places in the draft, sorted.
    pub(super) networks: Vec<usize>,
    /// True if a part of the party is wrong, so that `networks` may lack one.
    pub(super) broken: bool,
    /// The named item, if it is more than a name.
    pub(super) thing: NamedItem<'d>,
    name: &'d Spanned<String>,
}

impl NamedParty<'_> {
    /// Returns whether both parties are on one network.
    pub(super) fn meets(&self, other: &NamedParty<'_>) -> bool {
        let (few, many) =
            if self.networks.len() < other.networks.len() { (self, other) } else { (other, self) };
        few.networks.iter().any(|network| many.networks.binary_search(network).is_ok())
    }
}

/// The part of the draft that a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum NamedItem<'d> {
    Endpoint(&'d DraftEndpoint),
    Link(&'d DraftLink),
    Overlay(&'d DraftOverlay),
    Other,
}

/// The names of a file.
#[derive(Debug)]
pub(super) struct NameIndex<'d> {
    pub(super) parties: HashMap<&'d str, NamedParty<'d>>,
    networks: HashMap<&'d str, (usize, &'d DraftNetwork)>,
    /// All names in order of appearance, so that proposals do not depend on the order of a hash
    /// table.
    ordered: Vec<(&'d str, NameKind)>,
}

impl<'d> NameIndex<'d> {
    /// Collects the names of a file. Reports each name that stands for two items, and each network,
    /// exit or endpoint that does not exist.
    pub(super) fn collect(draft: &'d Draft, report: &mut FindingReport) -> Self {
        let mut names = NameIndex { parties: HashMap::new(), networks: HashMap::new(), ordered: Vec::new() };
        for (index, network) in draft.networks.iter().enumerate() {
            names.networks.entry(&network.name.value).or_insert((index, network));
        }
        for (kind, name, thing) in all_names(draft) {
            names.add(kind, name, thing, report);
        }
        for (name, network) in network_references(draft) {
            let known = network.and_then(|network| names.check_network(network, report));
            let Some(party) = names.parties.get_mut(name) else { continue };
            match known {
                Some(index) => party.networks.push(index),
                None => party.broken = true,
            }
        }
        for link in &draft.links {
            // A declared end is no defect.
            let whole =
                link.ends.len() == 2 && link.ends.iter().all(|e| e.network.is_some() || e.bridge.is_some());
            names.break_unless(whole, &link.name);
        }
        for endpoint in &draft.endpoints {
            names.break_unless(!endpoint.attachments.is_empty(), &endpoint.name);
        }
        for exit in &draft.exits {
            names.break_unless(exit.network.is_some() || exit.bridge.is_some(), &exit.name);
        }
        for outside in &draft.outsides {
            let exit = outside.exit.as_ref().and_then(|exit| names.of_kind(exit, NameKind::Exit, report));
            let (networks, broken) = exit.map_or((Vec::new(), true), |e| (e.networks.clone(), e.broken));
            if let Some(party) = names.parties.get_mut(&*outside.name.value) {
                (party.networks, party.broken) = (networks, broken);
            }
        }
        for party in names.parties.values_mut() {
            party.networks.sort_unstable();
            party.networks.dedup();
        }
        names
    }

    fn break_unless(&mut self, whole: bool, name: &Spanned<String>) {
        if let (false, Some(party)) = (whole, self.parties.get_mut(&*name.value)) {
            party.broken = true;
        }
    }

    fn add(
        &mut self,
        kind: NameKind,
        name: &'d Spanned<String>,
        thing: NamedItem<'d>,
        report: &mut FindingReport,
    ) {
        built_in::check(kind.word(), name, report);
        if let Some(first) = self.parties.get(&*name.value) {
            let message = format!(
                "{} is the name of two things: {} on line {}, and {} here",
                quote(&name.value),
                first.kind.one(),
                report.line(&first.name.span),
                kind.one(),
            );
            let help =
                "networks, endpoints, links, exits, outsides and overlays share one set of names: rename one";
            report.error(FindingCode::DuplicateName, &name.span, message, help);
            return;
        }
        let networks = match self.networks.get(&*name.value) {
            Some((index, _)) if kind == NameKind::Network => vec![*index],
            _ => Vec::new(),
        };
        self.parties.insert(&name.value, NamedParty { kind, networks, broken: false, thing, name });
        self.ordered.push((&name.value, kind));
    }

    /// Returns the network of that name and its place among the networks.
    pub(super) fn network(&self, name: &str) -> Option<(usize, &'d DraftNetwork)> {
        self.networks.get(name).copied()
    }

    /// Returns the bridge of a network end, or the bridge that is named.
    pub(super) fn bridge_of(
        &self,
        network: Option<&'d Spanned<String>>,
        bridge: Option<&'d Spanned<String>>,
    ) -> Option<&'d str> {
        let of_network = || self.network(&network?.value)?.1.bridge.as_ref();
        bridge.or_else(of_network).map(|bridge| &*bridge.value)
    }

    fn check_network(&self, name: &Spanned<String>, report: &mut FindingReport) -> Option<usize> {
        if let Some((index, _)) = self.networks.get(&*name.value) {
            return Some(*index);
        }
        let (message, help) = match self.parties.get(&*name.value) {
            Some(other) => (
                format!("{} is {}, not a network", quote(&name.value), other.kind.one()),
                "name the network that it is to be on".to_owned(),
            ),
            None => (
                format!("there is no network {}", quote(&name.value)),
                report.near(
                    &name.value,
                    self.all(NameKind::Network),
                    "name a network of this file, or add it as [network.NAME]",
                ),
            ),
        };
        report.error(FindingCode::UnknownNetwork, &name.span, message, help);
        None
    }

    fn all(&self, kind: NameKind) -> impl Iterator<Item = &'d str> {
        self.ordered.iter().filter(move |(_, other)| *other == kind).map(|(name, _)| *name)
    }

    /// Returns the item of that kind and name; reports a missing one. Networks are excluded, since
    /// an incomplete network still has its name.
    pub(super) fn of_kind(
        &self,
        name: &Spanned<String>,
        kind: NameKind,
        report: &mut FindingReport,
    ) -> Option<&NamedParty<'d>> {
        let other = self.parties.get(&*name.value);
        if let Some(party) = other.filter(|party| party.kind == kind) {
            return Some(party);
        }
        let word = kind.word();
        let message = match other {
            Some(other) => {
                format!("{} is {}, not {}", quote(&name.value), other.kind.one(), kind.one())
            }
            None => format!("there is no {word} {}", quote(&name.value)),
        };
        let otherwise = format!("name {} of this file, or add it as [{word}.NAME]", kind.one());
        let help = report.near(&name.value, self.all(kind), otherwise);
        let code = match kind {
            NameKind::Network => FindingCode::UnknownNetwork,
            NameKind::Endpoint => FindingCode::UnknownEndpoint,
            NameKind::Link => FindingCode::UnknownLink,
            NameKind::Exit => FindingCode::UnknownExit,
            NameKind::Outside => FindingCode::UnknownOutside,
            NameKind::Overlay => FindingCode::UnknownOverlay,
        };
        report.error(code, &name.span, message, help);
        None
    }

    /// Returns the party that a rule names; reports an unknown one.
    pub(super) fn party(
        &self,
        name: &Spanned<String>,
        report: &mut FindingReport,
    ) -> Option<&NamedParty<'d>> {
        let party = self.parties.get(&*name.value);
        if let Some(NamedParty { kind: NameKind::Overlay, .. }) = party {
            let message = format!("{} is an overlay: it sends nothing by itself", quote(&name.value));
            report.error(FindingCode::NotAParty, &name.span, message, "name its members");
            return None;
        }
        if party.is_none() {
            let parties = self.ordered.iter().filter(|(_, kind)| *kind != NameKind::Overlay);
            let help = report.near(
                &name.value,
                parties.map(|(name, _)| *name),
                "name a network, an endpoint, a link, an exit or an outside of this file",
            );
            let message =
                format!("there is no network, endpoint, link, exit or outside {}", quote(&name.value));
            report.error(FindingCode::UnknownName, &name.span, message, help);
        }
        party
    }
}

/// Returns all names in order of appearance, so that the second of two items with one name is
/// reported.
fn all_names(draft: &Draft) -> Vec<(NameKind, &Spanned<String>, NamedItem<'_>)> {
    let other = |kind| move |name| (kind, name, NamedItem::Other);
    let mut names: Vec<_> = draft.networks.iter().map(|n| &n.name).map(other(NameKind::Network)).collect();
    names.extend(draft.endpoints.iter().map(|e| (NameKind::Endpoint, &e.name, NamedItem::Endpoint(e))));
    names.extend(draft.links.iter().map(|l| (NameKind::Link, &l.name, NamedItem::Link(l))));
    names.extend(draft.exits.iter().map(|e| &e.name).map(other(NameKind::Exit)));
    names.extend(draft.outsides.iter().map(|o| &o.name).map(other(NameKind::Outside)));
    names.extend(draft.overlays.iter().map(|o| (NameKind::Overlay, &o.name, NamedItem::Overlay(o))));
    names.sort_by_key(|(_, name, _)| name.span.start);
    names
}

/// Returns each item with the network that it names; `None` in place of a network that could not be
/// read.
fn network_references(draft: &Draft) -> impl Iterator<Item = (&str, Option<&Spanned<String>>)> {
    let attachments = draft.endpoints.iter().flat_map(|endpoint| {
        endpoint.attachments.iter().map(|attachment| (&*endpoint.name.value, attachment.network.as_ref()))
    });
    let ends = draft.links.iter().flat_map(|link| {
        let ends = link.ends.iter().filter_map(|end| end.network.as_ref());
        ends.map(|network| (&*link.name.value, Some(network)))
    });
    let exits = draft.exits.iter().filter_map(|exit| Some((&*exit.name.value, Some(exit.network.as_ref()?))));
    attachments.chain(ends).chain(exits)
}
