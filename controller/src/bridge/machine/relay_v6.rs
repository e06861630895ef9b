//! The DHCPv6 relay of the controller (RFC 8415 §18). It differs from the relay of DHCPv4 in three
//! points: a client may have several addresses, a client is known by its identifier, and an answer
//! goes to the link-local address that asked.

use std::net::IpAddr;
use std::time::Instant;

use flows::compile::leasing::{LeaseParty, Leasing, Relay};
use flows::dhcpv6::{Dhcpv6Message, Dhcpv6MessageType, LeasedAddress};
use ofproto::message::PacketIn;

use super::Bridge;
use crate::bridge::leases::Client;
use crate::session::Session;

impl Bridge {
    /// Relays a client's message to the servers of its rules.
    pub(super) fn request_v6(
        &mut self,
        now: Instant,
        (leasing, relay, from): (&Leasing, &Relay, &LeaseParty),
        message: Dhcpv6Message,
        packet: &PacketIn,
        session: &mut Session,
    ) {
        let client = Client::V6 { xid: message.xid, address: message.source, id: message.client };
        self.dhcp.leases.ask(now, leasing.network, client, from.port);
        let to = relay.to.iter().filter_map(|place| leasing.parties.get(*place));
        Self::pass_on(packet, from.port, to, session);
        if matches!(message.kind, Dhcpv6MessageType::Release | Dhcpv6MessageType::Decline) {
            self.end_v6(now, (leasing, from), &message.addresses, session);
        }
    }

    /// Relays a server's message to the client that asked, once its addresses are bound.
    pub(super) fn answer_v6(
        &mut self,
        now: Instant,
        (leasing, relay, from): (&Leasing, &Relay, &LeaseParty),
        message: Dhcpv6Message,
        packet: &PacketIn,
        session: &mut Session,
    ) -> Result<(), String> {
        let asked = Client::V6 { xid: message.xid, address: message.target, id: message.client };
        let client = self.client(now, (leasing, relay), &asked)?;
        let (over, given): (Vec<LeasedAddress>, Vec<LeasedAddress>) =
            message.addresses.iter().partition(|g| g.valid == 0);
        let own = |given: &&LeasedAddress| leasing.may_have(client, given.address.into());
        if let Some(given) = given.iter().find(|given| !own(given)) {
            return Err(format!("{} is none that {} may have by the file", given.address, client.name));
        }
        if message.kind == Dhcpv6MessageType::Reply {
            for given in given.iter().filter(|given| leasing.may_lease(client, given.address.into())) {
                let address = (given.address.into(), None);
                self.lease(now, (leasing, client), address, given.valid, session)?;
            }
            self.end_v6(now, (leasing, client), &over, session);
        }
        Self::pass_on(packet, from.port, std::iter::once(client), session);
        Ok(())
    }

    /// Ends the leases of these addresses at the party's port.
    fn end_v6(
        &mut self,
        now: Instant,
        (leasing, party): (&Leasing, &LeaseParty),
        addresses: &[LeasedAddress],
        session: &mut Session,
    ) {
        let (mods, gone) = self.dhcp.leases.end(|lease| {
            (lease.network, lease.port) == (leasing.network, party.port)
                && addresses.iter().any(|given| IpAddr::from(given.address) == lease.address)
        });
        self.unbound(now, mods, &gone, session);
    }
}
