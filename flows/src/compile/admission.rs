//! Table 0: which port, and is it who it says.

use std::rc::Rc;

use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};

use super::address::{self, Family, Range};
use super::claims;
use super::layout::{self, ADMISSION, CLAIMS, Hold, LEASES, by_prefix};
use super::neighbour_discovery;
use super::origin::{OriginKind, Reason};
use super::party::Sets;
use super::program::{Asked, Builder, apply_and_goto, load, mark, resubmit};
use super::router_discovery::{self, Hearers};
use super::scope::{Owned, Scope, Scopes};
use super::shared;
use super::site::{Site, SiteKind, Sites};
use crate::model::FlowMatch;
use crate::network::Network;

pub(super) const KIND: OriginKind = OriginKind::Admission;

/// What the senders of a network may say of themselves.
///
/// The claims on senders' addresses are told apart by the length of the prefix: who owns the longest one may
/// use it, and nobody else may (`Owned` is weaker than the owner's own claim).
pub(super) fn compile(out: &mut Builder<'_>, scope: &Scope<'_>, sites: &Sites<'_>, sets: &Sets) {
    owned(out, &scope.owned);
    neighbour_discovery::owned(out, &scope.discovered);
    let hearers = Hearers::of(sites);
    for (place, site) in sites.all.iter().enumerate() {
        let Some(port) = site.port else { continue };
        let sender = Sender::new(sites, site, port, loads(sites, site, sets.of_site(place)));
        sender.admit(out);
        shared::admit(out, sites, &sender);
        if sites.resolves(site, Family::V6) {
            neighbour_discovery::admit(out, &sender);
            router_discovery::admit(out, &sender, hearers);
        }
    }
    for site in sites.all.iter().filter(|site| site.first_at_port) {
        let Some(port) = site.port else { continue };
        neighbour_discovery::refuse(out, site, port);
        let detail = format!("{} at {}: anything else", site.party, site.port_name);
        out.drop(ADMISSION, layout::PORT_DEFAULT, at(port, FlowMatch::any()), KIND, Reason::Spoofed, detail);
    }
}

/// What holds for all networks.
pub(super) fn common(out: &mut Builder<'_>, scopes: &Scopes<'_>) {
    guards(out);
    shared::guards(out, scopes);
    owned(out, &scopes.owned);
    let detail = "any port that the file does not name";
    out.drop(ADMISSION, layout::DEFAULT, FlowMatch::any(), KIND, Reason::UnknownPort, detail);
}

/// What no port may send, whoever is there.
fn guards(out: &mut Builder<'_>) {
    tagged(out);
    let icmp = Family::V4.matches().with(Field::IpProto, address::IPPROTO_ICMP.into());
    let icmp6 = Family::V6.matches().with(Field::IpProto, address::IPPROTO_ICMPV6.into());
    for (what, matches) in [
        ("DHCP answers", address::dhcp_answer(Family::V4)),
        ("DHCPv6 answers", address::dhcp_answer(Family::V6)),
        ("ICMP redirects", icmp.clone().with(Field::Icmpv4Type, 5)),
        ("ICMP router advertisements", icmp.clone().with(Field::Icmpv4Type, 9)),
        ("ICMP router solicitations", icmp.with(Field::Icmpv4Type, 10)),
        ("router advertisements", icmp6.clone().with(Field::Icmpv6Type, 134)),
        ("ICMPv6 redirects", icmp6.with(Field::Icmpv6Type, 137)),
    ] {
        out.drop(ADMISSION, layout::ROGUE, matches, KIND, Reason::Rogue, what);
    }
}

/// Frames with a VLAN tag.
pub(super) fn tagged(out: &mut Builder<'_>) {
    let matches = FlowMatch::any().with_masked(Field::VlanVid, 0x1000, 0x1000);
    out.drop(ADMISSION, layout::TAGGED, matches, KIND, Reason::Tagged, "tagged frames");
}

/// Addresses that have an owner: dropped wherever the owner's own claim does not win.
fn owned(out: &mut Builder<'_>, all: &[Owned<'_>]) {
    for &Owned { range, reason, whose } in all {
        let priority = by_prefix(range.length(), Hold::Owned);
        let matches = range.on(range.family.matches(), range.family.src());
        out.drop(ADMISSION, priority, matches, KIND, reason, format!("from {range}: {whose}"));
        if range.family == Family::V4 {
            let matches = range.on(address::arp(), Field::ArpSpa);
            out.drop(ADMISSION, priority, matches, KIND, reason, format!("ARP from {range}: {whose}"));
        }
    }
}

/// What later tables know about a sender.
pub(super) fn loads(sites: &Sites<'_>, site: &Site<'_>, sets: &[u16]) -> Vec<Action> {
    let mut loads = vec![load(layout::NETWORK, sites.network.number.into())];
    if site.kind == SiteKind::Endpoint {
        loads.push(mark(layout::mark_bit(layout::FROM_MEMBER)));
    }
    loads.extend(sets.iter().map(|set| mark(layout::from_set(*set))));
    loads
}

/// Somebody at a port.
#[derive(Clone)]
pub(super) struct Sender<'s, 'a> {
    network: &'s Network,
    pub(super) site: &'s Site<'a>,
    port: PortNo,
    /// The MAC that its frames have, where it is known.
    pub(super) mac: Option<[u8; 6]>,
    loads: Vec<Action>,
    /// Where its packets go on.
    table: TableId,
    /// What each of its packets teaches.
    teaches: Option<Teaches>,
    /// What tells its flows from others of the same site, in words.
    how: String,
}

/// Makes what a flow with some cookie teaches.
type Teaches = Rc<dyn Fn(Cookie) -> Action>;

impl<'a> Sender<'a, 'a> {
    pub(super) fn new(sites: &Sites<'a>, site: &'a Site<'a>, port: PortNo, loads: Vec<Action>) -> Self {
        let (network, mac, table) = (sites.network, site.mac, layout::RETURNS);
        Self { network, site, port, mac, loads, table, teaches: None, how: String::new() }
    }
}

impl Sender<'_, '_> {
    /// The same with another MAC.
    pub(super) fn with_mac(&self, mac: [u8; 6], how: &str) -> Self {
        let mut this = self.clone();
        (this.mac, this.how) = (Some(mac), how.to_owned());
        this
    }

    /// The same, with more that is done to its packets, and where they go on.
    pub(super) fn by_way_of(&self, actions: impl IntoIterator<Item = Action>, table: TableId) -> Self {
        let mut this = self.also(actions);
        this.table = table;
        this
    }

    /// The same, whose packets teach.
    pub(super) fn teaching(&self, teaches: impl Fn(Cookie) -> Action + 'static) -> Self {
        let mut this = self.clone();
        this.teaches = Some(Rc::new(teaches));
        this
    }

    fn admit(&self, out: &mut Builder<'_>) {
        let site = self.site;
        self.untag(out);
        let here = |range: Range, hold| by_prefix(range.length(), hold);
        for &range in &site.prefixes {
            let matches = self.pin(range.on(range.family.matches(), range.family.src()));
            self.pass(out, here(range, Hold::Owner), matches, &format!("from {range}"));
        }
        for &range in &site.leases {
            let matches = self.pin(range.on(range.family.matches(), range.family.src()));
            let claimant = self.claiming(Field::Ipv6Src);
            claimant.pass(out, here(range, Hold::Network), matches, &format!("from an address in {range}"));
        }
        if site.kind == SiteKind::Exit {
            for range in Family::BOTH.map(Range::all) {
                self.pass(
                    out,
                    here(range, Hold::Owner),
                    self.pin(range.family.matches()),
                    &format!("from {range}"),
                );
            }
        }
        let arp = |range: Range| range.on(address::arp(), Field::ArpSpa);
        // Whoever is to have an address asks first whether somebody has it (RFC 5227 §2.1.1).
        let probe = || address::arp().with(Field::ArpSpa, 0).with(Field::ArpOp, 1);
        for &range in site.resolves.iter().filter(|range| range.family == Family::V4) {
            self.pass(out, here(range, Hold::Owner), self.pin_arp(arp(range)), &format!("ARP from {range}"));
            if site.kind != SiteKind::Link {
                let probe = self.pin_arp(range.on(probe(), Field::ArpTpa));
                self.pass(out, by_prefix(32, Hold::Owner), probe, &format!("ARP probes for {range}"));
            }
        }
        for &range in &site.dhcp {
            let priority = here(range, Hold::Network);
            let matches = self.pin(range.on(range.family.matches(), range.family.src()));
            self.pass_to(out, LEASES, priority, matches, &format!("from its lease in {range}"));
            let what = format!("ARP from its lease in {range}");
            self.pass_to(out, LEASES, priority, self.pin_arp(arp(range)), &what);
            self.pass(out, by_prefix(32, Hold::Owner), self.pin_arp(probe()), "ARP probes");
        }
    }

    /// Frames of a network with a VLAN lose their tag and come in again: with the network's number in the register,
    /// which what came in without a tag lacks.
    fn untag(&self, out: &mut Builder<'_>) {
        let Some(vlan) = self.network.vlan else { return };
        // Once: a second tag below is another network's, or nobody's.
        let matches = at(self.port, FlowMatch::any()).with(layout::NETWORK, 0);
        let matches = matches.with(Field::VlanVid, u128::from(vlan) | 0x1000);
        let number = load(layout::NETWORK, self.network.number.into());
        let actions = vec![Instruction::ApplyActions(vec![Action::PopVlan, number, resubmit(ADMISSION)])];
        let detail = format!("{} at {}: VLAN {vlan}", self.site.party, self.site.port_name);
        out.flow(ADMISSION, layout::UNTAG, matches, actions, Asked::new(KIND, self.site.party, detail));
    }

    /// At the port, in the network's VLAN, with the MAC that the file pins.
    pub(super) fn pin(&self, m: FlowMatch) -> FlowMatch {
        let m = at(self.port, m);
        let m = match self.network.vlan {
            Some(_) => m.with(layout::NETWORK, self.network.number.into()),
            None => m,
        };
        match self.mac {
            Some(mac) => m.with(Field::EthSrc, mac_bits(mac)),
            None => m,
        }
    }

    pub(super) fn pin_arp(&self, m: FlowMatch) -> FlowMatch {
        let m = self.pin(m);
        match self.mac {
            Some(mac) => m.with(Field::ArpSha, mac_bits(mac)),
            None => m,
        }
    }

    /// The same, marked as speaking of a link-local address of its own.
    pub(super) fn marked(&self, own: bool) -> Self {
        self.also(own.then(|| mark(layout::mark_bit(layout::OWN_LINK_LOCAL))))
    }

    /// The same, with more that is done to its packets.
    pub(super) fn also(&self, actions: impl IntoIterator<Item = Action>) -> Self {
        let mut this = self.clone();
        this.loads.extend(actions);
        this
    }

    /// The same, whose packets pass if its port has the address in a field, or gets it by them.
    pub(super) fn claiming(&self, field: Field) -> Self {
        self.by_way_of(claims::look_up(field), CLAIMS)
    }

    /// Admits, with what later tables need to know.
    pub(super) fn pass(&self, out: &mut Builder<'_>, priority: u16, matches: FlowMatch, what: &str) {
        self.pass_to(out, self.table, priority, matches, what);
    }

    fn pass_to(&self, out: &mut Builder<'_>, table: TableId, priority: u16, matches: FlowMatch, what: &str) {
        let Self { site, how, .. } = self;
        let detail = format!("{} at {}: {what}{how}", site.party, site.port_name);
        let asked = Asked::new(KIND, site.party, detail);
        let mut actions = self.loads.clone();
        actions.extend(self.teaches.iter().map(|teaches| teaches(out.cookie(&asked))));
        out.flow(ADMISSION, priority, matches, apply_and_goto(actions, table), asked);
    }
}

/// Adds the port of arrival.
pub(super) fn at(port: PortNo, matches: FlowMatch) -> FlowMatch {
    matches.with(Field::InPortOxm, port.0.into())
}

pub(super) fn mac_bits(mac: [u8; 6]) -> u128 {
    mac.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}
