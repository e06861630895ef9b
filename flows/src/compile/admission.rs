//! Table 0: which port, and is it who it says.

use std::rc::Rc;

use flow_model::FlowMatch;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};

use super::address::{self, AddressFamily, AddressRange};
use super::attachment_point::{AttachmentKind, AttachmentPoint, AttachmentPoints};
use super::identity::{AddressClaim, AddressUse, AdmittedPackets, Attachment, FlowIdentity, RogueMessage};
use super::layout::{self, ADMISSION, CLAIMS, HoldRank, LEASES, by_prefix};
use super::origin::Reason;
use super::program::{FlowSpec, ProgramBuilder, apply_and_goto, load, mark, resubmit};
use super::router_discovery::{self, AdvertisementReceivers};
use super::rule_parties::PartySets;
use super::scope::{OwnedPrefix, Scope, Scopes};
use super::{claims, neighbour_discovery, shared};
use crate::network::Network;

/// What the senders of a network may say of themselves.
///
/// The claims on senders' addresses are told apart by the length of the prefix: who owns the longest one may
/// use it, and nobody else may (`Owned` is weaker than the owner's own claim).
pub(super) fn compile(
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

/// What holds for all networks.
pub(super) fn common(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    guards(out);
    shared::guards(out, scopes);
    owned(out, &scopes.owned);
    let detail = "any port that the file does not name";
    let identity = FlowIdentity::TableMiss { table: ADMISSION };
    out.drop(ADMISSION, layout::DEFAULT, FlowMatch::any(), identity, Reason::UnknownPort, detail);
}

/// What no port may send, whoever is there.
fn guards(out: &mut ProgramBuilder<'_>) {
    tagged(out);
    let icmp = AddressFamily::V4.matches().with(Field::IpProto, address::IPPROTO_ICMP.into());
    let icmp6 = AddressFamily::V6.matches().with(Field::IpProto, address::IPPROTO_ICMPV6.into());
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

/// Frames with a VLAN tag.
pub(super) fn tagged(out: &mut ProgramBuilder<'_>) {
    let matches = FlowMatch::any().with_masked(Field::VlanVid, 0x1000, 0x1000);
    let (identity, reason) = (FlowIdentity::TaggedFrames, Reason::Tagged);
    out.drop(ADMISSION, layout::TAGGED, matches, identity, reason, "tagged frames");
}

/// Addresses that have an owner: dropped wherever the owner's own claim does not win.
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

/// What later tables know about a sender.
pub(super) fn loads(sites: &AttachmentPoints<'_>, site: &AttachmentPoint<'_>, sets: &[u16]) -> Vec<Action> {
    let mut loads = vec![load(layout::NETWORK, sites.network.number.into())];
    if site.kind == AttachmentKind::Endpoint {
        loads.push(mark(layout::mark_bit(layout::FROM_MEMBER)));
    }
    loads.extend(sets.iter().map(|set| mark(layout::from_set(*set))));
    loads
}

/// Somebody at a port.
#[derive(Clone)]
pub(super) struct AdmittedSender<'s, 'a> {
    network: &'s Network,
    pub(super) site: &'s AttachmentPoint<'a>,
    port: PortNo,
    /// The MAC that its frames have, where it is known.
    pub(super) mac: Option<[u8; 6]>,
    loads: Vec<Action>,
    /// Where its packets go on.
    table: TableId,
    /// What each of its packets teaches.
    teaches: Option<LearnAction>,
    /// The virtual router's MAC that its frames have, and how they come by it, in words.
    virtual_mac: Option<([u8; 6], String)>,
}

/// Makes what a flow with some cookie teaches.
type LearnAction = Rc<dyn Fn(Cookie) -> Action>;

impl<'a> AdmittedSender<'a, 'a> {
    pub(super) fn new(
        sites: &AttachmentPoints<'a>,
        site: &'a AttachmentPoint<'a>,
        port: PortNo,
        loads: Vec<Action>,
    ) -> Self {
        let (network, mac, table) = (sites.network, site.mac, layout::RETURNS);
        Self { network, site, port, mac, loads, table, teaches: None, virtual_mac: None }
    }
}

impl AdmittedSender<'_, '_> {
    /// Returns the same with a virtual router's MAC.
    pub(super) fn with_virtual_mac(&self, mac: [u8; 6], how: &str) -> Self {
        let mut this = self.clone();
        (this.mac, this.virtual_mac) = (Some(mac), Some((mac, how.to_owned())));
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
        // Whoever is to have an address asks first whether somebody has it (RFC 5227 §2.1.1).
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

    /// Frames of a network with a VLAN lose their tag and come in again: with the network's number in the register,
    /// which what came in without a tag lacks.
    fn untag(&self, out: &mut ProgramBuilder<'_>) {
        let Some(vlan) = self.network.vlan else { return };
        // Once: a second tag below is another network's, or nobody's.
        let matches = at(self.port, FlowMatch::any()).with(layout::NETWORK, 0);
        let matches = matches.with(Field::VlanVid, u128::from(vlan) | 0x1000);
        let number = load(layout::NETWORK, self.network.number.into());
        let actions = vec![Instruction::ApplyActions(vec![Action::PopVlan, number, resubmit(ADMISSION)])];
        let detail = format!("{} at {}: VLAN {vlan}", self.site.party, self.site.port_name);
        let asked = FlowSpec::new(FlowIdentity::Untag { at: self.attachment() }, detail).of(self.site.party);
        out.flow(ADMISSION, layout::UNTAG, matches, actions, asked);
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

    fn attachment(&self) -> Attachment<'_> {
        Attachment { network: &self.network.name, party: self.site.party, port: self.site.port_name }
    }

    /// Admits, with what later tables need to know.
    pub(super) fn pass(
        &self,
        out: &mut ProgramBuilder<'_>,
        priority: u16,
        matches: FlowMatch,
        packets: AdmittedPackets,
        what: &str,
    ) {
        let Self { site, virtual_mac, .. } = self;
        let (virtual_mac, how) = virtual_mac.as_ref().map_or((None, ""), |(mac, how)| (Some(*mac), how));
        let detail = format!("{} at {}: {what}{how}", site.party, site.port_name);
        let identity = FlowIdentity::Admitted { at: self.attachment(), virtual_mac, packets };
        let asked = FlowSpec::new(identity, detail).of(site.party);
        let mut actions = self.loads.clone();
        actions.extend(self.teaches.iter().map(|teaches| teaches(out.cookie(&asked))));
        out.flow(ADMISSION, priority, matches, apply_and_goto(actions, self.table), asked);
    }
}

/// Adds the port of arrival.
pub(super) fn at(port: PortNo, matches: FlowMatch) -> FlowMatch {
    matches.with(Field::InPortOxm, port.0.into())
}

pub(super) fn mac_bits(mac: [u8; 6]) -> u128 {
    mac.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}
