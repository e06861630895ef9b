//! Table 0: the check of the ingress port and of the sender's identity.

use flow_model::FlowMatch;
use ofproto::ip_protocol;
use ofproto::oxm::Field;

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoints};
use crate::compile::input::rule_parties::PartySets;
use crate::compile::input::scope::{OwnedPrefix, Scope, Scopes};
use crate::compile::output::program::ProgramBuilder;
use crate::compile::tables::router_discovery::AdvertisementReceivers;
use crate::compile::tables::sender::{AdmittedSender, at, loads, tagged};
use crate::compile::tables::{neighbour_discovery, router_discovery, shared};
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{
    AddressClaim, AddressUse, AdmittedPackets, FlowIdentity, RogueMessage,
};
use crate::compile::vocabulary::layout::{ADMISSION, HoldRank, LEASES, by_prefix};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::{address, layout};

/// Admits the packets that senders of a network may send.
///
/// Claims on source addresses are ordered by prefix length. The owner of the longest prefix may use
/// it, and no other party may (`Owned` is weaker than the owner's own claim).
pub(in crate::compile) fn compile(
    out: &mut ProgramBuilder<'_>,
    scope: &Scope<'_>,
    sites: &AttachmentPoints<'_>,
    sets: &PartySets<'_>,
) {
    owned(out, &scope.owned);
    neighbour_discovery::owned(out, &scope.discovered);
    let hearers = AdvertisementReceivers::of(sites);
    for (place, site) in sites.all.iter().enumerate() {
        let Some(port) = site.port else { continue };
        let sender = AdmittedSender::new(sites, site, port, loads(sites, site, sets.of_site(place)));
        sender.admit(out);
        shared::admit(out, sites, &sender);
        if sites.resolves(site, AddressFamily::V6) {
            neighbour_discovery::admit(out, &sender);
            router_discovery::admit(out, &sender, hearers);
        }
    }
    for site in sites.all.iter().filter(|site| site.first_at_port) {
        let Some(port) = site.port else { continue };
        neighbour_discovery::refuse(out, site, port);
        let detail = format!("{} at {}: anything else", site.party, site.port_name);
        let (identity, reason) = (FlowIdentity::PortRest { port: site.port_name }, Reason::Spoofed);
        out.drop(ADMISSION, layout::PORT_DEFAULT, at(port, FlowMatch::any()), identity, reason, detail);
    }
}

impl AdmittedSender<'_, '_> {
    fn admit(&self, out: &mut ProgramBuilder<'_>) {
        let site = self.site;
        self.untag(out);
        let here = |range: AddressRange, hold| by_prefix(range.length(), hold);
        for &range in &site.prefixes {
            let matches = self.pin(range.on(range.family.matches(), range.family.src()));
            let packets = AdmittedPackets::Ip { claim: AddressClaim::Own, source: range };
            self.pass(out, here(range, HoldRank::Owner), matches, packets, &format!("from {range}"));
        }
        for &range in &site.leases {
            let matches = self.pin(range.on(range.family.matches(), range.family.src()));
            let claimant = self.claiming(Field::Ipv6Src);
            let packets = AdmittedPackets::Ip { claim: AddressClaim::Obtained, source: range };
            let what = format!("from an address in {range}");
            claimant.pass(out, here(range, HoldRank::Network), matches, packets, &what);
        }
        if site.kind == AttachmentKind::Exit {
            for range in AddressFamily::BOTH.map(AddressRange::all) {
                let matches = self.pin(range.family.matches());
                let packets = AdmittedPackets::Ip { claim: AddressClaim::Own, source: range };
                self.pass(out, here(range, HoldRank::Owner), matches, packets, &format!("from {range}"));
            }
        }
        let arp = |range: AddressRange| range.on(address::arp(), Field::ArpSpa);
        // A host probes for other users of an address before it takes the address (RFC 5227
        // §2.1.1).
        let probe = || address::arp().with(Field::ArpSpa, 0).with(Field::ArpOp, 1);
        for &range in site.resolves.iter().filter(|range| range.family == AddressFamily::V4) {
            let (claim, matches) = (AddressClaim::Own, self.pin_arp(arp(range)));
            let packets = AdmittedPackets::Arp { claim, source: range };
            self.pass(out, here(range, HoldRank::Owner), matches, packets, &format!("ARP from {range}"));
            if site.kind != AttachmentKind::Link {
                let probe = self.pin_arp(range.on(probe(), Field::ArpTpa));
                let packets = AdmittedPackets::ArpProbe { claim, target: range };
                let what = format!("ARP probes for {range}");
                self.pass(out, by_prefix(32, HoldRank::Owner), probe, packets, &what);
            }
        }
        for &range in &site.dhcp {
            let priority = here(range, HoldRank::Network);
            let matches = self.pin(range.on(range.family.matches(), range.family.src()));
            let (claim, leased) = (AddressClaim::Leased, self.by_way_of([], LEASES));
            let packets = AdmittedPackets::Ip { claim, source: range };
            leased.pass(out, priority, matches, packets, &format!("from its lease in {range}"));
            let packets = AdmittedPackets::Arp { claim, source: range };
            let what = format!("ARP from its lease in {range}");
            leased.pass(out, priority, self.pin_arp(arp(range)), packets, &what);
            let packets = AdmittedPackets::ArpProbeBeforeLease;
            self.pass(out, by_prefix(32, HoldRank::Owner), self.pin_arp(probe()), packets, "ARP probes");
        }
    }
}

/// Compiles the flows that all networks share.
pub(in crate::compile) fn common(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    guards(out);
    shared::guards(out, scopes);
    owned(out, &scopes.owned);
    let detail = "any port that the file does not name";
    let identity = FlowIdentity::TableMiss { table: ADMISSION };
    out.drop(ADMISSION, layout::DEFAULT, FlowMatch::any(), identity, Reason::UnknownPort, detail);
}

/// Drops packets that no port may send, whichever party is there.
fn guards(out: &mut ProgramBuilder<'_>) {
    tagged(out);
    let icmp = AddressFamily::V4.matches().with(Field::IpProto, ip_protocol::ICMP.into());
    let icmp6 = AddressFamily::V6.matches().with(Field::IpProto, ip_protocol::ICMPV6.into());
    let (icmp, icmp6) = (
        |kind: u8| icmp.clone().with(Field::Icmpv4Type, kind.into()),
        |kind: u8| icmp6.clone().with(Field::Icmpv6Type, kind.into()),
    );
    for (message, what, matches) in [
        (RogueMessage::DhcpAnswer, "DHCP answers", address::dhcp_answer(AddressFamily::V4)),
        (RogueMessage::Dhcpv6Answer, "DHCPv6 answers", address::dhcp_answer(AddressFamily::V6)),
        (RogueMessage::IcmpRedirect, "ICMP redirects", icmp(5)),
        (RogueMessage::IcmpRouterAdvertisement, "ICMP router advertisements", icmp(9)),
        (RogueMessage::IcmpRouterSolicitation, "ICMP router solicitations", icmp(10)),
        (RogueMessage::RouterAdvertisement, "router advertisements", icmp6(134)),
        (RogueMessage::Icmpv6Redirect, "ICMPv6 redirects", icmp6(137)),
    ] {
        out.drop(ADMISSION, layout::ROGUE, matches, FlowIdentity::Rogue { message }, Reason::Rogue, what);
    }
}

/// Drops packets from owned addresses wherever the owner's own claim does not win.
fn owned(out: &mut ProgramBuilder<'_>, all: &[OwnedPrefix<'_>]) {
    for &OwnedPrefix { range, reason, whose } in all {
        let priority = by_prefix(range.length(), HoldRank::Owned);
        let matches = range.on(range.family.matches(), range.family.src());
        let identity = |packets| FlowIdentity::OwnedAddress { packets, range };
        let ip = identity(AddressUse::IpSource);
        out.drop(ADMISSION, priority, matches, ip, reason, format!("from {range}: {whose}"));
        if range.family == AddressFamily::V4 {
            let matches = range.on(address::arp(), Field::ArpSpa);
            let arp = identity(AddressUse::ArpSource);
            out.drop(ADMISSION, priority, matches, arp, reason, format!("ARP from {range}: {whose}"));
        }
    }
}
