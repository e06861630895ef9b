//! The DHCP leases of a bridge: see [`flows::compile::lease`].
//!
//! The leases belong to the bridge of one session. They begin with the lease flows of the first
//! read, as far as the file allows them. From then on, a lease flow without a lease in the list is
//! foreign.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use flows::compile::claims;
use flows::compile::layout::{FIRST_FRAGMENTS, LATER_FRAGMENTS, RELATED, RETURNS, UNTRACKED, VISITORS};
use flows::compile::lease::{self, FOREVER, Lease};
use flows::compile::leasing::{Leasing, Relay};
use flows::{Flow, FlowMatch};
use ofproto::message::{CtFlush, CtFlushProperty, CtTupleProperty, FlowMod, FlowModCommand};
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId, ethertype};

/// Largest number of leases of an address family at one port.
const PER_PORT: usize = 16;
/// Largest number of leases of an address family in one network.
const PER_NETWORK: usize = 8_192;
/// Largest number of exchanges under way at one port, and the deadline of each.
const ASKED_PER_PORT: usize = 32;
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// Longest lifetime of a flow, in seconds.
const LONGEST: u64 = 65_535;
/// The tables of learned flows.
const LEARNED: [TableId; 6] = [RETURNS, RELATED, VISITORS, FIRST_FRAGMENTS, LATER_FRAGMENTS, UNTRACKED];

/// The leases of a bridge.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: BTreeMap<(u16, IpAddr), HeldLease>,
    asked: VecDeque<PendingRequest>,
    /// Set once the lease flows of an earlier session were read.
    adopted: bool,
}

/// A lease, and the time until which the switch keeps its flows, in seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy)]
struct HeldLease {
    lease: Lease,
    armed: u64,
}

/// The identity of a client and of one of its exchanges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Client {
    /// A client of DHCP (RFC 2131 §2).
    V4 { xid: u32, chaddr: [u8; 6] },
    /// A client of DHCPv6, with the address to which the answer goes (RFC 8415 §18.3.10).
    V6 { xid: u32, address: Ipv6Addr, id: Vec<u8> },
}

/// A client's request under way.
#[derive(Debug, Clone)]
struct PendingRequest {
    network: u16,
    client: Client,
    port: PortNo,
    at: Instant,
}

/// The reason why an address is not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Another party holds the address, and its lease lasts.
    Held(PortNo),
    /// The port or the network has its largest allowed number of leases.
    Full,
}

impl Leases {
    /// Notes a client's request. The first client with a transaction id gets the answer.
    pub(super) fn ask(&mut self, now: Instant, network: u16, client: Client, port: PortNo) {
        self.asked.retain(|asked| now.saturating_duration_since(asked.at) < ANSWERED_WITHIN);
        let same = |asked: &&mut PendingRequest| (asked.network, &asked.client) == (network, &client);
        if let Some(asked) = self.asked.iter_mut().find(same) {
            if asked.port == port {
                asked.at = now;
            }
            return;
        }
        // The oldest request of the same port makes room, never one of another port.
        if self.asked.iter().filter(|asked| asked.port == port).count() >= ASKED_PER_PORT
            && let Some(oldest) = self.asked.iter().position(|asked| asked.port == port)
        {
            self.asked.remove(oldest);
        }
        self.asked.push_back(PendingRequest { network, client, port, at: now });
    }

    /// Returns the port of the client that made the request.
    pub(super) fn asker(&self, now: Instant, network: u16, client: &Client) -> Option<PortNo> {
        let lasts = |asked: &&PendingRequest| now.saturating_duration_since(asked.at) < ANSWERED_WITHIN;
        let same = |asked: &&PendingRequest| (asked.network, &asked.client) == (network, client);
        self.asked.iter().filter(lasts).find(same).map(|asked| asked.port)
    }

    /// Binds an address. Returns the flow changes, and the leases that end by this.
    pub(super) fn bind(&mut self, lease: Lease, seconds: u64) -> Result<(Vec<FlowMod>, Vec<Lease>), Refused> {
        let key = (lease.network, lease.address);
        let before = self.held.get(&key).map(|held| held.lease);
        if let Some(before) = before.filter(|before| before.party != lease.party && !is_over(before, seconds))
        {
            return Err(Refused::Held(before.port));
        }
        let first = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        let in_network = self.held.range((lease.network, first)..).map(|(_, held)| &held.lease);
        let in_network: Vec<Lease> = in_network.take_while(|l| l.network == lease.network).copied().collect();
        // An interface that gets another IPv4 address gives up its previous one.
        let given_up = |l: &&Lease| {
            lease.mac.is_some() && l.address != lease.address && l.port == lease.port && l.mac == lease.mac
        };
        let mut gone: Vec<Lease> = in_network.iter().filter(given_up).copied().collect();
        let others = in_network.iter().filter(|l| l.address != lease.address && !given_up(l));
        let beside = |l: &Lease| l.port == lease.port && l.address.is_ipv4() == lease.address.is_ipv4();
        let (all, here) = others.fold((0, 0), |(all, here), l| (all + 1, here + usize::from(beside(l))));
        if here >= PER_PORT || all >= PER_NETWORK {
            return Err(Refused::Full);
        }
        gone.extend(before.filter(|before| (before.port, before.mac) != (lease.port, lease.mac)));
        let mut mods: Vec<FlowMod> = Vec::new();
        for lease in &gone {
            self.held.remove(&(lease.network, lease.address));
            mods.extend(deletes(lease));
        }
        let held = HeldLease { lease, armed: seconds.saturating_add(left(&lease, seconds)) };
        self.held.insert(key, held);
        if let (IpAddr::V6(address), true) = (lease.address, before.is_none() || !gone.is_empty()) {
            // A previous user of the address does not get it back when the lease ends.
            mods.push(claims::unclaim(lease.network, address));
        }
        mods.extend(adds(&lease, seconds));
        Ok((mods, gone))
    }

    /// Ends the leases that satisfy `over`. Returns the flow changes and the ended leases.
    pub(super) fn end(&mut self, over: impl Fn(&Lease) -> bool) -> (Vec<FlowMod>, Vec<Lease>) {
        let gone: Vec<Lease> = self.held.values().map(|held| held.lease).filter(over).collect();
        for lease in &gone {
            self.held.remove(&(lease.network, lease.address));
        }
        (gone.iter().flat_map(deletes).collect(), gone)
    }

    /// Ends the leases whose deadline is over.
    pub(super) fn expired(&mut self, seconds: u64) -> (Vec<FlowMod>, Vec<Lease>) {
        self.end(|lease| is_over(lease, seconds))
    }

    /// Returns the changes that arm again the flows of leases that outlast their flows.
    pub(super) fn rearm(&mut self, seconds: u64) -> Vec<FlowMod> {
        let due = |held: &&mut HeldLease| {
            u64::from(held.lease.ends) > held.armed && held.armed <= seconds.saturating_add(LONGEST / 4)
        };
        let mut mods = Vec::new();
        for held in self.held.values_mut().filter(due) {
            held.armed = seconds.saturating_add(left(&held.lease, seconds));
            mods.extend(adds(&held.lease, seconds));
        }
        mods
    }

    /// Returns the next time at which a lease ends or its flows are to be armed again, in seconds
    /// since 1970-01-01 UTC.
    pub(super) fn wake(&self) -> Option<u64> {
        let due = |held: &HeldLease| match u64::from(held.lease.ends) > held.armed {
            true => held.armed.saturating_sub(LONGEST / 4),
            false => held.lease.ends.into(),
        };
        self.held.values().map(due).min()
    }

    /// Adopts, once, the leases that an earlier session left on the switch. If two ports have one
    /// address, the port found first keeps it.
    pub(super) fn adopt<'l>(
        &mut self,
        flows: &[(Flow, Duration)],
        leasings: impl Fn(u16) -> Option<&'l Leasing>,
        seconds: u64,
    ) {
        if std::mem::replace(&mut self.adopted, true) {
            return;
        }
        let there: HashMap<_, &Flow> = flows.iter().map(|(flow, _)| (flow.key(), flow)).collect();
        for (flow, age) in flows {
            let Some(lease) = Lease::of(flow) else { continue };
            let expected = lease.flows();
            let whole = expected.iter().all(|e| there.get(&e.key()).is_some_and(|flow| alike(flow, e)));
            let admitted = leasings(lease.network).is_some_and(|leasing| leasing.admits(&lease));
            if !whole || !admitted || is_over(&lease, seconds) || flow.hard_timeout == 0 {
                continue;
            }
            let armed = (seconds + u64::from(flow.hard_timeout)).saturating_sub(age.as_secs());
            self.held.entry((lease.network, lease.address)).or_insert(HeldLease { lease, armed });
        }
    }

    /// Returns the changes from the switch's lease flows to the desired ones.
    pub(super) fn differing(&self, flows: &[(Flow, Duration)], seconds: u64) -> Vec<FlowMod> {
        let there: HashMap<_, &Flow> = flows.iter().map(|(flow, _)| (flow.key(), flow)).collect();
        let wrong = flows.iter().filter(|(flow, _)| !self.expects(flow));
        let mut mods: Vec<FlowMod> =
            wrong.map(|(flow, _)| flow.to_flow_mod(FlowModCommand::DeleteStrict)).collect();
        // A lease that ends at this moment is not put back.
        let lasts = |held: &&HeldLease| !is_over(&held.lease, seconds + 1);
        for held in self.held.values().filter(lasts) {
            let missing = |flow: &FlowMod| {
                let flow = Flow::new(flow.table_id, flow.priority, FlowMatch::from_wire(&flow.fields));
                there.get(&flow.key()).is_none_or(|flow| !self.expects(flow))
            };
            mods.extend(adds(&held.lease, seconds).filter(missing));
        }
        mods
    }

    /// Returns whether a flow belongs to a present lease.
    pub(super) fn expects(&self, flow: &Flow) -> bool {
        let held = lease::key(flow).and_then(|key| self.held.get(&key));
        held.is_some_and(|held| {
            flow.hard_timeout != 0 && held.lease.flows().iter().any(|expected| alike(flow, expected))
        })
    }
}

/// Returns the time that a lease's flows are to last, in seconds.
fn left(lease: &Lease, seconds: u64) -> u64 {
    match lease.ends {
        FOREVER => LONGEST,
        ends => u64::from(ends).saturating_sub(seconds).clamp(1, LONGEST),
    }
}

fn is_over(lease: &Lease, seconds: u64) -> bool {
    lease.ends != FOREVER && u64::from(lease.ends) <= seconds
}

/// Returns whether an installed flow equals the expected one, apart from its timeout.
fn alike(flow: &Flow, expected: &Flow) -> bool {
    let told = Flow { hard_timeout: 0, flags: 0, importance: 0, ..flow.clone() };
    told == *expected
}

fn adds(lease: &Lease, seconds: u64) -> impl Iterator<Item = FlowMod> {
    let hard_timeout = u16::try_from(left(lease, seconds)).unwrap_or(u16::MAX);
    lease.flows().into_iter().map(move |flow| Flow { hard_timeout, ..flow }.to_flow_mod(FlowModCommand::Add))
}

fn deletes(lease: &Lease) -> impl Iterator<Item = FlowMod> + use<> {
    lease.flows().into_iter().map(|flow| flow.to_flow_mod(FlowModCommand::DeleteStrict))
}

/// Deletes the flows that were learned for an address whose lease ended.
pub(super) fn unlearn(address: IpAddr) -> impl Iterator<Item = FlowMod> {
    let (eth_type, bits, fields) = match address {
        IpAddr::V4(v4) => (ethertype::IPV4, v4.to_bits().into(), [Field::Ipv4Dst, Field::Ipv4Src]),
        IpAddr::V6(v6) => (ethertype::IPV6, v6.to_bits(), [Field::Ipv6Dst, Field::Ipv6Src]),
    };
    LEARNED.into_iter().flat_map(move |table_id| {
        fields.map(|field| {
            let matches = FlowMatch::any().with(Field::EthType, eth_type.into());
            FlowMod {
                command: FlowModCommand::Delete,
                table_id,
                fields: matches.with(field, bits).to_wire(),
                ..FlowMod::default()
            }
        })
    })
}

/// Returns the messages that make the connection tracker forget the connections from and to such an
/// address (NXT_CT_FLUSH).
pub(super) fn forget(network: u16, address: IpAddr) -> [CtFlush; 2] {
    let address = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let ends = |end: Vec<CtTupleProperty>| {
        [CtFlushProperty::OrigTuple(end.clone()), CtFlushProperty::ReplyTuple(end)]
    };
    ends(vec![CtTupleProperty::Src(address.octets())])
        .map(|end| CtFlush { ip_proto: 0, properties: vec![end, CtFlushProperty::ZoneId(network)] })
}

/// An installed flow with its age.
pub(super) type AgedFlow = (Flow, Duration);

/// Returns the relay of the flow that sent a packet to the controller, if it is a DHCP flow.
pub(super) fn relay<'p>(
    leasings: impl Iterator<Item = &'p Leasing>,
    cookie: ofproto::Cookie,
) -> Option<(&'p Leasing, &'p Relay)> {
    let mut all = leasings.flat_map(|leasing| leasing.relays.iter().map(move |relay| (leasing, relay)));
    all.find(|(_, relay)| relay.cookie == cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn lease(last: u8, port: u32, mac: u8, ends: u64) -> Lease {
        Lease {
            network: 7,
            address: Ipv4Addr::new(10, 5, 0, last).into(),
            mac: Some([2, 0, 0, 0, 5, mac]),
            port: PortNo(port),
            party: u16::try_from(port).unwrap(),
            ends: u32::try_from(ends).unwrap(),
        }
    }

    fn deletions(mods: &[FlowMod]) -> usize {
        mods.iter().filter(|m| m.command == FlowModCommand::DeleteStrict).count()
    }

    #[test]
    fn an_address_stays_with_its_party_until_it_is_given_back_or_over() {
        let mut leases = Leases::default();
        leases.bind(lease(77, 1, 1, NOW + 100), NOW).unwrap();
        assert_eq!(leases.bind(lease(77, 2, 2, NOW + 900), NOW + 99), Err(Refused::Held(PortNo(1))));
        // The party moves to another port, or gets another MAC address.
        let moved = Lease { party: 1, ..lease(77, 3, 1, NOW + 200) };
        let (mods, gone) = leases.bind(moved, NOW).unwrap();
        assert_eq!((mods.len(), deletions(&mods), gone.len()), (8, 4, 1));
        assert!(leases.bind(lease(77, 2, 2, NOW + 900), NOW + 200).is_ok(), "its time is over");
        let (mods, gone) = leases.end(|lease| lease.port == PortNo(2));
        assert_eq!((deletions(&mods), gone.len()), (4, 1));
        assert_eq!(leases.wake(), None);
    }

    #[test]
    fn a_port_has_so_many_leases_and_an_interface_one() {
        let mut leases = Leases::default();
        for n in 1..=16 {
            leases.bind(lease(n, 1, n, NOW + 100), NOW).unwrap();
        }
        assert_eq!(leases.bind(lease(17, 1, 17, NOW + 100), NOW), Err(Refused::Full));
        assert!(leases.bind(lease(17, 2, 17, NOW + 100), NOW).is_ok(), "another port has room");
        let (_, gone) = leases.bind(lease(18, 1, 16, NOW + 100), NOW).unwrap();
        assert_eq!(gone, [lease(16, 1, 16, NOW + 100)], "another address for the same interface");
    }

    #[test]
    fn what_outlasts_a_flow_is_armed_again() {
        let mut leases = Leases::default();
        let long = lease(77, 1, 1, NOW + 100_000);
        let (mods, _) = leases.bind(long, NOW).unwrap();
        assert!(mods.iter().all(|m| m.hard_timeout == u16::MAX));
        let wake = leases.wake().unwrap();
        assert!(wake > NOW + 40_000 && wake < NOW + 65_535, "{wake}");
        assert_eq!(leases.rearm(wake - 1), []);
        let mods = leases.rearm(wake);
        assert_eq!((mods.len(), u64::from(mods[0].hard_timeout)), (4, NOW + 100_000 - wake));
        assert_eq!(leases.wake(), Some(NOW + 100_000));
        assert_eq!(leases.expired(NOW + 99_999).1, []);
        assert_eq!(leases.expired(NOW + 100_000).1, [long]);
    }

    #[test]
    fn the_switch_tells_a_new_session_what_is_leased_and_nothing_else_stays() {
        let mut leases = Leases::default();
        let (good, other) = (lease(77, 1, 1, NOW + 500), lease(78, 2, 2, NOW + 500));
        let aged = |lease: &Lease, age| {
            let aged = |flow| (Flow { hard_timeout: 600, ..flow }, Duration::from_secs(age));
            lease.flows().into_iter().map(aged).collect::<Vec<_>>()
        };
        let leasing = Leasing { network: 7, parties: vec![party(good), party(other)], ..Leasing::default() };
        let good = Lease { party: leasing.parties[0].tag(), ..good };
        let other = Lease { party: leasing.parties[1].tag(), ..other };
        let mut flows: Vec<_> = aged(&good, 100).into_iter().chain(aged(&other, 100)).collect();
        // A flow of the second lease is missing.
        flows.pop();
        leases.adopt(&flows, |network| (network == 7).then_some(&leasing), NOW);
        let mods = leases.differing(&flows, NOW);
        assert_eq!((deletions(&mods), mods.len()), (3, 3), "what is not whole goes");
        assert!(leases.expects(&flows[0].0) && !leases.expects(&flows[4].0));
        let mods = leases.differing(&flows[1..4], NOW);
        assert_eq!((deletions(&mods), mods.len()), (0, 1), "what is missing comes back");
        assert_eq!(u64::from(mods[0].hard_timeout), 500);
    }

    fn party(lease: Lease) -> flows::compile::leasing::LeaseParty {
        flows::compile::leasing::LeaseParty {
            name: format!("p{}", lease.port.0),
            port_name: String::new(),
            port: lease.port,
            single: true,
            mac: None,
            has: Vec::new(),
            leases: vec!["10.5.0.0/24".parse().unwrap()],
            emit: Vec::new(),
        }
    }
}
