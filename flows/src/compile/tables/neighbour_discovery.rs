//! Neighbour discovery (RFC 4861, RFC 4862): the addresses that a sender may use, and the
//! receivers.
//!
//! - The source of a solicitation is an address of the sender, or a link-local one; an
//!   advertisement is about one. With a pinned MAC it tells that MAC or none.
//! - A link-local address that the file gives, or that follows from a pinned MAC (RFC 4291 appendix
//!   A), belongs to its owner alone. Any other has no owner: of two parties that a rule joins to a
//!   third, one may advertise the other's address. That spoils only the third's neighbour cache;
//!   packets still follow their addresses.
//! - Duplicate address detection, without a source, is about an address that the sender may have.
//! - An obtained address must belong to the sender's port, or the message obtains it
//!   ([`claims`](crate::compile::tables::claims)).
//! - Packets for an address of the file go to its owner. Packets for a link-local address go to its
//!   owner, or by the frame's destination MAC, or like multicast to all parties that a rule joins
//!   to the sender.

use std::collections::HashSet;
use std::net::Ipv6Addr;

use flow_model::FlowMatch;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{MacAddr, PortNo, icmpv6, ip_protocol};

use crate::compile::input::attachment_point::{AttachmentPoint, AttachmentPoints};
use crate::compile::output::program::{FlowSpec, ProgramBuilder, load, mark};
use crate::compile::tables::sender::{AdmittedSender, at};
use crate::compile::tables::vrrp;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{
    AddressUse, AdmittedPackets, FlowIdentity, LinkLayerOption, ResolutionPackets,
};
use crate::compile::vocabulary::layout::{ADMISSION, DESTINATION, HoldRank, MARKS, POLICY, by_prefix};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::{address, layout};
use crate::network::Network;

/// Returns a priority above every claim by address. Neighbour discovery must also be *about* an
/// address of the sender, or it redirects its neighbours' traffic.
pub(in crate::compile) fn above(range: AddressRange, hold: HoldRank) -> u16 {
    layout::MULTICAST + by_prefix(range.length(), hold)
}

/// Matches duplicate address detection; it tells no MAC (RFC 4861 §4.3).
pub(in crate::compile) fn probe() -> FlowMatch {
    let from_nobody = address::v6_host(Ipv6Addr::UNSPECIFIED)
        .on(address::nd(icmpv6::NEIGHBOUR_SOLICITATION), Field::Ipv6Src);
    from_nobody.with(Field::NdSll, 0)
}

/// Admits the messages that an attachment point may send.
pub(in crate::compile) fn admit(out: &mut ProgramBuilder<'_>, sender: &AdmittedSender<'_, '_>) {
    let site = sender.site;
    let own = site.resolves.iter().map(|range| (*range, HoldRank::Owner));
    let own = own.chain(site.leases.iter().map(|range| (*range, HoldRank::Network)));
    let link_locals = site.link_locals;
    let alone = site.link_local.filter(|address| *address != link_locals);
    let own: Vec<_> = own.filter(|(range, _)| range.family == AddressFamily::V6).collect();
    for &(range, hold) in &own {
        let priority = above(range, hold);
        let got = hold == HoldRank::Network;
        let claims = |field| if got { sender.claiming(field) } else { sender.clone() };
        claims(Field::Ipv6Src).solicit(out, priority, range);
        let matches = sender.pin(range.on(probe(), Field::NdTarget));
        let packets = AdmittedPackets::NdProbe { target: range };
        claims(Field::NdTarget).pass(out, priority, matches, packets, &format!("ND probe for {range}"));
        // A message from one such address and about another must pass the check of both.
        let speaks = got.then(|| mark(layout::mark_bit(layout::SPEAKS)));
        claims(Field::Ipv6Src).also(speaks).advertise(out, priority, range, range);
        claims(Field::NdTarget).advertise(out, priority, link_locals, range);
    }
    for range in alone.into_iter().chain([link_locals]) {
        let priority = above(range, HoldRank::Owner);
        let marked = &sender.marked(site.link_local == Some(range));
        marked.solicit(out, priority, range);
        let matches = sender.pin(range.on(probe(), Field::NdTarget));
        let packets = AdmittedPackets::NdProbe { target: range };
        marked.pass(out, priority, matches, packets, &format!("ND probe for {range}"));
        marked.advertise(out, priority, link_locals, range);
        for &(from, hold) in &own {
            // The priority of all packets from the range, with the single address above the others.
            let priority = above(from, hold) + u16::from(alone == Some(range));
            let got = (hold == HoldRank::Network).then(|| marked.claiming(Field::Ipv6Src));
            got.as_ref().unwrap_or(marked).advertise(out, priority, from, range);
        }
    }
}

/// Drops messages about owned addresses from others that may use the prefix around them.
pub(in crate::compile) fn owned(out: &mut ProgramBuilder<'_>, all: &[(AddressRange, &str)]) {
    for &(range, party) in all {
        let from_nobody = range.on(probe(), Field::NdTarget);
        let (solicit, advert) =
            (address::nd(icmpv6::NEIGHBOUR_SOLICITATION), address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT));
        for (packets, matches, what) in [
            (AddressUse::NdSolicitationSource, range.on(solicit, Field::Ipv6Src), "ND solicitation from"),
            (
                AddressUse::NdAdvertisementSource,
                range.on(advert.clone(), Field::Ipv6Src),
                "ND advertisement from",
            ),
            (AddressUse::NdAdvertisementTarget, range.on(advert, Field::NdTarget), "ND advertisement of"),
            (AddressUse::NdProbeTarget, from_nobody, "ND probe for"),
        ] {
            let detail = format!("{what} {range}: owned by {party}");
            let (identity, reason) = (FlowIdentity::OwnedAddress { packets, range }, Reason::Spoofed);
            out.drop(ADMISSION, above(range, HoldRank::Owned), matches, identity, reason, detail);
        }
    }
}

/// Drops the remaining messages of a port. Without IPv6 they are dropped by their source like all
/// IPv6: hosts' chatter about link-local addresses is no attack.
pub(in crate::compile) fn refuse(out: &mut ProgramBuilder<'_>, site: &AttachmentPoint<'_>, port: PortNo) {
    if !site.ipv6_at_port {
        return;
    }
    for (kind, packets, what) in [
        (icmpv6::NEIGHBOUR_SOLICITATION, ResolutionPackets::NdSolicitation, "other ND solicitations"),
        (icmpv6::NEIGHBOUR_ADVERTISEMENT, ResolutionPackets::NdAdvertisement, "other ND advertisements"),
    ] {
        let detail = format!("{} at {}: {what}", site.party, site.port_name);
        let identity = FlowIdentity::PortRestOfDiscovery { port: site.port_name, packets };
        let matches = at(port, address::nd(kind));
        out.drop(ADMISSION, layout::MULTICAST, matches, identity, Reason::Spoofed, detail);
    }
}

impl AdmittedSender<'_, '_> {
    pub(in crate::compile) fn solicit(
        &self,
        out: &mut ProgramBuilder<'_>,
        priority: u16,
        from: AddressRange,
    ) {
        let matches = from.on(address::nd(icmpv6::NEIGHBOUR_SOLICITATION), Field::Ipv6Src);
        let packets = AdmittedPackets::NdSolicitation { source: from, link_layer: LinkLayerOption::Present };
        self.bound(out, priority, matches, packets, &format!("ND solicitation from {from}"));
    }

    pub(in crate::compile) fn advertise(
        &self,
        out: &mut ProgramBuilder<'_>,
        priority: u16,
        from: AddressRange,
        about: AddressRange,
    ) {
        let matches =
            about.on(from.on(address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT), Field::Ipv6Src), Field::NdTarget);
        let source = if from == about { String::new() } else { format!(" from {from}") };
        let link_layer = LinkLayerOption::Present;
        let packets = AdmittedPackets::NdAdvertisement { source: from, target: about, link_layer };
        self.bound(out, priority, matches, packets, &format!("ND advertisement of {about}{source}"));
    }

    /// Passes messages that tell the sender's own MAC, or none.
    pub(in crate::compile) fn bound(
        &self,
        out: &mut ProgramBuilder<'_>,
        priority: u16,
        matches: FlowMatch,
        packets: AdmittedPackets,
        what: &str,
    ) {
        let matches = self.pin(matches);
        let told = match packets {
            AdmittedPackets::NdSolicitation { .. } => Field::NdSll,
            _ => Field::NdTll,
        };
        match self.mac {
            None => self.pass(out, priority, matches, packets, what),
            Some(mac) => {
                self.pass(out, priority, matches.clone().with(told, MacAddr(mac).bits()), packets, what);
                let (packets, what) = (packets.without_link_layer(), format!("{what}, without a MAC"));
                self.pass(out, priority, matches.with(told, 0), packets, &what);
            }
        }
    }
}

/// Neighbour discovery that looks up a range of addresses.
struct SoughtRange {
    packets: AddressUse,
    range: AddressRange,
    matches: FlowMatch,
    /// A description in words.
    what: &'static str,
}

fn solicited(range: AddressRange) -> SoughtRange {
    let matches = range.on(address::nd(icmpv6::NEIGHBOUR_SOLICITATION), Field::NdTarget);
    SoughtRange { packets: AddressUse::NdSolicitationTarget, range, matches, what: "ND solicitation for" }
}

fn advertised(range: AddressRange) -> SoughtRange {
    let matches = range.on(address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT), Field::Ipv6Dst);
    SoughtRange {
        packets: AddressUse::NdAdvertisementDestination,
        range,
        matches,
        what: "ND advertisement to",
    }
}

/// Finds the receivers by link-local address.
pub(in crate::compile) fn destination(
    out: &mut ProgramBuilder<'_>,
    network: &Network,
    found: &[(&AttachmentPoint<'_>, Vec<Action>)],
) {
    let mut seen = HashSet::new();
    // The first claim of an address wins.
    let mut flow = |hold, way: SoughtRange, mac: Option<[u8; 6]>, actions: &[Action], whose: &str| {
        let SoughtRange { packets, range, matches, what } = way;
        let matches = matches.with(layout::NETWORK, network.number.into());
        let matches = mac.map_or(matches.clone(), |mac| matches.with(Field::EthDst, MacAddr(mac).bits()));
        if !seen.insert(matches.clone()) {
            return;
        }
        let by = if mac.is_some() { " by its MAC" } else { "" };
        let detail = format!("{what} {range}{by}: {whose}, within {}", network.name);
        let identity = FlowIdentity::LinkLocal { network: &network.name, packets, range, mac };
        let asked = FlowSpec::new(identity, detail);
        let priority = layout::RESOLUTION + by_prefix(range.length(), hold);
        out.flow(DESTINATION, priority, matches, vec![Instruction::ApplyActions(actions.to_vec())], asked);
    };
    let all = address::link_local();
    let neighbours = [load(layout::OUT_PORT, layout::NEIGHBOURS.into())];
    for way in [solicited(all), advertised(all), advertised(address::all_nodes())] {
        flow(HoldRank::Owned, way, None, &neighbours, "all neighbours");
    }
    for (site, actions) in found.iter().filter(|(_, actions)| !actions.is_empty()) {
        let whose = format!("{} at {}", site.party, site.port_name);
        for &address in site.link_local.iter() {
            for way in [solicited(address), advertised(address)] {
                flow(HoldRank::Owner, way, None, actions, &whose);
            }
        }
        if let Some(mac) = site.mac {
            for way in [solicited(all), advertised(all)] {
                flow(HoldRank::Owner, way, Some(mac), actions, &whose);
            }
        }
    }
}

/// Drops messages about another party's link-local address.
pub(in crate::compile) fn impostors(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>) {
    let mut seen = HashSet::new();
    let shares = sites.all.iter().any(|site| !site.shared.is_empty());
    for site in sites.all.iter().filter(|site| sites.resolves(site, AddressFamily::V6)) {
        let Some(address) = site.link_local.filter(|address| seen.insert(*address)) else { continue };
        let router_solicit = AddressFamily::V6
            .matches()
            .with(Field::IpProto, ip_protocol::ICMPV6.into())
            .with(Field::Icmpv6Type, icmpv6::ROUTER_SOLICITATION.into());
        let vrrp = address.on(vrrp::advertisements(AddressFamily::V6), Field::Ipv6Src);
        let solicit = address.on(address::nd(icmpv6::NEIGHBOUR_SOLICITATION), Field::Ipv6Src);
        let advert = address.on(address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT), Field::NdTarget);
        let router_solicit = address.on(router_solicit, Field::Ipv6Src);
        for (packets, matches, what) in [
            (AddressUse::NdSolicitationSource, solicit, "ND solicitation from"),
            (AddressUse::NdProbeTarget, address.on(probe(), Field::NdTarget), "ND probe for"),
            (AddressUse::NdAdvertisementTarget, advert, "ND advertisement of"),
            (AddressUse::RouterSolicitationSource, router_solicit, "router solicitation from"),
        ]
        .into_iter()
        .chain(shares.then_some((AddressUse::VrrpSource, vrrp, "VRRP from")))
        {
            let not_own = 1 << layout::OWN_LINK_LOCAL;
            let matches =
                matches.with_masked(MARKS, 0, not_own).with(layout::NETWORK, sites.network.number.into());
            let detail = format!("{what} {address} on {}: owned by {}", sites.network.name, site.party);
            let identity = FlowIdentity::Impostor { network: &sites.network.name, packets, address };
            out.drop(POLICY, layout::IMPOSTOR, matches, identity, Reason::Spoofed, detail);
        }
    }
}
