//! Looks every name up: one namespace for networks, endpoints, links and exits, another for rules.

use std::collections::HashMap;

use super::draft::{At, Draft, DraftNetwork};
use super::report::{Report, quote};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Network,
    Endpoint,
    Link,
    Exit,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Network => "network",
            Kind::Endpoint => "endpoint",
            Kind::Link => "link",
            Kind::Exit => "exit",
        }
    }
}

/// One that a rule can name.
#[derive(Debug)]
pub(super) struct NamedParty<'d> {
    pub(super) kind: Kind,
    /// The networks that it is on, each once.
    pub(super) networks: Vec<&'d str>,
    /// Whether a part of it is wrong, so that `networks` may lack one.
    pub(super) broken: bool,
    name: &'d At<String>,
}

/// The names of a file.
#[derive(Debug)]
pub(super) struct Names<'d> {
    pub(super) parties: HashMap<&'d str, NamedParty<'d>>,
    networks: HashMap<&'d str, (usize, &'d DraftNetwork)>,
    /// All names in order of appearance, so that proposals do not depend on the order of a hash table.
    ordered: Vec<(&'d str, Kind)>,
}

impl<'d> Names<'d> {
    /// Collects the names of a file; an error for each that stands for two things, and for each network that
    /// does not exist.
    pub(super) fn collect(draft: &'d Draft, report: &mut Report) -> Self {
        let mut names = Names { parties: HashMap::new(), networks: HashMap::new(), ordered: Vec::new() };
        for (index, network) in draft.networks.iter().enumerate() {
            names.networks.insert(&network.name.value, (index, network));
        }
        for (kind, name) in all_names(draft) {
            names.add(kind, name, report);
        }
        for (name, network) in network_references(draft) {
            let known = network.as_ref().is_some_and(|network| names.check_network(network, report));
            let Some(party) = names.parties.get_mut(name) else { continue };
            match network {
                Some(network) if known => {
                    if !party.networks.contains(&&*network.value) {
                        party.networks.push(&network.value);
                    }
                }
                _ => party.broken = true,
            }
        }
        for link in &draft.links {
            // A declared end is no defect.
            let whole =
                link.ends.len() == 2 && link.ends.iter().all(|e| e.network.is_some() || e.bridge.is_some());
            if let (false, Some(party)) = (whole, names.parties.get_mut(&*link.name.value)) {
                party.broken = true;
            }
        }
        for endpoint in &draft.endpoints {
            if let (true, Some(party)) =
                (endpoint.attachments.is_empty(), names.parties.get_mut(&*endpoint.name.value))
            {
                party.broken = true;
            }
        }
        for exit in &draft.exits {
            if let (true, Some(party)) =
                (exit.network.is_none() && exit.bridge.is_none(), names.parties.get_mut(&*exit.name.value))
            {
                party.broken = true;
            }
        }
        names
    }

    fn add(&mut self, kind: Kind, name: &'d At<String>, report: &mut Report) {
        if let Some(first) = self.parties.get(&*name.value) {
            let message = format!(
                "{} is the name of two things: {} on line {}, and {} here",
                quote(&name.value),
                with_article(first.kind),
                report.line(&first.name.span),
                with_article(kind),
            );
            let help = "networks, endpoints, links and exits share one set of names: rename one";
            report.error("duplicate-name", &name.span, message, help);
            return;
        }
        let networks = if kind == Kind::Network { vec![&*name.value] } else { Vec::new() };
        self.parties.insert(&name.value, NamedParty { kind, networks, broken: false, name });
        self.ordered.push((&name.value, kind));
    }

    /// The network of that name and its place among the networks.
    pub(super) fn network(&self, name: &str) -> Option<(usize, &'d DraftNetwork)> {
        self.networks.get(name).copied()
    }

    /// The bridge of a network end, or the bridge that is named.
    pub(super) fn bridge_of(
        &self,
        network: Option<&'d At<String>>,
        bridge: Option<&'d At<String>>,
    ) -> Option<&'d str> {
        let of_network = || self.network(&network?.value)?.1.bridge.as_ref();
        bridge.or_else(of_network).map(|bridge| &*bridge.value)
    }

    fn check_network(&self, name: &At<String>, report: &mut Report) -> bool {
        if self.networks.contains_key(&*name.value) {
            return true;
        }
        let other = self.parties.get(&*name.value).map(|party| party.kind);
        let networks = self.ordered.iter().filter(|(_, kind)| *kind == Kind::Network).map(|(name, _)| *name);
        let (message, help) = match other {
            Some(kind) => (
                format!("{} is {}, not a network", quote(&name.value), with_article(kind)),
                "name the network that it is to be on".to_owned(),
            ),
            None => (
                format!("there is no network {}", quote(&name.value)),
                report.near(
                    &name.value,
                    networks,
                    "name a network of this file, or add it as [network.NAME]",
                ),
            ),
        };
        report.error("unknown-network", &name.span, message, help);
        false
    }

    /// What a rule names; an error where there is no such thing.
    pub(super) fn party(&self, name: &At<String>, report: &mut Report) -> Option<&NamedParty<'d>> {
        let party = self.parties.get(&*name.value);
        if party.is_none() {
            let help = report.near(
                &name.value,
                self.ordered.iter().map(|(name, _)| *name),
                "name a network, an endpoint, a link or an exit of this file",
            );
            let message = format!("there is no network, endpoint, link or exit {}", quote(&name.value));
            report.error("unknown-name", &name.span, message, help);
        }
        party
    }
}

fn with_article(kind: Kind) -> String {
    match kind {
        Kind::Endpoint | Kind::Exit => format!("an {}", kind.word()),
        Kind::Network | Kind::Link => format!("a {}", kind.word()),
    }
}

/// In order of appearance, so that of two things with one name the second is the wrong one.
fn all_names(draft: &Draft) -> Vec<(Kind, &At<String>)> {
    let mut names: Vec<_> = draft
        .networks
        .iter()
        .map(|network| (Kind::Network, &network.name))
        .chain(draft.endpoints.iter().map(|endpoint| (Kind::Endpoint, &endpoint.name)))
        .chain(draft.links.iter().map(|link| (Kind::Link, &link.name)))
        .chain(draft.exits.iter().map(|exit| (Kind::Exit, &exit.name)))
        .collect();
    names.sort_by_key(|(_, name)| name.span.start);
    names
}

/// Who says which network it is on; none in place of a network that could not be read.
fn network_references(draft: &Draft) -> impl Iterator<Item = (&str, Option<&At<String>>)> {
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
