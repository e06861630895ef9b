//! DHCP exchanges between a client and a server that a rule names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flows::network::{NetworkFile, Protocol};

use super::frames::{BROADCAST, Frame, FrameBody, link_local};
use super::view::{LabView, ProbeContext};
use crate::plan::{LabPlan, PlannedPort, Subject, represented_address};

/// A client, its server, and the leased address.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The rule's name.
    pub rule: String,
    /// The client.
    pub client: PlannedPort,
    /// The server.
    pub server: PlannedPort,
    /// The server's address.
    pub from: IpAddr,
    /// The client's leased address.
    pub address: IpAddr,
}

/// A message of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeStep {
    /// The client requests the address.
    Request,
    /// The server offers the address.
    Offer,
    /// The server leases the address.
    Give,
}

impl Exchange {
    /// Returns a message: over IPv4 by broadcast, over IPv6 to all servers (RFC 8415 §7.1) or to
    /// the client's link-local address.
    pub fn frame(&self, step: ExchangeStep) -> Frame {
        const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
        let (client, server) = (self.client.mac, self.server.mac);
        let sender = if step == ExchangeStep::Request { client } else { server };
        match (self.address, self.from) {
            (IpAddr::V4(address), IpAddr::V4(server)) => {
                let from = if step == ExchangeStep::Request { Ipv4Addr::UNSPECIFIED } else { server };
                // RFC 2132 §9.6.
                let kind = match step {
                    ExchangeStep::Request => 3,
                    ExchangeStep::Offer => 2,
                    ExchangeStep::Give => 5,
                };
                Frame::new(sender, BROADCAST, FrameBody::Dhcp { from, kind, client, address })
            }
            (IpAddr::V6(address), IpAddr::V6(_)) => {
                // RFC 8415 §7.3.
                let (kind, to, mac) = match step {
                    ExchangeStep::Request => (3, SERVERS, [0x33, 0x33, 0, 1, 0, 2]),
                    ExchangeStep::Offer => (2, link_local(client), client),
                    ExchangeStep::Give => (7, link_local(client), client),
                };
                Frame::new(sender, mac, FrameBody::Dhcpv6 { to, kind, client, address })
            }
            _ => Frame::new(sender, BROADCAST, FrameBody::Experimental),
        }
    }
}

/// Returns the exchanges that the DHCP rules allow at the time of `now`.
pub fn exchanges(file: &NetworkFile, plan: &LabPlan, now: &ProbeContext) -> Vec<Exchange> {
    of(&LabView { file, plan, now })
}

pub(super) fn of(view: &LabView<'_>) -> Vec<Exchange> {
    let mut all = Vec::new();
    let own = |place: &PlannedPort, v4: bool| {
        place.addresses.iter().map(ipnetwork::IpNetwork::ip).find(|address| address.is_ipv4() == v4)
    };
    for allow in view.rules().filter(|r| r.protocol == Protocol::Dhcp) {
        // An outside has its own addresses. One without addresses is at its exit's next hop, which
        // is the exit's place.
        let servers = allow.to.iter().flat_map(|name| {
            let outside = view.file.outsides.iter().find(|o| o.name == *name);
            let named: Vec<IpAddr> =
                outside.iter().flat_map(|o| &o.addresses).copied().filter_map(represented_address).collect();
            let exit = outside.map(|o| Subject::Exit(o.exit.clone()));
            let places = view.plan.places.iter().filter(move |p| match &exit {
                Some(exit) => p.subject == *exit,
                None => false,
            });
            let plain =
                if outside.is_none() { view.list(std::slice::from_ref(name), false) } else { Vec::new() };
            places.chain(plain).map(move |place| (place, named.clone()))
        });
        let servers: Vec<(&PlannedPort, Vec<IpAddr>)> = servers.collect();
        for client in view.list(&allow.from, false) {
            for ((server, named), v4) in servers.iter().flat_map(|server| [(server, true), (server, false)]) {
                let named = || named.iter().copied().find(|address| address.is_ipv4() == v4);
                let (Some(from), Some(address)) = (named().or_else(|| own(server, v4)), own(client, v4))
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
