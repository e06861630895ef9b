//! Views of a network file by bridge, or by name.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::network::model::container_ids::{ID, MAX_IDS};
use crate::network::model::prefix::is_member;
use crate::network::{
    ANY_BRIDGE, Allow, Attachment, Bridge, ContainerRange, Endpoint, Exit, Link, LinkEnd, LinkRole, Network,
    NetworkFile, Outside,
};

/// A party that a rule can name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Party<'f> {
    /// A network: its endpoints in an allow and an always, those and its links in a confine, and
    /// every party on it in a never.
    Network(&'f Network),
    /// An endpoint.
    Endpoint(&'f Endpoint),
    /// A link: the prefixes behind its network end.
    Link(&'f Link),
    /// An exit: the addresses behind it.
    Exit(&'f Exit),
    /// Some of the addresses behind an exit.
    Outside(&'f Outside, &'f Exit),
}

impl<'f> Party<'f> {
    /// Returns its name.
    pub fn name(self) -> &'f str {
        match self {
            Party::Network(network) => &network.name,
            Party::Endpoint(endpoint) => &endpoint.name,
            Party::Link(link) => &link.name,
            Party::Exit(exit) => &exit.name,
            Party::Outside(outside, _) => &outside.name,
        }
    }

    /// Returns its networks, each once: several for a multi-homed endpoint, none for an item that
    /// is only declared.
    pub fn networks(self) -> Vec<&'f str> {
        let mut networks: Vec<&str> = Vec::new();
        let mut add = |network: &'f str| {
            if !networks.contains(&network) {
                networks.push(network);
            }
        };
        match self {
            Party::Network(network) => add(&network.name),
            Party::Endpoint(endpoint) => endpoint.attachments.iter().for_each(|a| add(&a.network)),
            Party::Link(link) => link.ends.iter().filter_map(LinkEnd::network).for_each(add),
            Party::Exit(exit) | Party::Outside(_, exit) => {
                exit.network.iter().for_each(|network| add(network));
            }
        }
        networks
    }
}

impl LinkEnd {
    /// Returns the network whose remote members it brings in.
    pub fn network(&self) -> Option<&str> {
        match &self.role {
            LinkRole::Network { network, .. } => Some(network),
            LinkRole::Forwards { .. } | LinkRole::Crossing | LinkRole::Declared => None,
        }
    }
}

impl ContainerRange {
    /// Returns the port of the container with that number.
    pub fn port_of(&self, id: u32) -> String {
        self.port.replace(ID, &id.to_string())
    }

    /// Returns the addresses of the container with that number.
    ///
    /// A text that yields no address for this number is left out: see [`Network::can_hold`].
    pub fn addresses_of(&self, id: u32) -> Vec<IpAddr> {
        let id = id.to_string();
        self.addresses.iter().filter_map(|address| address.replace(ID, &id).parse().ok()).collect()
    }
}

impl NetworkFile {
    /// Returns whether a party on a network may advertise itself as a router, so that hosts
    /// autoconfigure IPv6 addresses.
    pub fn has_router(&self, network: &str) -> bool {
        let mut plugs = self.endpoints.iter().flat_map(|endpoint| &endpoint.attachments);
        let mut exits = self.exits.iter().filter(|exit| exit.network.as_deref() == Some(network));
        plugs.any(|plug| plug.router && plug.network == network) || exits.any(|exit| exit.router)
    }
}

impl Network {
    /// Returns whether a container with that number has a place. The number must be in the range,
    /// and a member of the network must be able to have all of its addresses (`10.1.0.{id}` ends at
    /// 254).
    pub fn can_hold(&self, id: u32) -> bool {
        let Some(range) = &self.containers else { return false };
        let addresses = range.addresses_of(id);
        (range.ids.0..=range.ids.1).contains(&id)
            && addresses.len() == range.addresses.len()
            && addresses.iter().all(|address| is_member(*address, self.subnets.iter().copied()))
    }
}

impl NetworkFile {
    /// Returns the free container numbers of a network, in order; none without a range. A free
    /// number has a place ([`Network::can_hold`]), and neither its port nor its addresses are in
    /// use, by a container, a gateway or any other item.
    pub fn free_container_ids(&self, network: &str) -> impl Iterator<Item = u32> {
        let network = self.network(network);
        // In one Open vSwitch a port is on one bridge.
        let ports: HashSet<&str> =
            self.bridges.iter().flat_map(|bridge| self.bridge_ports(&bridge.name)).collect();
        let plugs = self.endpoints.iter().flat_map(|endpoint| &endpoint.attachments);
        let gateways = self.networks.iter().flat_map(|network| &network.gateway);
        let hops = self.exits.iter().flat_map(|exit| &exit.next_hop);
        let shared = plugs.clone().flat_map(|plug| &plug.shared).map(|shared| &shared.address);
        let owned = plugs.clone().flat_map(|plug| &plug.addresses);
        let addresses: HashSet<IpAddr> = owned.chain(shared).chain(hops).chain(gateways).copied().collect();
        let behind: Vec<_> = plugs.flat_map(|plug| plug.behind.clone()).collect();
        let range = network.and_then(|network| Some((network, network.containers.as_ref()?)));
        let ids = range.into_iter().flat_map(|(network, range)| {
            // A model that was not read from a file may have a range without a bound.
            let ids = (range.ids.0..=range.ids.1).take(MAX_IDS as usize);
            let ids = ids.filter(|id| network.can_hold(*id));
            ids.map(move |id| (range, id))
        });
        ids.filter_map(move |(range, id)| {
            let taken = |address: &IpAddr| {
                addresses.contains(address) || behind.iter().any(|prefix| prefix.contains(*address))
            };
            let free = !ports.contains(&*range.port_of(id)) && !range.addresses_of(id).iter().any(taken);
            free.then_some(id)
        })
    }

    /// Returns the section of the bridge of that name: its own, or the one for all unnamed bridges.
    pub fn bridge_for(&self, name: &str) -> Option<&Bridge> {
        self.bridge(name).or_else(|| self.bridge(ANY_BRIDGE))
    }

    /// Returns the party that a rule means by a name: networks, endpoints, links, exits and
    /// outsides share one namespace.
    pub fn party(&self, name: &str) -> Option<Party<'_>> {
        let network = || self.network(name).map(Party::Network);
        let endpoint = || self.endpoints.iter().find(|e| e.name == name).map(Party::Endpoint);
        let link = || self.links.iter().find(|l| l.name == name).map(Party::Link);
        let exit = || self.exits.iter().find(|e| e.name == name).map(Party::Exit);
        let outside = || {
            let outside = self.outsides.iter().find(|o| o.name == name)?;
            let exit = self.exits.iter().find(|e| e.name == outside.exit)?;
            Some(Party::Outside(outside, exit))
        };
        network().or_else(endpoint).or_else(link).or_else(exit).or_else(outside)
    }

    /// Returns whether the next hop of an allow applies on that network, to that outside. A sender
    /// with a choice uses a network that the exit is not on: on the exit's network, the exit is
    /// reached without a next hop.
    pub fn goes_by_hop(&self, allow: &Allow, network: &str, to: &str) -> bool {
        let exit = match self.party(to) {
            Some(Party::Exit(exit) | Party::Outside(_, exit)) => exit.network.as_deref(),
            _ => None,
        };
        if exit != Some(network) {
            return true;
        }
        let hop = self.endpoints.iter().find(|endpoint| Some(&endpoint.name) == allow.via.as_ref());
        let plugs = hop.into_iter().flat_map(|hop| &hop.attachments).filter(|plug| plug.mac.is_some());
        let others: Vec<&str> = plugs.map(|plug| &*plug.network).filter(|on| *on != network).collect();
        allow.from.iter().filter_map(|from| self.party(from)).any(|from| {
            let on = from.networks();
            on.contains(&network) && !others.iter().any(|other| on.contains(other))
        })
    }

    /// Returns the networks on a bridge, in the order of the file.
    pub fn networks_on(&self, bridge: &str) -> impl Iterator<Item = &Network> {
        self.networks.iter().filter(move |network| network.bridge == bridge)
    }

    /// Returns the attachments on a bridge, each with its endpoint, in the order of the file.
    pub fn attachments_on(&self, bridge: &str) -> impl Iterator<Item = (&Endpoint, &Attachment)> {
        let mut networks: Vec<&str> = self.networks_on(bridge).map(|network| &*network.name).collect();
        networks.sort_unstable();
        self.endpoints
            .iter()
            .flat_map(|endpoint| endpoint.attachments.iter().map(move |attachment| (endpoint, attachment)))
            .filter(move |(_, attachment)| networks.binary_search(&&*attachment.network).is_ok())
    }

    /// Returns the ends of links on a bridge, each with its link, in the order of the file.
    pub fn link_ends_on(&self, bridge: &str) -> impl Iterator<Item = (&Link, &LinkEnd)> {
        self.links
            .iter()
            .flat_map(|link| link.ends.iter().map(move |end| (link, end)))
            .filter(move |(_, end)| end.bridge == bridge)
    }

    /// Returns the exits on a bridge, in the order of the file.
    pub fn exits_on(&self, bridge: &str) -> impl Iterator<Item = &Exit> {
        self.exits.iter().filter(move |exit| exit.bridge == bridge)
    }

    /// Returns every port that the file gives a bridge, each once. These are the ports of
    /// endpoints, of links and their forwarding targets, of exits, and declared ports. `LOCAL` is
    /// among them if a party is attached to it.
    pub fn bridge_ports(&self, bridge: &str) -> Vec<&str> {
        let endpoints = self.attachments_on(bridge).map(|(_, attachment)| &*attachment.port);
        let links = self.link_ends_on(bridge).flat_map(|(_, end)| {
            let forwards = match &end.role {
                LinkRole::Forwards { port } => Some(&**port),
                LinkRole::Network { .. } | LinkRole::Crossing | LinkRole::Declared => None,
            };
            std::iter::once(&*end.port).chain(forwards)
        });
        let exits = self.exits_on(bridge).map(|exit| &*exit.port);
        let declared = self.bridge(bridge).into_iter().flat_map(|b| b.ports.iter().map(|port| &**port));
        let mut seen = HashSet::new();
        endpoints.chain(links).chain(exits).chain(declared).filter(|port| seen.insert(*port)).collect()
    }
}
