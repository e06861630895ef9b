//! Who is at which port of a bridge.

use std::collections::HashMap;

use ipnetwork::IpNetwork;
use ofproto::PortNo;

use super::PortMap;
use super::address::{Family, Range};
use crate::network::{LinkRole, Network, NetworkFile};

/// A party of the file at a port of the bridge that is compiled.
#[derive(Debug, Clone)]
pub(super) struct Site<'a> {
    /// The endpoint's, link's or exit's name.
    pub(super) party: &'a str,
    pub(super) port_name: &'a str,
    /// None while the bridge lacks the port.
    pub(super) port: Option<PortNo>,
    pub(super) network: &'a Network,
    pub(super) kind: SiteKind,
    /// The prefixes it sends from and is reached at.
    pub(super) prefixes: Vec<Range>,
    /// Those among them that answer ARP and neighbour discovery.
    pub(super) resolves: Vec<Range>,
    /// The prefixes in which DHCP gives it an address.
    pub(super) leases: Vec<Range>,
    pub(super) mac: Option<[u8; 6]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SiteKind {
    /// Owns its prefixes: nobody else may send from them.
    Endpoint,
    /// Shares the prefixes behind it with the endpoints that are here.
    Link,
    /// The rest of the world.
    Exit,
}

impl Site<'_> {
    /// Whether it sends packets of a family.
    pub(super) fn speaks(&self, family: Family) -> bool {
        self.kind == SiteKind::Exit || self.prefixes.iter().chain(&self.leases).any(|p| p.family == family)
    }
}

/// Everybody on a bridge, in the order of the file: endpoints, links, exits.
pub(super) struct Sites<'a> {
    pub(super) all: Vec<Site<'a>>,
    /// The networks of the bridge.
    pub(super) networks: Vec<&'a Network>,
    by_party: HashMap<&'a str, Vec<usize>>,
    by_network: HashMap<&'a str, Vec<usize>>,
    plugs: HashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> Sites<'a> {
    pub(super) fn new(file: &'a NetworkFile, bridge: &str, ports: &PortMap) -> Self {
        let all = sites(file, bridge, ports);
        let networks = file.networks.iter().filter(|n| n.bridge == bridge).collect();
        let mut sites = Self {
            networks,
            by_party: HashMap::new(),
            by_network: HashMap::new(),
            plugs: HashMap::new(),
            all: Vec::new(),
        };
        for (place, site) in all.iter().enumerate() {
            sites.by_party.entry(site.party).or_default().push(place);
            sites.by_network.entry(&site.network.name).or_default().push(place);
            sites.plugs.entry((&site.network.name, site.party)).or_default().push(place);
        }
        Self { all, ..sites }
    }

    /// A site by its place.
    pub(super) fn at(&self, place: usize) -> Option<&Site<'a>> {
        self.all.get(place)
    }

    /// The sites of a network, with their places.
    pub(super) fn on(&self, network: &str) -> impl Iterator<Item = (usize, &Site<'a>)> {
        let places = self.by_network.get(network).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|&place| Some((place, self.all.get(place)?)))
    }

    /// The networks on which both lists of a rule have somebody, in the order of the file.
    pub(super) fn shared(&self, from: &[String], to: &[String]) -> Vec<&'a Network> {
        // Who is everywhere is looked up by who is not: a template's rules name few of the first kind.
        let count = |names: &[String]| names.iter().map(|n| self.plugs_of(n).len()).sum::<usize>();
        let (few, many) = if count(from) <= count(to) { (from, to) } else { (to, from) };
        let mut networks: Vec<&Network> = few
            .iter()
            .flat_map(|n| self.plugs_of(n))
            .filter_map(|&p| Some(self.all.get(p)?.network))
            .collect();
        networks.sort_by_key(|network| network.span.start);
        networks.dedup_by_key(|network| network.number);
        networks.retain(|network| {
            !self.places(network, many).is_empty() && !self.places(network, few).is_empty()
        });
        networks
    }

    fn plugs_of(&self, name: &str) -> &[usize] {
        self.by_party.get(name).or_else(|| self.by_network.get(name)).map_or(&[], Vec::as_slice)
    }

    /// Where those of a rule's list sit on a network: sorted places, each once. A network stands for its endpoints.
    pub(super) fn places(&self, network: &Network, names: &[String]) -> Vec<usize> {
        let mut places = Vec::new();
        for name in names {
            if *name == network.name {
                places.extend(self.on(name).filter(|(_, s)| s.kind == SiteKind::Endpoint).map(|(p, _)| p));
            } else if let Some(plugs) = self.plugs.get(&(network.name.as_str(), name.as_str())) {
                places.extend(plugs);
            }
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

fn sites<'a>(file: &'a NetworkFile, bridge: &str, ports: &PortMap) -> Vec<Site<'a>> {
    let networks: HashMap<&str, &Network> =
        file.networks.iter().filter(|n| n.bridge == bridge).map(|n| (&*n.name, n)).collect();
    let number = |port: &str| if port == "LOCAL" { Some(PortNo::LOCAL) } else { ports.get(port).copied() };
    let host = |a: &std::net::IpAddr| Range::from(IpNetwork::from(*a));
    let mut sites = Vec::new();
    for endpoint in &file.endpoints {
        for plug in &endpoint.attachments {
            let Some(&network) = networks.get(&*plug.network) else { continue };
            let resolves: Vec<Range> = plug.addresses.iter().map(host).collect();
            let behind = plug.behind.iter().copied().map(Range::from);
            let leases = network.subnets.iter().filter(|_| plug.leased);
            sites.push(Site {
                party: &endpoint.name,
                port_name: &plug.port,
                port: number(&plug.port),
                network,
                kind: SiteKind::Endpoint,
                prefixes: resolves.iter().copied().chain(behind).collect(),
                resolves,
                leases: leases.copied().map(Range::from).collect(),
                mac: plug.mac,
            });
        }
    }
    let other = |party, port_name, network, kind, prefixes: Vec<Range>| Site {
        party,
        port_name,
        port: number(port_name),
        network,
        kind,
        resolves: prefixes.clone(),
        prefixes,
        leases: Vec::new(),
        mac: None,
    };
    for link in &file.links {
        for end in &link.ends {
            let LinkRole::Network { network, behind } = &end.role else { continue };
            let Some(&network) = networks.get(&**network) else { continue };
            let prefixes = behind.iter().copied().map(Range::from).collect();
            sites.push(other(&*link.name, &*end.port, network, SiteKind::Link, prefixes));
        }
    }
    for exit in &file.exits {
        let Some(&network) = exit.network.as_deref().and_then(|name| networks.get(name)) else { continue };
        let prefixes = exit.next_hop.iter().map(host).collect();
        sites.push(other(&exit.name, &exit.port, network, SiteKind::Exit, prefixes));
    }
    sites
}
