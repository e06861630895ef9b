//! DHCP between the parties that a rule joins. A client's requests go to the group address, or to
//! the servers that its rules name, and nowhere else. A server's answers go to the group address,
//! or to the client's own address, and come from no other party.
//!
//! A server is an endpoint at its addresses, a party behind a link, an outside at its addresses, or
//! an exit's next hop. An outside without addresses also means the next hop, because not every host
//! on the internet is a server.
//!
//! All of it passes through the controller, which sees the leases
//! ([`lease`](crate::compile::tables::lease)).

use std::collections::BTreeMap;

use flow_model::FlowMatch;
use ipnetwork::IpNetwork;
use ofproto::action::Action;
use ofproto::oxm::Field;
use ofproto::{MacAddr, PortNo};

use crate::compile::input::attachment_point::{AttachmentPoint, AttachmentPoints};
use crate::compile::input::rule_parties::PartySets;
use crate::compile::output::leasing::Relay;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, apply_and_goto};
use crate::compile::tables::lease;
use crate::compile::tables::sender::{at, loads};
use crate::compile::vocabulary::address::{AddressFamily, AddressRange, dhcp_answer, dhcp_request};
use crate::compile::vocabulary::identity::{DhcpDirection as Way, FlowIdentity};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::{ADMISSION, POLICY};
use crate::compile::vocabulary::origin::Reason;
use crate::network::Allow;

/// The clients and servers of all rules for DHCP: places in [`AttachmentPoints::all`].
#[derive(Default)]
pub(in crate::compile) struct Dhcp<'a> {
    pairs: Vec<DhcpPair<'a>>,
}

struct DhcpPair<'a> {
    client: usize,
    server: Server,
    rule: &'a str,
    ends: Option<u16>,
}

/// The location of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::compile) struct Server {
    pub(in crate::compile) place: usize,
    /// The server's addresses, or a prefix that contains its address.
    pub(in crate::compile) ranges: Vec<AddressRange>,
}

impl Way {
    fn label(self) -> &'static str {
        match self {
            Self::Requests => "DHCP requests",
            Self::Answers => "DHCP answers",
        }
    }

    fn matches(self, family: AddressFamily) -> FlowMatch {
        match self {
            Self::Requests => dhcp_request(family),
            Self::Answers => dhcp_answer(family),
        }
    }
}

/// A rule's pair, seen in one direction.
struct DhcpDirection<'p, 'a> {
    to: usize,
    server: &'p [AddressRange],
    pair: &'p DhcpPair<'a>,
}

impl<'a> Dhcp<'a> {
    /// Adds a rule.
    pub(in crate::compile) fn add(
        &mut self,
        allow: &'a Allow,
        (clients, servers): (&[usize], &[Server]),
        ends: Option<u16>,
    ) {
        for &client in clients {
            for server in servers.iter().filter(|server| server.place != client) {
                self.pairs.push(DhcpPair { client, server: server.clone(), rule: &allow.name, ends });
            }
        }
    }

    pub(in crate::compile) fn finish(
        self,
        out: &mut ProgramBuilder<'_>,
        sites: &AttachmentPoints<'_>,
        sets: &PartySets<'_>,
    ) {
        self.way(out, sites, sets, Way::Requests);
        self.way(out, sites, sets, Way::Answers);
    }

    /// Compiles one direction: for each ingress port the permitted sources, and for each
    /// destination address the receivers.
    fn way(
        &self,
        out: &mut ProgramBuilder<'_>,
        sites: &AttachmentPoints<'_>,
        sets: &PartySets<'_>,
        way: Way,
    ) {
        let mut ways: BTreeMap<usize, Vec<DhcpDirection<'_, 'a>>> = BTreeMap::new();
        for pair in &self.pairs {
            let (client, server) = (pair.client, pair.server.place);
            let (from, to) = if way == Way::Requests { (client, server) } else { (server, client) };
            ways.entry(from).or_default().push(DhcpDirection { to, server: &pair.server.ranges, pair });
        }
        for (place, legs) in ways {
            let Some(site) = sites.at(place) else { continue };
            let Some(port) = site.port else { continue };
            let sender =
                DhcpSender { sites, place, site, port, loads: loads(sites, site, sets.of_site(place)) };
            for family in AddressFamily::BOTH {
                sender.admit(out, way, family, &legs);
                sender.pass(out, way, family, &legs);
                sender.nothing_else(out, way, family);
            }
        }
    }
}

/// Returns the deadline of the rule that ends last, if all end.
fn ends(legs: &[&DhcpDirection<'_, '_>]) -> Option<u16> {
    legs.iter().map(|leg| leg.pair.ends).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b))).flatten()
}

/// A party at a port, as a client or a server.
struct DhcpSender<'s, 'a> {
    sites: &'s AttachmentPoints<'a>,
    place: usize,
    site: &'s AttachmentPoint<'a>,
    port: PortNo,
    loads: Vec<Action>,
}

impl DhcpSender<'_, '_> {
    /// Admits the permitted sources of such packets. A client has no address yet, or one of its
    /// link (RFC 2131 §4.1, RFC 8415 §13). Packets from the client's own address are admitted like
    /// its other packets.
    fn admit(
        &self,
        out: &mut ProgramBuilder<'_>,
        way: Way,
        family: AddressFamily,
        legs: &[DhcpDirection<'_, '_>],
    ) {
        let AttachmentPoint { party, port_name, mac, .. } = self.site;
        let mut base = at(self.port, way.matches(family));
        if self.sites.network.vlan.is_some() {
            base = base.with(layout::NETWORK, self.sites.network.number.into());
        }
        if let Some(mac) = mac {
            base = base.with(Field::EthSrc, MacAddr(*mac).bits());
        }
        let all: Vec<&DhcpDirection<'_, '_>> = legs.iter().collect();
        for range in sources(way, family, legs) {
            let detail = format!("{party} at {port_name}: {} from {range}", way.label());
            let instructions = apply_and_goto(self.loads.clone(), layout::RETURNS);
            let at = self.sites.attachment(self.site);
            let identity = FlowIdentity::AdmittedDhcp { at, direction: way, source: range };
            let asked = FlowSpec::new(identity, detail).of(party).until(ends(&all));
            out.flow(ADMISSION, layout::DHCP, range.on(base.clone(), family.src()), instructions, asked);
        }
    }

    /// Passes the packets by their destination address: the longest prefix wins.
    fn pass(
        &self,
        out: &mut ProgramBuilder<'_>,
        way: Way,
        family: AddressFamily,
        legs: &[DhcpDirection<'_, '_>],
    ) {
        let party = self.site.party;
        let network = self.sites.network;
        for (range, legs) in self.targets(way, family, legs) {
            let mut places: Vec<usize> = legs.iter().map(|leg| leg.to).collect();
            places.sort_unstable();
            places.dedup();
            let receivers: Vec<&AttachmentPoint<'_>> =
                places.iter().filter_map(|place| self.sites.at(*place)).collect();
            let names: Vec<&str> = receivers.iter().map(|s| s.party).collect();
            let detail = format!("{} of {party} to {} by {range}", way.label(), names.join(", "));
            let rule = legs.first().map_or("", |leg| leg.pair.rule);
            let attachment = self.sites.attachment(self.site);
            let identity = FlowIdentity::Dhcp { at: attachment, direction: way, target: range };
            let asked = FlowSpec::new(identity, detail).of(rule).until(ends(&legs));
            let matches = at(self.port, way.matches(family)).with(layout::NETWORK, network.number.into());
            let matches = range.on(matches, family.dst());
            let (cookie, requests) = (out.cookie(&asked), way == Way::Requests);
            out.relay(Relay { cookie, from: self.place, to: places, requests });
            let priority = layout::DHCP_POLICY + u16::from(range.length());
            out.flow(POLICY, priority, matches, lease::show(self.port), asked);
        }
    }

    /// Drops packets that only DHCP admits and that go elsewhere, whatever other rules allow.
    fn nothing_else(&self, out: &mut ProgramBuilder<'_>, way: Way, family: AddressFamily) {
        let AttachmentPoint { party, port_name, .. } = self.site;
        let mut matches = at(self.port, way.matches(family));
        matches = matches.with(layout::NETWORK, self.sites.network.number.into());
        if way == Way::Requests {
            let unset = sources(way, family, &[]).into_iter().next();
            matches = unset.map_or(matches.clone(), |range| range.on(matches, family.src()));
        }
        let detail = format!("{party} at {port_name}: other {} over {}", way.label(), family.label());
        let at = self.sites.attachment(self.site);
        let identity = FlowIdentity::DhcpRest { at, direction: way, family };
        out.drop(POLICY, layout::DHCP_POLICY - 1, matches, identity, Reason::NotAllowed, detail);
    }

    /// Returns the possible destination addresses, each with its receivers.
    fn targets<'l, 'p, 'a>(
        &self,
        way: Way,
        family: AddressFamily,
        legs: &'l [DhcpDirection<'p, 'a>],
    ) -> Vec<(AddressRange, Vec<&'l DhcpDirection<'p, 'a>>)> {
        let mut all: Vec<(AddressRange, Vec<&DhcpDirection<'_, '_>>)> =
            vec![(everybody(way, family), legs.iter().collect())];
        for leg in legs {
            let client = self.sites.at(leg.to);
            let leased = client.filter(|_| way == Way::Answers).map_or(&[][..], |site| &site.dhcp);
            let ranges = match way {
                Way::Requests => leg.server,
                Way::Answers if family == AddressFamily::V4 => client.map_or(&[][..], |site| &site.prefixes),
                // An answer goes to the client's link-local address (RFC 8415 §18.3.10).
                Way::Answers => &[],
            };
            for &range in ranges.iter().chain(leased).filter(|range| range.family == family) {
                match all.iter_mut().find(|(had, _)| had.bits() == range.bits()) {
                    Some((_, legs)) => legs.push(leg),
                    None => all.push((range, vec![leg])),
                }
            }
        }
        all
    }
}

/// Returns the sources of such packets.
fn sources(way: Way, family: AddressFamily, legs: &[DhcpDirection<'_, '_>]) -> Vec<AddressRange> {
    let mut ranges = Vec::new();
    // DHCPv6 servers send from a link-local address (RFC 8415 §18.3.10).
    if way == Way::Requests || family == AddressFamily::V6 {
        ranges.extend(range(if family == AddressFamily::V4 { "0.0.0.0/32" } else { LINK_LOCAL }));
    }
    if way == Way::Answers {
        ranges.extend(legs.iter().flat_map(|leg| leg.server).copied().filter(|r| r.family == family));
    }
    let mut seen = Vec::new();
    ranges.retain(|range| {
        let new = !seen.contains(&range.bits());
        seen.push(range.bits());
        new
    });
    ranges
}

/// The link-local prefix (RFC 4291 §2.5.6).
const LINK_LOCAL: &str = "fe80::/10";

fn range(text: &str) -> Option<AddressRange> {
    text.parse::<IpNetwork>().ok().map(AddressRange::from)
}

/// Returns the group address of all servers or all clients. A DHCPv6 answer goes to one client, at
/// an address that only it and its server know.
fn everybody(way: Way, family: AddressFamily) -> AddressRange {
    let text = match (family, way) {
        (AddressFamily::V4, _) => "255.255.255.255/32",
        (AddressFamily::V6, Way::Requests) => "ff02::1:2/128",
        (AddressFamily::V6, Way::Answers) => LINK_LOCAL,
    };
    range(text).unwrap_or(AddressRange::all(family))
}
