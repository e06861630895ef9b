//! The names of places: the parties at a port.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::error::ReachError;
use crate::network::NetworkFile;
use crate::verify::symbolic::BridgePort;
use crate::verify::topology::Topology;

/// A place where packets start or arrive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PartyPlace {
    /// The parties there; empty if the file names none.
    pub parties: Vec<String>,
    /// The bridge's name.
    pub bridge: String,
    /// The port's name.
    pub port: String,
}

impl PartyPlace {
    /// Returns the parties, or else bridge and port.
    pub fn label(&self) -> String {
        if self.parties.is_empty() {
            return format!("{}:{}", self.bridge, self.port);
        }
        self.parties.join("/")
    }
}

/// The places at which packets start and arrive, with their names.
#[derive(Debug)]
pub(super) struct Places {
    names: BTreeMap<BridgePort, PartyPlace>,
}

impl Places {
    /// Names the places of a topology. A port with a wire behind it is none: its packets go on.
    pub(super) fn new(topology: &Topology<'_>) -> Self {
        let mut parties: BTreeMap<BridgePort, BTreeSet<&str>> = BTreeMap::new();
        let file = topology.file;
        let endpoints = file.endpoints.iter().map(|endpoint| &endpoint.name);
        let others = file.links.iter().map(|l| &l.name).chain(file.exits.iter().map(|e| &e.name));
        for name in endpoints.chain(others) {
            for place in topology.places(std::slice::from_ref(name)) {
                parties.entry(place).or_default().insert(name);
            }
        }
        let ends = topology.sources().filter(|place| topology.wire(*place).is_none());
        let named = ends.map(|place| {
            let here = parties.get(&place).into_iter().flatten().map(|name| (*name).to_owned());
            let bridge = topology.bridge_name(place.0).to_owned();
            (place, PartyPlace { parties: here.collect(), bridge, port: topology.port_name(place) })
        });
        Self { names: named.collect() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (BridgePort, &PartyPlace)> {
        self.names.iter().map(|(place, name)| (*place, name))
    }
}

/// Returns an error with the nearest name if the file has no party of that name.
pub(super) fn known(file: &NetworkFile, name: &str) -> Result<(), ReachError> {
    if file.party(name).is_some() {
        return Ok(());
    }
    let networks = file.networks.iter().map(|network| &*network.name);
    let endpoints = file.endpoints.iter().map(|endpoint| &*endpoint.name);
    let links = file.links.iter().map(|link| &*link.name);
    let exits = file.exits.iter().map(|exit| &*exit.name);
    let outsides = file.outsides.iter().map(|outside| &*outside.name);
    let names: Vec<&str> = networks.chain(endpoints).chain(links).chain(exits).chain(outsides).collect();
    let nearest = ofctl::nearest(name, names.iter().copied()).map(str::to_owned);
    let there = names.into_iter().map(str::to_owned).collect();
    Err(ReachError::UnknownParty { name: name.to_owned(), nearest, there })
}
