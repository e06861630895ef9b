//! The DHCP relay of the controller. It sends a request to the servers that the client's rules
//! name, and an answer to the client that asked. The address of an ACK is bound before the client
//! learns of it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use flows::Flow;
use flows::compile::claims;
use flows::compile::layout::POLICY;
use flows::compile::lease::{FOREVER, Lease};
use flows::compile::leasing::{LeaseParty, Leasing, Relay};
use flows::dhcp::{DhcpMessage as Dhcp, DhcpMessageType};
use flows::dhcpv6::Dhcpv6Message as Dhcpv6;
use ofproto::message::{ErrorMsg, FlowMod, Message, MeterMod, PacketIn, PacketOut};
use ofproto::{BufferId, PortNo, Xid};

use super::Bridge;
use super::meters::Meters;
use crate::bridge::crowded_ports::CrowdingScan;
use crate::bridge::leases::{self, AgedFlow, Client, Refused};
use crate::bridge::{Notice, UPCALLS};
use crate::session::Session;

/// Largest number of addresses whose learned flows are checked a second time. Beyond it, only the
/// timeouts of the learned flows help.
const MAX_UNLEARNED: usize = 4_096;

/// The DHCP meters, and the switch's answers about them.
#[derive(Debug, Default)]
pub(super) struct Metering {
    meters: Vec<[MeterMod; 2]>,
    given: Meters,
}

impl Metering {
    /// Returns whether the switch refused one of the meters.
    pub(super) fn is_refused(&self) -> bool {
        self.given.is_refused()
    }
}

/// A message of DHCPv4 or DHCPv6.
enum RelayedMessage {
    V4(Dhcp),
    V6(Dhcpv6),
}

impl Bridge {
    /// Judges and relays a packet that a DHCP flow sent to the controller. Returns whether it is
    /// such a packet.
    pub(super) fn relayed(&mut self, now: Instant, packet: &PacketIn, session: &mut Session) -> bool {
        if packet.table_id != POLICY {
            return false;
        }
        let compiled = Arc::clone(&self.knowledge.desired);
        let Some((leasing, relay)) = leases::relay(compiled.program.leasings(), packet.cookie) else {
            return false;
        };
        let Some(from) = leasing.parties.get(relay.from) else { return true };
        let whole = usize::from(packet.total_len) <= packet.data.len();
        let data = &packet.data;
        let said =
            Dhcp::parse(data).map(RelayedMessage::V4).or_else(|| Dhcpv6::parse(data).map(RelayedMessage::V6));
        let way = (leasing, relay, from);
        let outcome = match said.filter(|_| whole && self.identity.owned) {
            None => Err("it is no whole message of DHCP".to_owned()),
            Some(RelayedMessage::V4(message)) if relay.requests => {
                self.request(now, way, &message, packet, session)
            }
            Some(RelayedMessage::V4(message)) => self.answer(now, way, &message, packet, session),
            Some(RelayedMessage::V6(message)) if relay.requests => {
                self.request_v6(now, way, message, packet, session);
                Ok(())
            }
            Some(RelayedMessage::V6(message)) => self.answer_v6(now, way, message, packet, session),
        };
        if let Err(why) = outcome {
            let what = if relay.requests { "request" } else { "answer" };
            let why = format!("a DHCP {what} of {} at {} was dropped: {why}", from.name, from.port_name);
            if self.dhcp.not_relayed.as_ref() != Some(&why) {
                self.dhcp.not_relayed = Some(why.clone());
                self.notices.push_back(Notice::NotLeased(why));
            }
        }
        true
    }

    fn request(
        &mut self,
        now: Instant,
        (leasing, relay, from): (&Leasing, &Relay, &LeaseParty),
        message: &Dhcp,
        packet: &PacketIn,
        session: &mut Session,
    ) -> Result<(), String> {
        let Dhcp { chaddr, xid, .. } = *message;
        if from.single && message.eth_src != chaddr || !leasing.is_own(from, chaddr) {
            return Err("it is for another's MAC".to_owned());
        }
        self.dhcp.leases.ask(now, leasing.network, Client::V4 { xid, chaddr }, from.port);
        let to = relay.to.iter().filter_map(|place| leasing.parties.get(*place));
        Self::pass_on(packet, from.port, to, session);
        if matches!(message.kind, DhcpMessageType::Release | DhcpMessageType::Decline) {
            let address = IpAddr::from(message.requested.unwrap_or(message.ciaddr));
            let (mods, gone) = self.dhcp.leases.end(|lease| {
                (lease.network, lease.address) == (leasing.network, address)
                    && (lease.port, lease.mac) == (from.port, Some(chaddr))
            });
            self.unbound(now, mods, &gone, session);
        }
        Ok(())
    }

    fn answer(
        &mut self,
        now: Instant,
        (leasing, relay, from): (&Leasing, &Relay, &LeaseParty),
        message: &Dhcp,
        packet: &PacketIn,
        session: &mut Session,
    ) -> Result<(), String> {
        let Dhcp { chaddr, xid, yiaddr, ciaddr, target, .. } = *message;
        let client = self.client(now, (leasing, relay), &Client::V4 { xid, chaddr })?;
        if !(target.is_broadcast() || (target == yiaddr || target == ciaddr) && !target.is_unspecified()) {
            return Err("it is for another than the one who asked".to_owned());
        }
        let gives =
            matches!(message.kind, DhcpMessageType::Offer | DhcpMessageType::Ack) && !yiaddr.is_unspecified();
        let own = |address: Ipv4Addr| leasing.may_have(client, address.into());
        if gives && !own(yiaddr) {
            return Err(format!("{yiaddr} is none that {} may have by the file", client.name));
        }
        if !target.is_broadcast() && !own(target) {
            return Err(format!("{target} is not {}'s", client.name));
        }
        if message.kind == DhcpMessageType::Ack && gives && leasing.may_lease(client, yiaddr.into()) {
            let time = message.lease_time;
            let time = time.ok_or_else(|| format!("it does not say how long {yiaddr} is leased"))?;
            self.lease(now, (leasing, client), (yiaddr.into(), Some(chaddr)), time, session)?;
        }
        if message.kind == DhcpMessageType::Nak {
            let (mods, gone) = self.dhcp.leases.end(|lease| {
                (lease.network, lease.port, lease.mac) == (leasing.network, client.port, Some(chaddr))
            });
            self.unbound(now, mods, &gone, session);
        }
        Self::pass_on(packet, from.port, std::iter::once(client), session);
        Ok(())
    }

    /// Returns the client of an answer, among the clients that the server may answer.
    pub(super) fn client<'p>(
        &self,
        now: Instant,
        (leasing, relay): (&'p Leasing, &Relay),
        client: &Client,
    ) -> Result<&'p LeaseParty, String> {
        let asker = self.dhcp.leases.asker(now, leasing.network, client);
        let mut parties = relay.to.iter().filter_map(|place| leasing.parties.get(*place));
        let client = parties.find(|party| Some(party.port) == asker);
        client.ok_or_else(|| "nobody asked for it".to_owned())
    }

    /// Binds an address that a server leases for some seconds. All ones stand for an unlimited
    /// lease.
    pub(super) fn lease(
        &mut self,
        now: Instant,
        (leasing, client): (&Leasing, &LeaseParty),
        (address, mac): (IpAddr, Option<[u8; 6]>),
        time: u32,
        session: &mut Session,
    ) -> Result<(), String> {
        let seconds = self.clock.seconds(now);
        let ends = match time {
            u32::MAX => FOREVER,
            time => u32::try_from(seconds.saturating_add(time.into())).unwrap_or(FOREVER),
        };
        let (network, port, party) = (leasing.network, client.port, client.tag());
        let lease = Lease { network, address, mac, port, party, ends };
        let bound = self.dhcp.leases.bind(lease, seconds).map_err(|refused| match refused {
            Refused::Full => format!("{} has as many leases as it may have", client.name),
            Refused::Held(port) => {
                let holder = self.attached.ports.name_of(port).unwrap_or("another port");
                format!("{address} is leased at {holder}, and not given back")
            }
        });
        let (mods, gone) = bound?;
        self.unbound(now, mods, &gone, session);
        // The client's first packet finds the flows.
        Self::send(session, &Message::BarrierRequest);
        self.notices.push_back(Notice::Leased {
            party: client.name.clone(),
            port_name: client.port_name.clone(),
            address,
        });
        Ok(())
    }

    pub(super) fn pass_on<'p>(
        packet: &PacketIn,
        in_port: PortNo,
        to: impl Iterator<Item = &'p LeaseParty>,
        session: &mut Session,
    ) {
        let actions: Vec<_> =
            to.filter(|party| party.port != in_port).flat_map(|party| party.emit.iter().cloned()).collect();
        if actions.is_empty() {
            return;
        }
        let out = PacketOut { buffer_id: BufferId::NO_BUFFER, in_port, actions, data: packet.data.clone() };
        Self::send(session, &Message::PacketOut(out));
    }

    fn change(mods: impl IntoIterator<Item = FlowMod>, session: &mut Session) {
        for change in mods {
            Self::send(session, &Message::FlowMod(change));
        }
    }

    /// Sends the flow changes of leases. Deletes the learned flows of ended leases too.
    pub(super) fn unbound(
        &mut self,
        now: Instant,
        mods: Vec<FlowMod>,
        gone: &[Lease],
        session: &mut Session,
    ) {
        Self::change(mods, session);
        for lease in gone {
            self.gone(now, (lease.network, lease.address), session);
        }
    }

    /// Deletes the learned flows of an address: at once, and again when no packet under way can
    /// teach them any more.
    fn gone(&mut self, now: Instant, address: (u16, IpAddr), session: &mut Session) {
        self.unlearn(address, session);
        if self.dhcp.ended_addresses.len() < MAX_UNLEARNED {
            self.dhcp.ended_addresses.push_back((now + UPCALLS, address));
        }
    }

    /// Makes room at ports that have the largest allowed number of self-made IPv6 addresses.
    pub(super) fn make_room(&mut self, now: Instant, crowding: CrowdingScan, session: &mut Session) {
        for (network, address) in self.dhcp.crowded_ports.look(now, crowding) {
            Self::send(session, &Message::FlowMod(claims::unclaim(network, address)));
            self.gone(now, (network, address.into()), session);
        }
    }

    /// Deletes the learned flows and tracked connections of an address.
    fn unlearn(&self, (network, address): (u16, IpAddr), session: &mut Session) {
        Self::change(leases::unlearn(address), session);
        let mut leasings = self.knowledge.desired.program.leasings();
        if leasings.any(|leasing| leasing.network == network && leasing.tracked) {
            for flush in leases::forget(network, address) {
                Self::send(session, &Message::CtFlush(flush));
            }
        }
    }

    /// Does the lease work that is due at `now`.
    pub(super) fn keep_leases(&mut self, now: Instant, session: &mut Session) {
        while let Some((_, address)) = self.dhcp.ended_addresses.front().copied().filter(|(at, _)| *at <= now)
        {
            self.dhcp.ended_addresses.pop_front();
            self.unlearn(address, session);
        }
        let due = self.dhcp.leases.wake().and_then(|at| self.clock.instant(at));
        if due.is_some_and(|at| at <= now) {
            let seconds = self.clock.seconds(now);
            let (mods, gone) = self.dhcp.leases.expired(seconds);
            self.unbound(now, mods, &gone, session);
            Self::change(self.dhcp.leases.rearm(seconds), session);
        }
    }

    /// Returns the time of the next call of [`Bridge::keep_leases`].
    pub(super) fn leases_due(&self) -> Option<Instant> {
        let lease = self.dhcp.leases.wake().and_then(|at| self.clock.instant(at));
        self.dhcp.ended_addresses.front().map(|(at, _)| *at).into_iter().chain(lease).min()
    }

    /// Ends the leases that the active file would not allow.
    pub(super) fn judge_leases(&mut self, now: Instant, session: &mut Session) {
        let compiled = Arc::clone(&self.knowledge.desired);
        let (mods, gone) = self.dhcp.leases.end(|lease| {
            let leasing = compiled.program.leasings().find(|leasing| leasing.network == lease.network);
            leasing.is_none_or(|leasing| !leasing.admits(lease))
        });
        self.unbound(now, mods, &gone, session);
    }

    /// Ends the leases at a port that is gone.
    pub(super) fn leases_gone(&mut self, now: Instant, port: PortNo, session: &mut Session) {
        let (mods, gone) = self.dhcp.leases.end(|lease| lease.port == port);
        self.unbound(now, mods, &gone, session);
    }

    /// Returns the changes that turn the installed lease flows into the expected ones.
    pub(super) fn leases_differ(&mut self, now: Instant, flows: &[AgedFlow]) -> Vec<Message> {
        let seconds = self.clock.seconds(now);
        let program = &self.knowledge.desired.program;
        let leasing = |network| program.leasings().find(|leasing| leasing.network == network);
        self.dhcp.leases.adopt(flows, leasing, seconds);
        self.dhcp.leases.differing(flows, seconds).into_iter().map(Message::FlowMod).collect()
    }

    /// Returns whether an installed lease flow belongs to a present lease.
    pub(super) fn is_leased(&self, flow: &Flow) -> bool {
        self.dhcp.leases.expects(flow)
    }

    /// Sends the DHCP meters to the switch, before the flows that name them.
    pub(super) fn meter_relays(&mut self, session: &mut Session) {
        let meters = self.knowledge.desired.program.relay_meters();
        if self.dhcp.metering.is_refused() || meters == self.dhcp.metering.meters {
            return;
        }
        for meter in meters.iter().filter(|meter| !self.dhcp.metering.meters.contains(meter)) {
            self.dhcp.metering.given.give(meter.clone(), session);
        }
        self.dhcp.metering.meters = meters;
    }

    /// Handles an error about a DHCP meter. Returns whether it was one. A switch without meters
    /// gets no flow that names one.
    pub(super) fn relay_meter_refused(
        &mut self,
        now: Instant,
        xid: Xid,
        error: &ErrorMsg,
        session: &mut Session,
    ) -> bool {
        let Some(none) = self.dhcp.metering.given.refused(xid, error) else { return false };
        if none {
            self.notices.push_back(Notice::NotLeased(
                "the switch has no meters for DHCP: who floods it with requests floods the controller"
                    .to_owned(),
            ));
            self.recompile(now, session);
        }
        true
    }
}
