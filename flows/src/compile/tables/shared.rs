//! Addresses that several endpoints may hold, one at a time: virtual routers (RFC 5798), CARP, and
//! other protocols that announce a takeover.
//!
//! The holder is the endpoint that announced the address last, at a port of an endpoint that the
//! file names. It announces by gratuitous ARP (RFC 5227 §3) or by an unsolicited neighbour
//! advertisement (RFC 4861 §7.2.6). The switch itself learns one flow for each address in
//! [`SHARED`], so a takeover needs no controller. Nothing else moves an address: packets from it by
//! another holder are dropped.
//!
//! Until the first announcement after a switch start, the first user of the address holds it.
//! Before that, packets for it go to all possible holders, if one rule allows that for each of
//! them. The frame's MAC then identifies the holder.
//!
//! If only one possible holder is at a port of the bridge, the address is at that port.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::{Flow, FlowMatch};
use ofproto::action::{Action, LEARN_DELETE_LEARNED, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, MacAddr, PortNo, TableId, icmpv6};

use crate::compile::input::attachment_point::{AttachmentPoint, AttachmentPoints, PointsSharingAddress};
use crate::compile::input::rule_parties::PartySets;
use crate::compile::input::scope::Scopes;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, load, mark, resubmit};
use crate::compile::tables::lease;
use crate::compile::tables::neighbour_discovery::{above, probe};
use crate::compile::tables::returns::{back_to_port, constant};
use crate::compile::tables::sender::{AdmittedSender, at};
use crate::compile::tables::wire::emit;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{
    AddressClaim, AdmittedPackets, FlowIdentity, HolderSource, LinkLayerOption,
};
use crate::compile::vocabulary::layout::{
    ADMISSION, DESTINATION, FOLLOWING, FORWARDING, HELD, HoldRank, LEASES, MARKS, OUT_PORT, OWNERS,
    RETURN_PRIORITY, RETURNS, SHARED, by_prefix,
};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::{address, layout};

impl PointsSharingAddress {
    /// Returns the MACs of its virtual router (RFC 5798 §7.3). CARP uses the IPv4 one for both
    /// families.
    pub(in crate::compile) fn virtual_macs(self) -> Vec<[u8; 6]> {
        let Some(vrid) = self.vrid else { return Vec::new() };
        let families: &[u8] = match self.range.family {
            AddressFamily::V4 => &[1],
            AddressFamily::V6 => &[2, 1],
        };
        families.iter().map(|family| [0x00, 0x00, 0x5e, 0x00, *family, vrid]).collect()
    }
}

/// Returns the addresses of a family that some of these places may hold and others may take over.
pub(in crate::compile) fn held_by(
    sites: &AttachmentPoints<'_>,
    places: &[usize],
    family: AddressFamily,
) -> Vec<AddressRange> {
    let held = |range: &AddressRange| {
        range.family == family
            && matches!(place(sites, *range), Some(AddressLocation::Held(_)))
            && sites.holders(*range).iter().any(|place| places.contains(place))
    };
    ranges(sites).into_iter().filter(held).collect()
}

/// The way in which a bridge finds an address.
#[derive(Debug, Clone, Copy)]
enum AddressLocation {
    /// At the port of the only possible holder.
    At(u32),
    /// At the holder's port; the value stands for it while no holder is known.
    Held(u32),
}

fn place(sites: &AttachmentPoints<'_>, range: AddressRange) -> Option<AddressLocation> {
    match sites.holders(range).as_slice() {
        [] => None,
        [only] => sites.at(*only)?.port.and_then(layout::port_value).map(AddressLocation::At),
        _ => sites.unheld(range).map(AddressLocation::Held),
    }
}

/// Admits a holder's packets: from the address, and about it.
pub(in crate::compile) fn admit(
    out: &mut ProgramBuilder<'_>,
    sites: &AttachmentPoints<'_>,
    sender: &AdmittedSender<'_, '_>,
) {
    for shared in &sender.site.shared {
        let Some(place) = place(sites, shared.range) else { continue };
        let holder = SharedHolder { number: sites.network.number, range: shared.range, place, sender };
        holder.admit(out);
        // Without a pinned MAC, any passes.
        let pinned = sender.site.mac.iter().flat_map(|_| shared.virtual_macs());
        for mac in pinned {
            let [.., family, _] = mac;
            let sender = &sender.with_virtual_mac(mac, &format!(", by virtual MAC {family}"));
            SharedHolder { sender, ..holder }.admit(out);
        }
    }
}

/// A possible holder of an address, with one of its MACs.
#[derive(Clone, Copy)]
struct SharedHolder<'h, 's, 'a> {
    /// The network's number.
    number: u16,
    range: AddressRange,
    place: AddressLocation,
    sender: &'h AdmittedSender<'s, 'a>,
}

impl SharedHolder<'_, '_, '_> {
    fn admit(&self, out: &mut ProgramBuilder<'_>) {
        let Self { number, range, .. } = *self;
        let (user, announcer) = match self.place {
            AddressLocation::At(_) => (self.sender.clone(), self.sender.clone()),
            AddressLocation::Held(value) => (
                self.sender.by_way_of([load(OUT_PORT, value.into()), resubmit(SHARED)], LEASES),
                self.sender.teaching(move |cookie| hold(number, value, cookie)),
            ),
        };
        let here = by_prefix(range.length(), HoldRank::Owner);
        let matches = range.on(range.family.matches(), range.family.src());
        let (claim, pinned) = (AddressClaim::Shared, self.sender.pin(matches));
        let packets = AdmittedPackets::Ip { claim, source: range };
        user.pass(out, here, pinned, packets, &format!("from {range}, which it shares"));
        if range.family == AddressFamily::V4 {
            let arp = || range.on(address::arp(), Field::ArpSpa);
            let packets = AdmittedPackets::Arp { claim, source: range };
            let what = format!("ARP from {range}, which it shares");
            user.pass(out, here, user.pin_arp(arp()), packets, &what);
            // Gratuitous ARP, a request or a reply.
            let announces = announcer.pin_arp(range.on(arp(), Field::ArpTpa));
            let packets = AdmittedPackets::ArpAnnouncement { address: range };
            announcer.pass(out, here + 1, announces, packets, &format!("announcements of {range}"));
            let probe = address::arp().with(Field::ArpSpa, 0).with(Field::ArpOp, 1);
            let probe = self.sender.pin_arp(range.on(probe, Field::ArpTpa));
            let packets = AdmittedPackets::ArpProbe { claim, target: range };
            self.sender.pass(out, here, probe, packets, &format!("ARP probes for {range}"));
            return;
        }
        let above = above(range, HoldRank::Owner);
        user.solicit(out, above, range);
        let probe = self.sender.pin(range.on(probe(), Field::NdTarget));
        let packets = AdmittedPackets::NdProbe { target: range };
        self.sender.pass(out, above, probe, packets, &format!("ND probe for {range}"));
        for from in [range, self.sender.site.link_locals] {
            user.advertise(out, above, from, range);
            let unsolicited = from.on(address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT), Field::Ipv6Src);
            let unsolicited = address::all_nodes().on(range.on(unsolicited, Field::NdTarget), Field::Ipv6Dst);
            let what = format!("announcements of {range} from {from}");
            let link_layer = LinkLayerOption::Present;
            let packets = AdmittedPackets::NdAnnouncement { source: from, target: range, link_layer };
            announcer.bound(out, above + 2, unsolicited, packets, &what);
        }
    }
}

/// Returns the `learn()` that gives the address to the sender's port from now on.
fn hold(network: u16, value: u32, cookie: Cookie) -> Action {
    let mut specs = vec![
        constant(Subfield::whole(layout::NETWORK), network.into()),
        constant(Subfield::whole(OUT_PORT), value.into()),
    ];
    specs.extend(back_to_port(HELD));
    Action::Learn(Box::new(Learn {
        idle_timeout: 0,
        hard_timeout: 0,
        priority: RETURN_PRIORITY,
        cookie,
        flags: LEARN_DELETE_LEARNED,
        table: SHARED,
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        limit: 0,
        result_dst: None,
        specs,
    }))
}

/// Returns the actions that find the holder. For possible answers they also look for a connection
/// that an earlier holder opened.
pub(in crate::compile) fn look_up(
    sites: &AttachmentPoints<'_>,
    range: AddressRange,
    answers: bool,
) -> Vec<Action> {
    let mut actions = match place(sites, range) {
        None => return Vec::new(),
        Some(AddressLocation::At(port)) => vec![load(OUT_PORT, (HELD | port).into())],
        Some(AddressLocation::Held(value)) => vec![load(OUT_PORT, value.into()), resubmit(SHARED)],
    };
    actions.push(resubmit(OWNERS));
    actions.extend(answers.then(|| resubmit(FOLLOWING)));
    actions
}

/// Compiles the party at a holder's port, the permitted senders, and the receivers while no holder
/// is known.
pub(in crate::compile) fn compile(
    out: &mut ProgramBuilder<'_>,
    sites: &AttachmentPoints<'_>,
    sets: &PartySets<'_>,
) {
    let here = || FlowMatch::any().with(layout::NETWORK, sites.network.number.into());
    let network = sites.network.name.as_str();
    for (place, site, value) in holders(sites) {
        let mut found = vec![load(OUT_PORT, value.into())];
        found.extend(marks(&BTreeSet::from_iter(sets.of_site(place).iter().copied())));
        let matches = here().with(OUT_PORT, (HELD | value).into());
        let detail = format!("{} at {}, as a holder", site.party, site.port_name);
        let identity = FlowIdentity::HeldAddress { network, port: site.port_name };
        apply(out, layout::WIRE, OWNERS, matches, found, FlowSpec::new(identity, detail));
        if site
            .shared
            .iter()
            .any(|shared| matches!(self::place(sites, shared.range), Some(AddressLocation::Held(_))))
        {
            senders(out, sites, site, value);
        }
    }
    for range in ranges(sites) {
        let (Some(AddressLocation::Held(value)), holders) = (place(sites, range), sites.holders(range))
        else {
            continue;
        };
        // All holders are meant, so the destination's marks are those that all of them share.
        let of_each = holders.iter().map(|place| BTreeSet::from_iter(sets.of_site(*place).iter().copied()));
        let of_all = of_each.reduce(|a, b| a.intersection(&b).copied().collect()).unwrap_or_default();
        let matches = here().with(OUT_PORT, value.into());
        let detail = format!("{range} on {network}: any of its holders");
        let asked = FlowSpec::new(FlowIdentity::UnheldAddress { network, address: range }, detail);
        apply(out, layout::WIRE, OWNERS, matches.clone(), marks(&of_all).collect(), asked);
        let ports = holders.iter().filter_map(|place| sites.at(*place)?.port);
        let outputs = ports.flat_map(|port| emit(sites.network, port)).collect();
        let detail = format!("{range} on {network}: to all who may hold it");
        let asked = FlowSpec::new(FlowIdentity::UnheldOutput { network, address: range }, detail);
        apply(out, layout::WIRE, FORWARDING, matches, outputs, asked);
        for place in holders {
            let Some(site) = sites.at(place) else { continue };
            announcements(out, sites, site, range);
        }
    }
}

/// Returns the parties that share addresses, with their ports: the first at each port.
fn holders<'a>(sites: &AttachmentPoints<'a>) -> impl Iterator<Item = (usize, &'a AttachmentPoint<'a>, u32)> {
    let mut seen = BTreeSet::new();
    let all = sites.all.iter().enumerate().filter(|(_, site)| !site.shared.is_empty());
    let at_ports = all.filter_map(|(place, site)| Some((place, site, layout::port_value(site.port?)?)));
    at_ports.filter(move |(_, _, value)| seen.insert(*value))
}

/// Returns the shared addresses of a network, each once.
fn ranges(sites: &AttachmentPoints<'_>) -> Vec<AddressRange> {
    let mut ranges: Vec<AddressRange> = Vec::new();
    for PointsSharingAddress { range, .. } in sites.all.iter().flat_map(|site| &site.shared) {
        if !ranges.contains(range) {
            ranges.push(*range);
        }
    }
    ranges
}

fn marks(sets: &BTreeSet<u16>) -> impl Iterator<Item = Action> {
    let member = mark(layout::mark_bit(layout::TO_MEMBER));
    std::iter::once(member).chain(sets.iter().map(|set| mark(layout::to_set(*set))))
}

/// Admits a holder's packets from the addresses that it holds, or from one without a holder, which
/// it then holds.
fn senders(
    out: &mut ProgramBuilder<'_>,
    sites: &AttachmentPoints<'_>,
    site: &AttachmentPoint<'_>,
    value: u32,
) {
    let Some(port) = site.port else { return };
    let number = sites.network.number;
    let here = at(port, FlowMatch::any()).with(layout::NETWORK, number.into());
    let on = || [load(OUT_PORT, 0), resubmit(RETURNS)];
    let who = format!("{} at {}", site.party, site.port_name);
    let asked = |source, what: &str| {
        let identity = FlowIdentity::Holder { at: sites.attachment(site), source };
        FlowSpec::new(identity, format!("{who}: {what}"))
    };
    let matches = here.clone().with(OUT_PORT, (HELD | value).into());
    let held = asked(HolderSource::Held, "what it holds");
    apply(out, lease::PRIORITY, LEASES, matches, on().into(), held);
    for PointsSharingAddress { range, .. } in &site.shared {
        let Some(AddressLocation::Held(unheld)) = place(sites, *range) else { continue };
        let matches = here.clone().with(OUT_PORT, unheld.into());
        let source = HolderSource::Unheld { address: *range };
        let asked = asked(source, &format!("{range}, which nobody holds"));
        let actions = [vec![hold(number, unheld, out.cookie(&asked))], on().into()].concat();
        apply(out, lease::PRIORITY, LEASES, matches, actions, asked);
    }
    let matches = here.with_masked(OUT_PORT, HELD.into(), 0xffff_0000);
    let identity = FlowIdentity::Holder { at: sites.attachment(site), source: HolderSource::HeldElsewhere };
    let detail = format!("{who}: what another holds");
    out.drop(LEASES, lease::PRIORITY - 1, matches, identity, Reason::NotHolder, detail);
}

/// Admits a holder's announcement, whichever party held the address before.
fn announcements(
    out: &mut ProgramBuilder<'_>,
    sites: &AttachmentPoints<'_>,
    site: &AttachmentPoint<'_>,
    range: AddressRange,
) {
    let Some((port, value)) = site.port.and_then(|port| Some((port, layout::port_value(port)?))) else {
        return;
    };
    if range.family == AddressFamily::V6 {
        return;
    }
    let matches = range.on(range.on(address::arp(), Field::ArpSpa), Field::ArpTpa);
    let matches = at(port, matches).with(layout::NETWORK, sites.network.number.into());
    let detail = format!("announcements of {range} by {} at {}", site.party, site.port_name);
    let identity = FlowIdentity::HolderAnnouncement { at: sites.attachment(site), address: range };
    let found = vec![load(OUT_PORT, value.into())];
    apply(out, layout::RESOLUTION, DESTINATION, matches, found, FlowSpec::new(identity, detail));
}

fn apply(
    out: &mut ProgramBuilder<'_>,
    priority: u16,
    table: TableId,
    matches: FlowMatch,
    actions: Vec<Action>,
    asked: FlowSpec<'_>,
) {
    out.flow(table, priority, matches, vec![Instruction::ApplyActions(actions)], asked);
}

/// Compiles the table misses.
pub(in crate::compile) fn common(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    if !scopes.all.iter().flat_map(|scope| &scope.sites).any(|site| !site.shared.is_empty()) {
        return;
    }
    for (table, detail) in [(SHARED, "nobody holds the address"), (FOLLOWING, "no holder waits for it")] {
        let asked = FlowSpec::new(FlowIdentity::TableMiss { table }, detail);
        out.flow(table, layout::DEFAULT, FlowMatch::any(), Vec::new(), asked);
    }
}

/// Admits the MACs of virtual routers at the ports of possible holders, and at no other: a switch
/// or a router beyond would learn them there.
pub(in crate::compile) fn guards(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    let mut ports: BTreeMap<[u8; 6], BTreeMap<PortNo, &AttachmentPoint<'_>>> = BTreeMap::new();
    for site in scopes.all.iter().flat_map(|scope| &scope.sites) {
        for mac in site.shared.iter().flat_map(|shared| shared.virtual_macs()) {
            let at = ports.entry(mac).or_default();
            at.extend(site.port.map(|port| (port, site)));
        }
    }
    let unmarked = |mac: [u8; 6]| {
        let from = FlowMatch::any().with(Field::EthSrc, MacAddr(mac).bits());
        from.with_masked(MARKS, 0, 1 << layout::VIRTUAL)
    };
    for (mac, ports) in ports {
        let [.., family, vrid] = mac;
        let router = format!("virtual router {vrid} (MAC {family})");
        for (port, holder) in ports {
            let actions = vec![mark(layout::mark_bit(layout::VIRTUAL)), resubmit(ADMISSION)];
            let detail = format!("{router}: {} at {}", holder.party, holder.port_name);
            let asked = FlowSpec::new(FlowIdentity::VirtualMac { mac, port: holder.port_name }, detail);
            let matches = at(port, unmarked(mac));
            let instructions = vec![Instruction::ApplyActions(actions)];
            out.flow(ADMISSION, layout::VIRTUAL_MAC + 1, matches, instructions, asked);
        }
        let detail = format!("{router}: at a port of no holder");
        let identity = FlowIdentity::VirtualMacElsewhere { mac };
        out.drop(ADMISSION, layout::VIRTUAL_MAC, unmarked(mac), identity, Reason::Spoofed, detail);
    }
}

/// A shared address that moved to another port after a connection was opened.
pub(in crate::compile) struct MovedSharedAddress<'a> {
    pub(in crate::compile) range: AddressRange,
    /// The port of a possible holder, and its name.
    pub(in crate::compile) now: (PortNo, &'a str),
    /// The connection's port in [`OUT_PORT`], and its name; or the value of the address while it
    /// had no holder.
    pub(in crate::compile) before: (u32, Option<&'a str>),
}

/// Returns the ways in which a shared address can move during a connection.
pub(in crate::compile) fn taken_over<'a>(sites: &AttachmentPoints<'a>) -> Vec<MovedSharedAddress<'a>> {
    let mut ways = Vec::new();
    for range in ranges(sites) {
        let holders = sites.holders(range).into_iter().filter_map(|place| sites.at(place));
        let mut ports: BTreeMap<PortNo, &'a str> = BTreeMap::new();
        for site in holders {
            site.port.into_iter().for_each(|port| _ = ports.entry(port).or_insert(site.port_name));
        }
        let unheld = sites.unheld(range).map(|value| (value & 0xffff, None));
        for (&now, &name) in &ports {
            let others = ports.iter().filter(|(before, _)| **before != now);
            let others =
                others.filter_map(|(before, name)| Some((layout::port_value(*before)?, Some(*name))));
            ways.extend(others.chain(unheld).map(|before| MovedSharedAddress {
                range,
                now: (now, name),
                before,
            }));
        }
    }
    ways
}

/// Priority above learned flows.
const PINNED: u16 = RETURN_PRIORITY + 1;

/// Returns flows that keep each shared address with one holder, whichever party announces it: by
/// turns, the first holder, the second and so on. Used by checks without a switch.
pub fn pinned_holders<'f>(flows: impl IntoIterator<Item = &'f Flow>, turn: usize) -> Vec<Flow> {
    let mut pinned = Vec::new();
    for (matches, (cookie, ports)) in may_hold(flows) {
        let Some(port) = ports.iter().nth(turn % ports.len().max(1)) else { continue };
        let mut flow = Flow::new(SHARED, PINNED, matches);
        flow.cookie = cookie;
        flow.instructions =
            vec![Instruction::ApplyActions(vec![load(OUT_PORT, (HELD | u32::from(*port)).into())])];
        pinned.push(flow);
    }
    pinned
}

/// Returns the number of turns in which each holder of each shared address has it once: at least
/// one.
pub fn turns<'f>(flows: impl IntoIterator<Item = &'f Flow>) -> usize {
    may_hold(flows).into_iter().map(|(_, (_, ports))| ports.len()).max().unwrap_or(0).max(1)
}

/// Returns the ports at which each shared address may be held, by the match of its learned flow.
fn may_hold<'f>(flows: impl IntoIterator<Item = &'f Flow>) -> Vec<(FlowMatch, (Cookie, BTreeSet<u16>))> {
    let mut all: Vec<(FlowMatch, (Cookie, BTreeSet<u16>))> = Vec::new();
    for flow in flows {
        let Some(port) = flow.matches.in_port().and_then(PortNo::to_u16) else { continue };
        for learn in flow.learns().filter(|learn| learn.table == SHARED && learn.priority == RETURN_PRIORITY)
        {
            let matches = learn.specs.iter().fold(FlowMatch::any(), |matches, spec| match spec {
                LearnSpec::Match { dst, src: LearnSrc::Immediate(value) } => matches.with(dst.field, *value),
                _ => matches,
            });
            match all.iter_mut().find(|(known, _)| *known == matches) {
                Some((_, (_, ports))) => _ = ports.insert(port),
                None => all.push((matches, (learn.cookie, BTreeSet::from([port])))),
            }
        }
    }
    all
}
