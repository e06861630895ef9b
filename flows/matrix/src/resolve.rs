//! The names of a document, as those of a network file; and what a network file grants, row by row.

use std::collections::HashMap;

use flows::network::{NetworkFile, Party};

use super::words::{names_of, slug};
use super::{MatrixRow, Temp};

/// Where the packets of a row go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RowPath<'f> {
    /// Over a network.
    Network(&'f str),
    /// Over a network to a next hop, which passes them on.
    Via(&'f str),
    /// Over the link of a crossing.
    Link(&'f str),
    /// Inside an overlay.
    Overlay(&'f str),
    /// Where no bridge is.
    Elsewhere(&'f str),
}

impl<'f> RowPath<'f> {
    pub(super) fn name(self) -> &'f str {
        match self {
            RowPath::Network(name)
            | RowPath::Via(name)
            | RowPath::Link(name)
            | RowPath::Overlay(name)
            | RowPath::Elsewhere(name) => name,
        }
    }

    pub(super) fn network(self) -> Option<&'f str> {
        match self {
            RowPath::Network(name) | RowPath::Via(name) => Some(name),
            RowPath::Link(_) | RowPath::Overlay(_) | RowPath::Elsewhere(_) => None,
        }
    }
}

/// What one row of a network's matrix grants.
#[derive(Debug, Clone)]
pub(super) struct RowGrant<'f> {
    /// As it is printed.
    pub(super) row: MatrixRow,
    pub(super) from: &'f str,
    /// The next hop, where it goes by one.
    pub(super) to: &'f str,
    /// Whom it reaches by the next hop.
    pub(super) beyond: &'f [String],
    pub(super) paths: Vec<RowPath<'f>>,
    /// The rule, or the network whose members talk freely.
    pub(super) rule: &'f str,
}

/// The names of a network file as a document may write them.
pub(super) struct DocumentNames<'f> {
    pub(super) file: &'f NetworkFile,
    parties: HashMap<String, &'f str>,
    /// Networks by their names, their bridges', and their exits' names and ports.
    networks: HashMap<String, Vec<&'f str>>,
    overlays: HashMap<String, &'f str>,
    /// The networks of each endpoint, the exit of each outside.
    wider: HashMap<&'f str, Vec<&'f str>>,
    members: HashMap<&'f str, Vec<&'f str>>,
}

impl<'f> DocumentNames<'f> {
    pub(super) fn new(file: &'f NetworkFile) -> Self {
        let mut names = DocumentNames {
            file,
            parties: HashMap::new(),
            networks: HashMap::new(),
            overlays: HashMap::new(),
            wider: HashMap::new(),
            members: HashMap::new(),
        };
        let parties = file
            .networks
            .iter()
            .map(|network| &*network.name)
            .chain(file.endpoints.iter().map(|endpoint| &*endpoint.name))
            .chain(file.links.iter().map(|link| &*link.name))
            .chain(file.exits.iter().map(|exit| &*exit.name))
            .chain(file.outsides.iter().map(|outside| &*outside.name));
        for name in parties {
            names.parties.entry(slug(name)).or_insert(name);
        }
        for overlay in &file.overlays {
            names.overlays.entry(slug(&overlay.name)).or_insert(&overlay.name);
        }
        for network in &file.networks {
            names.network(&network.name, &network.name);
            names.network(&network.bridge, &network.name);
        }
        for exit in &file.exits {
            if let Some(network) = &exit.network {
                names.network(&exit.name, network);
                names.network(&exit.port, network);
            }
        }
        for endpoint in &file.endpoints {
            for plug in &endpoint.attachments {
                add(names.wider.entry(&endpoint.name).or_default(), &plug.network);
                add(names.members.entry(&plug.network).or_default(), &endpoint.name);
            }
        }
        for outside in &file.outsides {
            names.wider.entry(&outside.name).or_default().push(&outside.exit);
        }
        names
    }

    fn network(&mut self, word: &str, network: &'f str) {
        add(self.networks.entry(slug(word)).or_default(), network);
    }

    /// What a document means by a name.
    pub(super) fn party(&self, name: &str) -> Option<&'f str> {
        self.parties.get(&slug(name)).copied()
    }

    /// All names that a rule may name.
    pub(super) fn all_parties(&self) -> impl Iterator<Item = &'f str> {
        self.parties.values().copied()
    }

    pub(super) fn overlay(&self, name: &str) -> Option<&'f str> {
        names_of(name).iter().find_map(|name| self.overlays.get(name).copied())
    }

    /// The networks that a document means by a word.
    pub(super) fn networks(&self, word: &str) -> Vec<&'f str> {
        let mut found = Vec::new();
        for name in names_of(word) {
            self.networks.get(&name).into_iter().flatten().for_each(|network| add(&mut found, network));
        }
        found
    }

    /// The one network of a column's head: what has its name comes before what has its bridge's.
    pub(super) fn column(&self, label: &str) -> Option<&'f str> {
        let names = names_of(label);
        let exact = |name: &&'f str| names.contains(&slug(name));
        let found = self.networks(label);
        found.iter().find(|name| exact(name)).or(found.first().filter(|_| found.len() == 1)).copied()
    }

    /// The networks of an endpoint, or the exit of an outside: who may do something there, or with all of that, may do
    /// it with this one.
    pub(super) fn wider(&self, party: &str) -> &[&'f str] {
        self.wider.get(party).map_or(&[], Vec::as_slice)
    }

    /// The endpoints of a network.
    pub(super) fn members(&self, network: &str) -> &[&'f str] {
        self.members.get(network).map_or(&[], Vec::as_slice)
    }

    /// Whether this is the name of a network.
    pub(super) fn is_network(&self, name: &str) -> bool {
        matches!(self.file.party(name), Some(Party::Network(_)))
    }

    /// Whether a document that names these means that path; one that names none means any.
    pub(super) fn fits(&self, nets: &[String], path: RowPath<'_>) -> bool {
        if nets.is_empty() {
            return true;
        }
        let named = |name: &str| nets.iter().any(|net| names_of(net).contains(&slug(name)));
        match path {
            RowPath::Network(name) | RowPath::Via(name) => {
                nets.iter().any(|net| self.networks(net).contains(&name))
            }
            RowPath::Link(name) | RowPath::Overlay(name) => named(name),
            RowPath::Elsewhere(what) => slug(&nets.join(", ")) == slug(what) || named(what),
        }
    }
}

fn add<'f>(list: &mut Vec<&'f str>, name: &'f str) {
    if !list.contains(&name) {
        list.push(name);
    }
}

/// Whether a document and a network say the same of when a row is open.
pub(super) fn same_time(one: &Temp, other: &Temp) -> bool {
    match (one, other) {
        (Temp::Always, Temp::Always) => true,
        (Temp::Named(one), Temp::Named(other)) => slug(one) == slug(other),
        (Temp::Always, _) | (_, Temp::Always) => false,
        (Temp::Window, _) | (_, Temp::Window) => true,
    }
}
