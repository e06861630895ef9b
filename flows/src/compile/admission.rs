//! Table 0: which port, and is it who it says.

use ofproto::PortNo;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::address::{self, Family, ND_ADVERT, ND_SOLICIT, Range};
use super::layout::{self, ADMISSION, Hold, by_prefix};
use super::origin::{OriginKind, Reason};
use super::party::Sets;
use super::program::{Asked, Builder, apply_and_goto, load, mark, resubmit};
use super::scope::{Owned, Scope, Scopes};
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
    discovered(out, &scope.discovered);
    for (place, site) in sites.all.iter().enumerate() {
        let Some(port) = site.port else { continue };
        Sender { network: sites.network, site, port, loads: loads(sites, site, sets.of_site(place)) }
            .admit(out);
    }
    for site in sites.all.iter().filter(|site| site.first_at_port) {
        let Some(port) = site.port else { continue };
        let who = |what: &str| format!("{} at {}: {what}", site.party, site.port_name);
        let mut deny = |priority, matches, detail| {
            out.drop(ADMISSION, priority, at(port, matches), KIND, Reason::Spoofed, detail);
        };
        for (kind, what) in [(ND_SOLICIT, "other ND solicitations"), (ND_ADVERT, "other ND advertisements")] {
            deny(layout::MULTICAST, address::nd(kind), who(what));
        }
        deny(layout::PORT_DEFAULT, FlowMatch::any(), who("anything else"));
    }
}

/// What holds for all networks.
pub(super) fn common(out: &mut Builder<'_>, scopes: &Scopes<'_>) {
    guards(out);
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
        ("ICMP redirects", icmp.with(Field::Icmpv4Type, 5)),
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

/// The same for neighbour discovery, where it is not enough to leave it to the claims by address.
fn discovered(out: &mut Builder<'_>, all: &[(Range, &str)]) {
    for (range, party) in all {
        let priority = layout::MULTICAST + by_prefix(range.length(), Hold::Owned);
        for (kind, field, what) in [
            (ND_SOLICIT, Field::Ipv6Src, "ND solicitation from"),
            (ND_ADVERT, Field::Ipv6Src, "ND advertisement from"),
            (ND_ADVERT, Field::NdTarget, "ND advertisement of"),
        ] {
            let detail = format!("{what} {range}: owned by {party}");
            let matches = range.on(address::nd(kind), field);
            out.drop(ADMISSION, priority, matches, KIND, Reason::Spoofed, detail);
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
struct Sender<'s, 'a> {
    network: &'s Network,
    site: &'s Site<'a>,
    port: PortNo,
    loads: Vec<Action>,
}

impl Sender<'_, '_> {
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
            self.pass(out, here(range, Hold::Network), matches, &format!("from its lease in {range}"));
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
        for &range in &site.resolves {
            self.resolve(out, range, Hold::Owner);
        }
        for &range in &site.leases {
            self.resolve(out, range, Hold::Network);
            if range.family == Family::V4 {
                // Whoever was given an address asks first whether somebody has it (RFC 5227 §2.1.1).
                let probe = self.pin_arp(address::arp().with(Field::ArpSpa, 0).with(Field::ArpOp, 1));
                self.pass(out, by_prefix(32, Hold::Owner), probe, "ARP probes");
            }
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

    fn resolve(&self, out: &mut Builder<'_>, range: Range, hold: Hold) {
        match range.family {
            Family::V4 => {
                let matches = self.pin_arp(range.on(address::arp(), Field::ArpSpa));
                self.pass(out, by_prefix(range.length(), hold), matches, &format!("ARP from {range}"));
            }
            Family::V6 => {
                // Above every claim by address: an advertisement must also be *about* an address of the
                // sender, or it redirects its neighbours' traffic.
                let priority = layout::MULTICAST + by_prefix(range.length(), hold);
                let from = |kind| self.pin(range.on(address::nd(kind), Field::Ipv6Src));
                self.pass(out, priority, from(ND_SOLICIT), &format!("ND solicitation from {range}"));
                let advert = range.on(from(ND_ADVERT), Field::NdTarget);
                self.pass(out, priority, advert, &format!("ND advertisement of {range}"));
            }
        }
    }

    /// At the port, in the network's VLAN, with the MAC that the file pins.
    fn pin(&self, m: FlowMatch) -> FlowMatch {
        let m = at(self.port, m);
        let m = match self.network.vlan {
            Some(_) => m.with(layout::NETWORK, self.network.number.into()),
            None => m,
        };
        match self.site.mac {
            Some(mac) => m.with(Field::EthSrc, mac_bits(mac)),
            None => m,
        }
    }

    fn pin_arp(&self, m: FlowMatch) -> FlowMatch {
        let m = self.pin(m);
        match self.site.mac {
            Some(mac) => m.with(Field::ArpSha, mac_bits(mac)),
            None => m,
        }
    }

    /// Admits, with what later tables need to know.
    fn pass(&self, out: &mut Builder<'_>, priority: u16, matches: FlowMatch, what: &str) {
        let instructions = apply_and_goto(self.loads.clone(), layout::RETURNS);
        let detail = format!("{} at {}: {what}", self.site.party, self.site.port_name);
        out.flow(ADMISSION, priority, matches, instructions, Asked::new(KIND, self.site.party, detail));
    }
}

/// Adds the port of arrival.
pub(super) fn at(port: PortNo, matches: FlowMatch) -> FlowMatch {
    matches.with(Field::InPortOxm, port.0.into())
}

pub(super) fn mac_bits(mac: [u8; 6]) -> u128 {
    mac.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}
