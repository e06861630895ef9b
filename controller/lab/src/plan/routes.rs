//! The routes out of a network, as its members have them.

use std::net::IpAddr;

use flows::network::{Allow, Exit, Network, NetworkFile, Party};
use ipnetwork::IpNetwork;

use super::{HOST, INTERNET, LabPlan, SourceRoutes, Subject, exits, represented_address};
use crate::addressing;

/// Returns the default next hops of a network's members: its gateways, the next hops of rules, and
/// those of its exits.
fn ways_out(file: &NetworkFile, network: &Network) -> Vec<IpAddr> {
    let mut hops = network.gateway.clone();
    for allow in &file.allows {
        let Some(via) = &allow.via else { continue };
        let endpoint = file.endpoints.iter().find(|e| e.name == *via);
        let here = endpoint.into_iter().flat_map(|e| &e.attachments).filter(|a| a.network == network.name);
        hops.extend(here.flat_map(|a| a.addresses.iter().copied()));
    }
    let exits = file.exits.iter().filter(|e| e.network.as_deref() == Some(&*network.name));
    hops.extend(exits.flat_map(|e| e.next_hop.iter().copied()));
    hops
}

/// An exit of a network after the first one. The outside behind it has routes of its own.
struct FurtherExit<'f> {
    /// Its position among the exits of the file.
    number: usize,
    exit: &'f Exit,
    /// The outside addresses behind it that the file names.
    named: Vec<IpAddr>,
}

impl FurtherExit<'_> {
    /// Returns the outside prefixes behind it, each with its next hop.
    fn routes(&self) -> Vec<(IpNetwork, IpAddr)> {
        let mut routes = Vec::new();
        for &hop in &self.exit.next_hop {
            let (_, outer) = addressing::outside(self.number, hop.is_ipv6()).unzip();
            let wire = outer.and_then(|outer| IpNetwork::new(outer.network(), outer.prefix()).ok());
            let named = self.named.iter().copied().map(IpNetwork::from);
            let like = |to: &IpNetwork| to.is_ipv6() == hop.is_ipv6();
            routes.extend(wire.into_iter().chain(named).filter(like).map(|to| (to, hop)));
        }
        routes
    }
}

/// Returns the exits of a network except the first that has a next hop.
fn further_exits<'f>(file: &'f NetworkFile, network: &Network) -> Vec<FurtherExit<'f>> {
    let of_network = |exit: &Exit| exit.network.as_deref() == Some(&*network.name);
    let exits =
        file.exits.iter().enumerate().filter(|(_, exit)| of_network(exit) && !exit.next_hop.is_empty());
    let further = |(number, exit): (usize, &'f Exit)| {
        let outsides = file.outsides.iter().filter(|outside| outside.exit == exit.name);
        let named = outsides
            .flat_map(|outside| &outside.addresses)
            .filter_map(|to| represented_address(*to))
            .collect();
        FurtherExit { number, exit, named }
    };
    exits.skip(1).map(further).collect()
}

impl LabPlan {
    /// Adds routes by source to the internet: packets from an address behind a further exit return
    /// by that exit.
    fn internet_by_source(&mut self, file: &NetworkFile) {
        let mut tables = Vec::new();
        for further in file.networks.iter().flat_map(|network| further_exits(file, network)) {
            for &hop in &further.exit.next_hop {
                let Some((inner, outer)) = addressing::outside(further.number, hop.is_ipv6()) else {
                    continue;
                };
                let named = further.named.iter().copied().filter(|a| a.is_ipv6() == hop.is_ipv6());
                for from in named.chain([outer.ip()]) {
                    tables.push(SourceRoutes {
                        from,
                        device: exits::internet_device(further.number),
                        on_link: IpNetwork::new(outer.network(), outer.prefix()).into_iter().collect(),
                        routes: vec![(addressing::everything(hop), inner.ip())],
                    });
                }
            }
        }
        if let Some(internet) = self.namespace(INTERNET) {
            internet.by_source.extend(tables);
        }
    }

    /// Adds the default routes of endpoints and of nodes behind links, and the forwarding of
    /// endpoints that rules use as next hops.
    pub(super) fn next_hops(&mut self, file: &NetworkFile) {
        let mut routes = Vec::new();
        for place in &self.places {
            if matches!(place.subject, Subject::Exit(_) | Subject::Declared) || place.namespace == HOST {
                continue;
            }
            let Some(network) = place.network.as_deref().and_then(|n| file.network(n)) else { continue };
            for hop in ways_out(file, network) {
                let own = place.addresses.iter().any(|a| a.ip() == hop);
                if !own && place.address_like(hop).is_some() {
                    routes.push((place.namespace.clone(), addressing::everything(hop), hop));
                }
            }
            let further = further_exits(file, network).into_iter().flat_map(|exit| exit.routes());
            for (to, hop) in further.filter(|(_, hop)| place.address_like(*hop).is_some()) {
                routes.push((place.namespace.clone(), to, hop));
            }
        }
        for (namespace, to, hop) in routes {
            self.route(&namespace, to, hop);
        }
        self.internet_by_source(file);
        for allow in &file.allows {
            if let Some(via) = &allow.via {
                self.translate(file, allow, via);
            }
        }
    }

    /// Makes the next-hop endpoint of a rule forward to the rule's destination, with its own source
    /// address there.
    fn translate(&mut self, file: &NetworkFile, allow: &Allow, via: &str) {
        for name in &allow.to {
            let outer = match file.party(name) {
                Some(Party::Exit(exit) | Party::Outside(_, exit)) => exit.network.as_deref(),
                _ => None,
            };
            let hop = Subject::Endpoint(via.to_owned());
            let leg = self.places.iter().find(|p| p.subject == hop && p.network.as_deref() == outer);
            let Some((namespace, device)) = leg.map(|p| (p.namespace.clone(), p.device.clone())) else {
                self.remarks.push(format!("{via} has no place on the network of {name}: nothing goes there"));
                continue;
            };
            if namespace == HOST {
                self.remarks.push(format!("{via} is the host: the lab does not forward there"));
                continue;
            }
            if let Some(ns) = self.namespace(&namespace) {
                ns.forwards = true;
                if !ns.translates.contains(&device) {
                    ns.translates.push(device);
                }
            }
            self.way_on(file, &namespace, outer);
        }
    }

    /// Routes forwarded packets by the outer network's next hop, whatever network the first
    /// attachment is on.
    fn way_on(&mut self, file: &NetworkFile, namespace: &str, outer: Option<&str>) {
        let Some(network) = outer.and_then(|n| file.network(n)) else { return };
        let places = self.places.iter().filter(|place| place.namespace == namespace);
        let own: Vec<IpAddr> = places.flat_map(|place| &place.addresses).map(IpNetwork::ip).collect();
        let hops: Vec<IpAddr> =
            ways_out(file, network).into_iter().filter(|hop| !own.contains(hop)).collect();
        let Some(ns) = self.namespace(namespace) else { return };
        for is_ipv6 in [false, true] {
            let Some(&hop) = hops.iter().find(|hop| hop.is_ipv6() == is_ipv6) else { continue };
            let everywhere = addressing::everything(hop);
            ns.routes.retain(|(to, _)| *to != everywhere);
            ns.routes.push((everywhere, hop));
        }
    }

    /// Adds routes by source: a packet of a multi-homed endpoint leaves by the attachment of its
    /// source address. This includes the host, which has an attachment at each bridge's own port
    /// and no default route.
    pub(super) fn by_source(&mut self, file: &NetworkFile) {
        let mut tables = Vec::new();
        for place in &self.places {
            let alone = self.places.iter().filter(|p| p.namespace == place.namespace).count() < 2;
            if alone && place.namespace != HOST {
                continue;
            }
            let Some(network) = place.network.as_deref().and_then(|n| file.network(n)) else { continue };
            let Some(ns) = self.namespaces.iter().find(|n| n.key == place.namespace) else { continue };
            for address in &place.addresses {
                let like = |other: IpAddr| other.is_ipv4() == address.is_ipv4();
                let mut on_link: Vec<_> =
                    IpNetwork::new(address.network(), address.prefix()).into_iter().collect();
                let here = ns.on_link.iter().filter(|(to, dev)| *dev == place.device && like(to.ip()));
                on_link.extend(here.map(|(to, _)| *to));
                let others = |hop: &IpAddr| like(*hop) && !place.addresses.iter().any(|a| a.ip() == *hop);
                let hop = ways_out(file, network).into_iter().find(others);
                let mut routes: Vec<_> =
                    hop.into_iter().map(|hop| (addressing::everything(hop), hop)).collect();
                let further = further_exits(file, network).into_iter().flat_map(|exit| exit.routes());
                routes.extend(further.filter(|(_, hop)| others(hop)));
                let (from, device) = (address.ip(), place.device.clone());
                tables.push((place.namespace.clone(), SourceRoutes { from, device, on_link, routes }));
            }
        }
        for (namespace, table) in tables {
            if let Some(ns) = self.namespace(&namespace) {
                ns.by_source.push(table);
            }
        }
    }
}
