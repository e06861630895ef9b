//! Who is at which port of a bridge.

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
    /// Whether rules that name `name` mean this site; a network stands for its endpoints.
    pub(super) fn answers_to(&self, name: &str) -> bool {
        self.party == name || (self.network.name == name && self.kind == SiteKind::Endpoint)
    }

    /// Where packets to it may be addressed.
    pub(super) fn destinations(&self) -> Vec<Range> {
        let mut ranges = self.prefixes.clone();
        if self.kind == SiteKind::Exit {
            ranges.extend(Family::BOTH.map(Range::all));
        }
        ranges
    }

    /// Whether it sends packets of a family.
    pub(super) fn speaks(&self, family: Family) -> bool {
        self.kind == SiteKind::Exit || self.prefixes.iter().any(|p| p.family == family)
    }
}

/// Everybody on a bridge, in the order of the file: endpoints, links, exits.
pub(super) fn sites<'a>(file: &'a NetworkFile, bridge: &str, ports: &PortMap) -> Vec<Site<'a>> {
    let here = |name: &str| file.network(name).filter(|n| n.bridge == bridge);
    let number = |port: &str| if port == "LOCAL" { Some(PortNo::LOCAL) } else { ports.get(port).copied() };
    let host = |a: &std::net::IpAddr| Range::from(IpNetwork::from(*a));
    let mut sites = Vec::new();
    for endpoint in &file.endpoints {
        for plug in &endpoint.attachments {
            let Some(network) = here(&plug.network) else { continue };
            let resolves: Vec<Range> = plug.addresses.iter().map(host).collect();
            let behind = plug.behind.iter().copied().map(Range::from);
            sites.push(Site {
                party: &endpoint.name,
                port_name: &plug.port,
                port: number(&plug.port),
                network,
                kind: SiteKind::Endpoint,
                prefixes: resolves.iter().copied().chain(behind).collect(),
                resolves,
                mac: plug.mac,
            });
        }
    }
    for link in &file.links {
        for end in &link.ends {
            let LinkRole::Network { network, behind } = &end.role else { continue };
            let Some(network) = here(network) else { continue };
            let prefixes: Vec<Range> = behind.iter().copied().map(Range::from).collect();
            sites.push(Site {
                party: &link.name,
                port_name: &end.port,
                port: number(&end.port),
                network,
                kind: SiteKind::Link,
                resolves: prefixes.clone(),
                prefixes,
                mac: None,
            });
        }
    }
    for exit in &file.exits {
        let Some(network) = exit.network.as_deref().and_then(here) else { continue };
        let prefixes: Vec<Range> = exit.next_hop.iter().map(host).collect();
        sites.push(Site {
            party: &exit.name,
            port_name: &exit.port,
            port: number(&exit.port),
            network,
            kind: SiteKind::Exit,
            resolves: prefixes.clone(),
            prefixes,
            mac: None,
        });
    }
    sites
}
