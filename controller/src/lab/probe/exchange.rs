//! DHCP between a client and a server that a rule names.

use std::net::{IpAddr, Ipv4Addr};

use flows::network::{NetworkFile, Protocol};

use super::frames::{BROADCAST, Body, Frame};
use super::view::{Now, View};
use crate::lab::plan::{LabPlan, Place, Subject, stands_for};

/// A client, its server, and what the one is given by the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The rule's name.
    pub rule: String,
    /// The client.
    pub client: Place,
    /// The server.
    pub server: Place,
    /// The server's address.
    pub from: Ipv4Addr,
    /// The client's.
    pub address: IpAddr,
}

impl Exchange {
    /// A client wants the address (RFC 2132 §9.6).
    pub const REQUEST: u8 = 3;
    /// A server offers it.
    pub const OFFER: u8 = 2;
    /// A server gives it.
    pub const ACK: u8 = 5;

    /// A message of that kind, to everybody.
    pub fn frame(&self, kind: u8) -> Frame {
        let request = kind == Self::REQUEST;
        let sender = if request { self.client.mac } else { self.server.mac };
        let from = if request { Ipv4Addr::UNSPECIFIED } else { self.from };
        let IpAddr::V4(address) = self.address else {
            return Frame::new(sender, BROADCAST, Body::Experimental);
        };
        let client = self.client.mac;
        Frame::new(sender, BROADCAST, Body::Dhcp { from, kind, client, address })
    }
}

/// Everything that the rules for DHCP say at that hour.
pub fn exchanges(file: &NetworkFile, plan: &LabPlan, now: &Now) -> Vec<Exchange> {
    of(&View { file, plan, now })
}

pub(super) fn of(view: &View<'_>) -> Vec<Exchange> {
    let mut all = Vec::new();
    let v4 = |place: &Place| place.addresses.iter().map(ipnetwork::IpNetwork::ip).find(IpAddr::is_ipv4);
    for allow in view.rules().filter(|r| r.protocol == Protocol::Dhcp) {
        // An outside is at its own addresses; one that has none is at its exit's next hop, which is the exit's place.
        let servers = allow.to.iter().flat_map(|name| {
            let outside = view.file.outsides.iter().find(|o| o.name == *name);
            let named = outside.and_then(|o| o.addresses.iter().find(|p| p.is_ipv4()));
            let exit = outside.map(|o| Subject::Exit(o.exit.clone()));
            let places = view.plan.places.iter().filter(move |p| match &exit {
                Some(exit) => p.subject == *exit,
                None => false,
            });
            let plain =
                if outside.is_none() { view.list(std::slice::from_ref(name), false) } else { Vec::new() };
            places.chain(plain).map(move |place| (place, named.and_then(|p| stands_for(*p))))
        });
        let servers: Vec<(&Place, Option<IpAddr>)> = servers.collect();
        for client in view.list(&allow.from, false) {
            for (server, named) in &servers {
                let (Some(IpAddr::V4(from)), Some(address)) = (named.or_else(|| v4(server)), v4(client))
                else {
                    continue;
                };
                if client.network == server.network && client.name != server.name {
                    all.push(Exchange {
                        rule: allow.name.clone(),
                        client: client.clone(),
                        server: (*server).clone(),
                        from,
                        address,
                    });
                }
            }
        }
    }
    all
}
