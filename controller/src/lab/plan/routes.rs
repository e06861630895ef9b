//! The ways out of a network, as its members have them.

use std::net::IpAddr;

use flows::network::{Allow, Network, NetworkFile, Party};
use ipnetwork::IpNetwork;

use super::{HOST, LabPlan, SourceRoutes, Subject};
use crate::lab::addressing;

/// The next hops to everywhere that a network's members have: its gateways, the next hops of rules, its exits'.
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

impl LabPlan {
    /// Default routes of endpoints and of nodes behind links; and what endpoints that others go by do for them.
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
                    routes.push((place.namespace.clone(), hop));
                }
            }
        }
        for (namespace, hop) in routes {
            self.route(&namespace, addressing::everything(hop), hop);
        }
        for allow in &file.allows {
            if let Some(via) = &allow.via {
                self.translate(file, allow, via);
            }
        }
    }

    /// The endpoint that a rule goes by forwards to where the rule leads, with its own address there.
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

    /// What it forwards goes on by the outer network's way, whichever network its first attachment is on.
    fn way_on(&mut self, file: &NetworkFile, namespace: &str, outer: Option<&str>) {
        let Some(network) = outer.and_then(|n| file.network(n)) else { return };
        let Some(hop) = ways_out(file, network).into_iter().next() else { return };
        let everywhere = addressing::everything(hop);
        if let Some(ns) = self.namespace(namespace) {
            ns.routes.retain(|(to, _)| *to != everywhere);
            ns.routes.push((everywhere, hop));
        }
    }

    /// What leaves a multi-homed endpoint with an address leaves by the attachment that has it.
    pub(super) fn by_source(&mut self, file: &NetworkFile) {
        let mut tables = Vec::new();
        for place in self.places.iter().filter(|p| p.namespace != HOST) {
            if self.places.iter().filter(|p| p.namespace == place.namespace).count() < 2 {
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
                let routes = hop.into_iter().map(|hop| (addressing::everything(hop), hop)).collect();
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
