//! Maps the names of a document to those of a network file, and the grants of a network file to
//! rows.

use std::collections::HashMap;

use flows::network::{NetworkFile, Party};

use super::words::{names_of, slug};
use super::{MatrixRow, Temp};

/// The path that the packets of a row take.
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
    /// In a place without a bridge.
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

/// The grant of one row of a network's matrix.
#[derive(Debug, Clone)]
pub(super) struct RowGrant<'f> {
    /// The row as printed.
    pub(super) row: MatrixRow,
    pub(super) from: &'f str,
    /// The destination, or the next hop of a row that goes by one.
    pub(super) to: &'f str,
    /// The destinations that it reaches by the next hop.
    pub(super) beyond: &'f [String],
    pub(super) paths: Vec<RowPath<'f>>,
    /// The name of the rule, or of the network whose members talk freely.
    pub(super) rule: &'f str,
}

/// The names of a network file, in every form that a document may write.
pub(super) struct DocumentNames<'f> {
    pub(super) file: &'f NetworkFile,
    parties: HashMap<String, &'f str>,
    /// The networks by name, by bridge, and by the name and port of their exits.
    networks: HashMap<String, Vec<&'f str>>,
    overlays: HashMap<String, &'f str>,
    /// The networks of each endpoint, and the exit of each outside.
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

    /// Returns the party that a name of the document refers to.
    pub(super) fn party(&self, name: &str) -> Option<&'f str> {
        self.parties.get(&slug(name)).copied()
    }

    /// Returns all names that a rule may use.
    pub(super) fn all_parties(&self) -> impl Iterator<Item = &'f str> {
        self.parties.values().copied()
    }

    pub(super) fn overlay(&self, name: &str) -> Option<&'f str> {
        names_of(name).iter().find_map(|name| self.overlays.get(name).copied())
    }

    /// Returns the networks that a word of the document refers to.
    pub(super) fn networks(&self, word: &str) -> Vec<&'f str> {
        let mut found = Vec::new();
        for name in names_of(word) {
            self.networks.get(&name).into_iter().flatten().for_each(|network| add(&mut found, network));
        }
        found
    }

    /// Returns the one network of a column's head. A network of that name takes precedence over one
    /// whose bridge has it.
    pub(super) fn column(&self, label: &str) -> Option<&'f str> {
        let names = names_of(label);
        let exact = |name: &&'f str| names.contains(&slug(name));
        let found = self.networks(label);
        found.iter().find(|name| exact(name)).or(found.first().filter(|_| found.len() == 1)).copied()
    }

    /// Returns the networks of an endpoint, or the exit of an outside. A rule that names one of
    /// these covers the party too.
    pub(super) fn wider(&self, party: &str) -> &[&'f str] {
        self.wider.get(party).map_or(&[], Vec::as_slice)
    }

    /// Returns the endpoints of a network.
    pub(super) fn members(&self, network: &str) -> &[&'f str] {
        self.members.get(network).map_or(&[], Vec::as_slice)
    }

    /// Returns whether this is the name of a network.
    pub(super) fn is_network(&self, name: &str) -> bool {
        matches!(self.file.party(name), Some(Party::Network(_)))
    }

    /// Returns whether a document that names these networks refers to that path. A document that
    /// names none refers to any.
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

/// Returns whether a document and a network open a row at the same times.
pub(super) fn same_time(one: &Temp, other: &Temp) -> bool {
    match (one, other) {
        (Temp::Always, Temp::Always) => true,
        (Temp::Named(one), Temp::Named(other)) => slug(one) == slug(other),
        (Temp::Always, _) | (_, Temp::Always) => false,
        (Temp::Window, _) | (_, Temp::Window) => true,
    }
}
