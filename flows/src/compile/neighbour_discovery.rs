//! Neighbour discovery (RFC 4861, RFC 4862): who may speak of which address, and who hears it.
//!
//! - A solicitation comes from an address of the sender, or from a link-local one; an advertisement is about one. With a
//!   pinned MAC it tells that MAC or none.
//! - A link-local address that the file gives, or that follows from a pinned MAC (RFC 4291 appendix A), is its owner's
//!   alone. Any other is nobody's: of two whom a rule joins to a third, the one may speak of the other's. What that
//!   spoils is the third's neighbour cache; packets are led by their addresses all the same.
//! - Duplicate address detection, without a source, is about an address that the sender may have.
//! - Of an address that it got the sender's port must have it, or it gets it thereby ([`claims`](super::claims)).
//! - What is for an address of the file goes to its owner. What is for a link-local address goes to its owner, or by the
//!   MAC that the frame is for, or like what is for all to everybody whom a rule joins to the sender.

use std::collections::HashSet;
use std::net::Ipv6Addr;

use ofproto::PortNo;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::address::{self, Family, ND_ADVERT, ND_SOLICIT, Range};
use super::admission::{KIND, Sender, at, mac_bits};
use super::layout::{self, ADMISSION, DESTINATION, Hold, MARKS, POLICY, by_prefix};
use super::origin::{OriginKind, Reason};
use super::program::{Asked, Builder, load, mark};
use super::site::{Site, Sites};
use super::vrrp;
use crate::model::FlowMatch;
use crate::network::Network;

/// Above every claim by address: neighbour discovery must also be *about* an address of the sender, or it redirects its
/// neighbours' traffic.
pub(super) fn above(range: Range, hold: Hold) -> u16 {
    layout::MULTICAST + by_prefix(range.length(), hold)
}

/// Duplicate address detection; it tells no MAC (RFC 4861 §4.3).
pub(super) fn probe() -> FlowMatch {
    let from_nobody = address::v6_host(Ipv6Addr::UNSPECIFIED).on(address::nd(ND_SOLICIT), Field::Ipv6Src);
    from_nobody.with(Field::NdSll, 0)
}

/// What a site may say.
pub(super) fn admit(out: &mut Builder<'_>, sender: &Sender<'_, '_>) {
    let site = sender.site;
    let own = site.resolves.iter().map(|range| (*range, Hold::Owner));
    let own = own.chain(site.leases.iter().map(|range| (*range, Hold::Network)));
    let link_locals = site.link_locals;
    let alone = site.link_local.filter(|address| *address != link_locals);
    let own: Vec<_> = own.filter(|(range, _)| range.family == Family::V6).collect();
    for &(range, hold) in &own {
        let priority = above(range, hold);
        let got = hold == Hold::Network;
        let claims = |field| if got { sender.claiming(field) } else { sender.clone() };
        claims(Field::Ipv6Src).solicit(out, priority, range);
        let matches = sender.pin(range.on(probe(), Field::NdTarget));
        claims(Field::NdTarget).pass(out, priority, matches, &format!("ND probe for {range}"));
        // What is from one such address and about another has to be right in both.
        let speaks = got.then(|| mark(layout::mark_bit(layout::SPEAKS)));
        claims(Field::Ipv6Src).also(speaks).advertise(out, priority, range, range);
        claims(Field::NdTarget).advertise(out, priority, link_locals, range);
    }
    for range in alone.into_iter().chain([link_locals]) {
        let priority = above(range, Hold::Owner);
        let marked = &sender.marked(site.link_local == Some(range));
        marked.solicit(out, priority, range);
        let matches = sender.pin(range.on(probe(), Field::NdTarget));
        marked.pass(out, priority, matches, &format!("ND probe for {range}"));
        marked.advertise(out, priority, link_locals, range);
        for &(from, hold) in &own {
            // As high as all that comes from there, and the one address above the others.
            let priority = above(from, hold) + u16::from(alone == Some(range));
            let got = (hold == Hold::Network).then(|| marked.claiming(Field::Ipv6Src));
            got.as_ref().unwrap_or(marked).advertise(out, priority, from, range);
        }
    }
}

/// What is told of addresses that have an owner, by others who may use the prefix around them.
pub(super) fn owned(out: &mut Builder<'_>, all: &[(Range, &str)]) {
    for &(range, party) in all {
        let from_nobody = range.on(probe(), Field::NdTarget);
        for (matches, what) in [
            (range.on(address::nd(ND_SOLICIT), Field::Ipv6Src), "ND solicitation from"),
            (range.on(address::nd(ND_ADVERT), Field::Ipv6Src), "ND advertisement from"),
            (range.on(address::nd(ND_ADVERT), Field::NdTarget), "ND advertisement of"),
            (from_nobody, "ND probe for"),
        ] {
            let detail = format!("{what} {range}: owned by {party}");
            out.drop(ADMISSION, above(range, Hold::Owned), matches, KIND, Reason::Spoofed, detail);
        }
    }
}

/// What else comes in by a port. Where there is no IPv6 it is dropped by its source, as all that is: what all hosts say of
/// their link-local addresses is no attack.
pub(super) fn refuse(out: &mut Builder<'_>, site: &Site<'_>, port: PortNo) {
    if !site.ipv6_at_port {
        return;
    }
    for (kind, what) in [(ND_SOLICIT, "other ND solicitations"), (ND_ADVERT, "other ND advertisements")] {
        let detail = format!("{} at {}: {what}", site.party, site.port_name);
        out.drop(ADMISSION, layout::MULTICAST, at(port, address::nd(kind)), KIND, Reason::Spoofed, detail);
    }
}

impl Sender<'_, '_> {
    pub(super) fn solicit(&self, out: &mut Builder<'_>, priority: u16, from: Range) {
        let matches = from.on(address::nd(ND_SOLICIT), Field::Ipv6Src);
        self.bound(out, priority, matches, Field::NdSll, &format!("ND solicitation from {from}"));
    }

    pub(super) fn advertise(&self, out: &mut Builder<'_>, priority: u16, from: Range, about: Range) {
        let matches = about.on(from.on(address::nd(ND_ADVERT), Field::Ipv6Src), Field::NdTarget);
        let source = if from == about { String::new() } else { format!(" from {from}") };
        self.bound(out, priority, matches, Field::NdTll, &format!("ND advertisement of {about}{source}"));
    }

    /// Passes what tells the sender's own MAC, or none.
    pub(super) fn bound(
        &self,
        out: &mut Builder<'_>,
        priority: u16,
        matches: FlowMatch,
        told: Field,
        what: &str,
    ) {
        let matches = self.pin(matches);
        match self.mac {
            None => self.pass(out, priority, matches, what),
            Some(mac) => {
                self.pass(out, priority, matches.clone().with(told, mac_bits(mac)), what);
                self.pass(out, priority, matches.with(told, 0), &format!("{what}, without a MAC"));
            }
        }
    }
}

/// Who is found by a link-local address.
pub(super) fn destination(out: &mut Builder<'_>, network: &Network, found: &[(&Site<'_>, Vec<Action>)]) {
    let mut seen = HashSet::new();
    // The first who asks for an address has it.
    let mut flow = |priority, matches: FlowMatch, actions: &[Action], what: String| {
        let matches = matches.with(layout::NETWORK, network.number.into());
        if !seen.insert(matches.clone()) {
            return;
        }
        let detail = format!("{what}, within {}", network.name);
        let asked = Asked::new(OriginKind::Destination, OriginKind::Destination.label(), detail);
        out.flow(DESTINATION, priority, matches, vec![Instruction::ApplyActions(actions.to_vec())], asked);
    };
    let above = |range: Range, hold| layout::RESOLUTION + by_prefix(range.length(), hold);
    let ways = |range: Range| {
        [
            (range.on(address::nd(ND_SOLICIT), Field::NdTarget), "ND solicitation for"),
            (range.on(address::nd(ND_ADVERT), Field::Ipv6Dst), "ND advertisement to"),
        ]
    };
    let all = address::link_local();
    let neighbours = [load(layout::OUT_PORT, layout::NEIGHBOURS.into())];
    for (matches, what) in ways(all) {
        flow(above(all, Hold::Owned), matches, &neighbours, format!("{what} {all}: all neighbours"));
    }
    let nodes = address::all_nodes();
    let matches = nodes.on(address::nd(ND_ADVERT), Field::Ipv6Dst);
    flow(
        above(nodes, Hold::Owned),
        matches,
        &neighbours,
        format!("ND advertisement to {nodes}: all neighbours"),
    );
    for (site, actions) in found.iter().filter(|(_, actions)| !actions.is_empty()) {
        let whose = format!("{} at {}", site.party, site.port_name);
        for (address, (matches, what)) in site.link_local.iter().flat_map(|a| ways(*a).map(|way| (*a, way))) {
            let priority = layout::RESOLUTION + by_prefix(128, Hold::Owner);
            flow(priority, matches, actions, format!("{what} {address}: {whose}"));
        }
        if let Some(mac) = site.mac {
            for (matches, what) in ways(all) {
                let matches = matches.with(Field::EthDst, mac_bits(mac));
                flow(above(all, Hold::Owner), matches, actions, format!("{what} {all} by its MAC: {whose}"));
            }
        }
    }
}

/// Whoever speaks of a link-local address that is another's.
pub(super) fn impostors(out: &mut Builder<'_>, sites: &Sites<'_>) {
    let mut seen = HashSet::new();
    let shares = sites.all.iter().any(|site| !site.shared.is_empty());
    for site in sites.all.iter().filter(|site| sites.resolves(site, Family::V6)) {
        let Some(address) = site.link_local.filter(|address| seen.insert(*address)) else { continue };
        let router_solicit = Family::V6
            .matches()
            .with(Field::IpProto, address::IPPROTO_ICMPV6.into())
            .with(Field::Icmpv6Type, address::ROUTER_SOLICIT.into());
        let vrrp = address.on(vrrp::advertisements(Family::V6), Field::Ipv6Src);
        for (matches, what) in [
            (address.on(address::nd(ND_SOLICIT), Field::Ipv6Src), "ND solicitation from"),
            (address.on(probe(), Field::NdTarget), "ND probe for"),
            (address.on(address::nd(ND_ADVERT), Field::NdTarget), "ND advertisement of"),
            (address.on(router_solicit, Field::Ipv6Src), "router solicitation from"),
        ]
        .into_iter()
        .chain(shares.then_some((vrrp, "VRRP from")))
        {
            let not_own = 1 << layout::OWN_LINK_LOCAL;
            let matches =
                matches.with_masked(MARKS, 0, not_own).with(layout::NETWORK, sites.network.number.into());
            let detail = format!("{what} {address} on {}: owned by {}", sites.network.name, site.party);
            out.drop(POLICY, layout::IMPOSTOR, matches, OriginKind::Deny, Reason::Spoofed, detail);
        }
    }
}
