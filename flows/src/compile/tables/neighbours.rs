//! The parties that a rule joins. A packet without a single receiver, such as a gratuitous ARP,
//! reaches all parties that a rule joins to its sender, and no other party.
//!
//! Senders with equal neighbours share one list of ports in the table of outputs. So flows grow
//! with parties and lists, not with pairs.

use std::collections::{HashMap, HashSet};

use flow_model::FlowMatch;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::{PortNo, icmpv6};

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoint, AttachmentPoints};
use crate::compile::input::rule_parties::PartySets;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, load, resubmit};
use crate::compile::tables::policy::forward;
use crate::compile::tables::sender::at;
use crate::compile::tables::vrrp;
use crate::compile::tables::wire::emit;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{FlowIdentity, JoinedPackets, JoinedSender};
use crate::compile::vocabulary::layout::{FORWARDING, OUT_PORT, POLICY};
use crate::compile::vocabulary::stable_hash::stable_hash;
use crate::compile::vocabulary::{address, layout};
use crate::network::Inside;

/// The number of ports that one flow outputs to; a longer list continues in another flow. (A flow's
/// message has at most 65,535 bytes.)
const OUTPUTS: usize = 1_000;

/// Places in [`AttachmentPoints::all`], as bits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct PointSet(Vec<u64>);

impl PointSet {
    fn of(places: impl IntoIterator<Item = usize>) -> Self {
        let mut this = Self::default();
        for place in places {
            let word = place / 64;
            if this.0.len() <= word {
                this.0.resize(word + 1, 0);
            }
            this.0.get_mut(word).into_iter().for_each(|bits| *bits |= 1 << (place % 64));
        }
        this
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(bits, more)| *bits |= more);
    }

    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * 64).filter(|place| self.has(*place))
    }
}

/// The neighbours of each attachment point, as the rules of a network join them.
pub(in crate::compile) struct Neighbours {
    /// Parties that resolve each other's MACs and receive each other's announcements.
    joined: JoinedPoints,
    /// Parties that receive a virtual router's advertisements.
    advertised: JoinedPoints,
}

/// The attachment points that are joined to each attachment point.
#[derive(Clone)]
struct JoinedPoints {
    /// The parties that a rule without a deadline joins to each place.
    lasting: Vec<PointSet>,
    /// The parties that any rule joins to it, and the first deadline of these rules.
    passing: Vec<(PointSet, Option<u16>)>,
}

impl JoinedPoints {
    fn new(lasting: Vec<PointSet>) -> Self {
        let passing = vec![(PointSet::default(), None); lasting.len()];
        Self { lasting, passing }
    }

    /// Joins some places to others, until the rule ends.
    fn add(&mut self, some: &[usize], others: &[usize], ends: Option<u16>) {
        let joined = PointSet::of(others.iter().copied());
        for &place in some {
            match ends {
                None => self.lasting.get_mut(place).into_iter().for_each(|places| places.add(&joined)),
                Some(ends) => {
                    let Some((places, first)) = self.passing.get_mut(place) else { continue };
                    places.add(&joined);
                    *first = Some(first.map_or(ends, |first| first.min(ends)));
                }
            }
        }
    }

    /// Returns whether a rule joins a party to a place.
    fn any(&self, place: usize) -> bool {
        self.of(place).iter().any(|(places, _)| places.iter().next().is_some())
    }

    /// Returns the neighbours of a place: the permanent ones, and those until the first deadline,
    /// if there is one.
    fn of(&self, place: usize) -> Vec<(PointSet, Option<u16>)> {
        let Some(lasting) = self.lasting.get(place) else { return Vec::new() };
        let mut all = vec![(lasting.clone(), None)];
        if let Some((more, Some(ends))) = self.passing.get(place) {
            let mut with_passing = lasting.clone();
            with_passing.add(more);
            all.push((with_passing, Some(*ends)));
        }
        all
    }
}

impl Neighbours {
    pub(in crate::compile) fn new(sites: &AttachmentPoints<'_>) -> Self {
        let members = match sites.network.inside {
            Inside::Allow => PointSet::of(sites.members().map(|(place, _)| place)),
            Inside::Deny => PointSet::default(),
        };
        let inside = |place| if members.has(place) { members.clone() } else { PointSet::default() };
        let joined = JoinedPoints::new((0..sites.all.len()).map(inside).collect());
        Self { joined, advertised: JoinedPoints::new(vec![PointSet::default(); sites.all.len()]) }
    }

    /// Lets virtual routers advertise themselves to others, until the rule ends.
    pub(in crate::compile) fn advertise(&mut self, routers: &[usize], others: &[usize], ends: Option<u16>) {
        self.advertised.add(routers, others, ends);
    }

    /// Joins two groups of places to each other, until the rule ends.
    pub(in crate::compile) fn join(&mut self, some: &[usize], others: &[usize], ends: Option<u16>) {
        self.joined.add(some, others, ends);
        self.joined.add(others, some, ends);
    }

    /// Compiles the flows: one in policy for each sender, one in the table of outputs for each
    /// list.
    pub(in crate::compile) fn finish(
        self,
        out: &mut ProgramBuilder<'_>,
        sites: &AttachmentPoints<'_>,
        sets: &PartySets<'_>,
    ) {
        let mut lists = Lists::new(sites);
        for family in AddressFamily::BOTH {
            let senders = sites.all.iter().enumerate().filter(|(_, site)| sites.resolves(site, family));
            for (place, site) in senders {
                let Some(port) = site.port else { continue };
                let Some(own) = layout::port_value(port) else { continue };
                let sender = NeighbourSender { place, site, family, port, own };
                for (to, ends) in self.joined.of(place) {
                    sender.send(&mut lists, &to, ends);
                }
                for (to, ends) in self.advertised.of(place) {
                    sender.advertise(&mut lists, &to, ends);
                }
            }
            let advertisers = (0..sites.all.len()).filter(|place| self.advertised.any(*place));
            vrrp::admit(out, sites, sets, family, advertisers);
        }
        lists.finish(out);
    }
}

/// A sender, in one address family.
struct NeighbourSender<'s> {
    place: usize,
    site: &'s AttachmentPoint<'s>,
    family: AddressFamily,
    port: PortNo,
    /// The sender's port in [`OUT_PORT`].
    own: u32,
}

impl<'a> NeighbourSender<'a> {
    fn send(&self, lists: &mut Lists<'_, 'a>, to: &PointSet, ends: Option<u16>) {
        let Self { place, site, family, port, own } = *self;
        let sites = lists.sites;
        let free = sites.network.inside == Inside::Allow && site.kind == AttachmentKind::Endpoint;
        // Members that may talk freely receive each other's broadcasts, whatever families they use.
        let hears = |place: &usize| {
            let free = |other: &AttachmentPoint<'_>| free && other.kind == AttachmentKind::Endpoint;
            sites.at(*place).is_some_and(|other| free(other) || sites.resolves(other, family))
        };
        let router = |place: &usize| sites.at(*place).is_some_and(|site| site.router);
        // No packet leaves by its ingress port, so a list may contain its sender. Senders that are
        // joined to every party then share one list.
        let all: Vec<usize> = to.iter().filter(hears).collect();
        let routers: Vec<usize> = all.iter().copied().filter(|place| free || router(place)).collect();
        let six = family == AddressFamily::V6;
        let by_link = six && site.link_local.is_some();
        let of_family = |range: &AddressRange| range.family == family;
        let addressed = by_link
            || site.shares(family)
            || site.resolves.iter().any(of_family)
            || site.leased(family).next().is_some();
        // An address has no owner yet when its future owner looks for duplicates.
        let makes = six && sites.autoconfigured && site.leased(family).next().is_some();
        let asks = match family {
            AddressFamily::V4 => address::arp(),
            AddressFamily::V6 => address::nd(icmpv6::NEIGHBOUR_SOLICITATION),
        };
        for (wanted, packets, matches, to_port, list) in [
            (addressed, JoinedPackets::OfItself, asks.clone(), own, &all),
            (makes, JoinedPackets::ForUnheld, asks, layout::LEASED, &all),
            (six, JoinedPackets::ToNeighbours, family.matches(), layout::NEIGHBOURS, &all),
            (six, JoinedPackets::ToRouters, family.matches(), layout::ROUTERS, &routers),
        ] {
            if !wanted || list.iter().all(|other| *other == place) {
                continue;
            }
            let matches = at(port, matches).with(layout::NETWORK, sites.network.number.into());
            let matches = matches.with(OUT_PORT, to_port.into());
            lists.pass(list, self.pending(sites, packets, layout::JOINED, matches, ends));
        }
    }
}

impl<'a> NeighbourSender<'a> {
    /// Sends a virtual router's advertisements to the parties that a `vrrp` rule joins to it.
    fn advertise(&self, lists: &mut Lists<'_, 'a>, to: &PointSet, ends: Option<u16>) {
        let Self { place, family, port, .. } = *self;
        let list: Vec<usize> = to.iter().collect();
        if list.iter().all(|other| *other == place) {
            return;
        }
        let network = lists.sites.network;
        let matches = at(port, vrrp::advertisements(family)).with(layout::NETWORK, network.number.into());
        let pending = self.pending(lists.sites, JoinedPackets::Vrrp, layout::ADVERTISED, matches, ends);
        lists.pass(&list, pending);
    }

    fn pending(
        &self,
        sites: &AttachmentPoints<'a>,
        packets: JoinedPackets,
        priority: u16,
        matches: FlowMatch,
        ends: Option<u16>,
    ) -> Pending<'a> {
        let Self { site, family, .. } = *self;
        let while_open = if ends.is_some() { ", while a window is open" } else { "" };
        let what = list_words(packets, family);
        let detail = format!("{} at {}: {what}{while_open}", site.party, site.port_name);
        let at = sites.attachment(site);
        let sender = JoinedSender { at, family, packets, ends: ends.is_some() };
        Pending { priority, matches, ends, list_name: list_name(sender), sender, detail }
    }
}

/// Returns the name of the list that a sender's packets go to. The list's value in [`OUT_PORT`] is
/// hashed from it, so a change of any word changes flows.
fn list_name(sender: JoinedSender<'_>) -> String {
    let JoinedSender { at, family, packets, ends } = sender;
    let while_open = if ends { ", while a window is open" } else { "" };
    format!("{}: {} at {}: {}{while_open}", at.network, at.party, at.port, list_words(packets, family))
}

/// Returns the words of [`list_name`], which must not change.
fn list_words(packets: JoinedPackets, family: AddressFamily) -> &'static str {
    match (packets, family) {
        (JoinedPackets::OfItself, AddressFamily::V4) => "ARP of itself",
        (JoinedPackets::OfItself, AddressFamily::V6) => "ND of itself",
        (JoinedPackets::ForUnheld, _) => "ND for what nobody has",
        (JoinedPackets::ToNeighbours, _) => "ND to its neighbours",
        (JoinedPackets::ToRouters, _) => "ND to its routers",
        (JoinedPackets::Vrrp, AddressFamily::V4) => "ipv4 VRRP to its group",
        (JoinedPackets::Vrrp, AddressFamily::V6) => "ipv6 VRRP to its group",
    }
}

/// A flow of a sender whose list has no value yet.
struct Pending<'a> {
    priority: u16,
    matches: FlowMatch,
    ends: Option<u16>,
    sender: JoinedSender<'a>,
    list_name: String,
    detail: String,
}

/// The distinct lists of a network, with the flows that lead to each.
struct Lists<'l, 'a> {
    sites: &'l AttachmentPoints<'a>,
    members: Vec<usize>,
    all: Vec<(Vec<usize>, Vec<Pending<'a>>)>,
    by_list: HashMap<Vec<usize>, usize>,
    taken: HashSet<u16>,
}

impl<'l, 'a> Lists<'l, 'a> {
    fn new(sites: &'l AttachmentPoints<'a>) -> Self {
        let members = match sites.network.inside {
            Inside::Allow => sites.members().map(|(place, _)| place).collect(),
            Inside::Deny => Vec::new(),
        };
        Self { sites, members, all: Vec::new(), by_list: HashMap::new(), taken: HashSet::new() }
    }

    fn pass(&mut self, list: &[usize], flow: Pending<'a>) {
        match self.by_list.get(list).and_then(|at| self.all.get_mut(*at)) {
            Some((_, flows)) => flows.push(flow),
            None => {
                self.by_list.insert(list.to_vec(), self.all.len());
                self.all.push((list.to_vec(), vec![flow]));
            }
        }
    }

    fn finish(mut self, out: &mut ProgramBuilder<'_>) {
        for (list, flows) in std::mem::take(&mut self.all) {
            // The list is named after one of its senders. The choice is stable, so the value stays
            // while other senders come and go.
            let known_by = flows.iter().min_by_key(|flow| stable_hash(&[&flow.list_name]));
            let value = match list == self.members {
                true => Some(layout::EVERYBODY),
                false => known_by.and_then(|known_by| self.output(out, known_by, &list)),
            };
            let Some(value) = value else { continue };
            for Pending { priority, matches, ends, sender, detail, .. } in flows {
                let asked = FlowSpec::new(FlowIdentity::Joined { sender }, detail).until(ends);
                let priority = priority + u16::from(ends.is_some());
                out.flow(POLICY, priority, matches, forward(vec![load(OUT_PORT, value.into())]), asked);
            }
        }
    }

    /// Adds the flow that outputs to a list, and returns the list's value in [`OUT_PORT`], or
    /// `None` if no value is free.
    fn output(
        &mut self,
        out: &mut ProgramBuilder<'_>,
        known_by: &Pending<'_>,
        list: &[usize],
    ) -> Option<u32> {
        let network = self.sites.network;
        let mut rest = None;
        // The last parts first: each flow leads to the next part.
        for (part, list) in list.chunks(OUTPUTS).enumerate().rev() {
            let value = self.value(&format!("{}, part {part}", known_by.list_name))?;
            let matches = FlowMatch::any().with(layout::NETWORK, network.number.into());
            let matches = matches.with(OUT_PORT, value.into());
            let port = |place: &usize| self.sites.at(*place)?.port;
            let mut actions: Vec<Action> =
                list.iter().filter_map(port).flat_map(|port| emit(network, port)).collect();
            actions.extend(
                rest.into_iter().flat_map(|rest: u32| [load(OUT_PORT, rest.into()), resubmit(FORWARDING)]),
            );
            let part = u16::try_from(part).unwrap_or(u16::MAX);
            let identity = FlowIdentity::JoinedOutput { sender: known_by.sender, part };
            let asked = FlowSpec::new(identity, format!("to {}", self.names(list)));
            out.flow(FORWARDING, layout::WIRE, matches, vec![Instruction::ApplyActions(actions)], asked);
            rest = Some(value);
        }
        rest
    }

    fn value(&mut self, key: &str) -> Option<u32> {
        let [.., high, low] = stable_hash(&[key]).to_be_bytes();
        let first = u16::from_be_bytes([high, low]);
        let free = (first..=u16::MAX).chain(0..first).find(|value| !self.taken.contains(value))?;
        self.taken.insert(free);
        Some(layout::LIST | u32::from(free))
    }

    fn names(&self, list: &[usize]) -> String {
        const FEW: usize = 8;
        let name = |place: &usize| self.sites.at(*place).map(|site| site.party);
        let names: Vec<&str> = list.iter().take(FEW).filter_map(name).collect();
        match list.len().saturating_sub(FEW) {
            0 => names.join(", "),
            more => format!("{} and {more} more", names.join(", ")),
        }
    }
}
