//! Table 2, the allows of the file: one flow for each rule, network, protocol and port, with the
//! `learn()` of the return path. The number of parties that a rule names does not matter.

pub(in crate::compile) mod conntrack;
pub(in crate::compile) mod next_hop;
pub(in crate::compile) mod related;
pub(in crate::compile) mod visitors;

use std::collections::HashMap;

use flow_model::FlowMatch;
use ofproto::action::Action;

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoint, AttachmentPoints};
use crate::compile::input::overlap::{OverlapResolver, RequestedPackets};
use crate::compile::input::rule_parties::{MatchedParties, PartySets};
use crate::compile::input::scope::NetworkRule;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, load};
use crate::compile::tables::dhcp::{Dhcp, Server};
use crate::compile::tables::joint::JointFlows;
use crate::compile::tables::neighbours::Neighbours;
use crate::compile::tables::policy::{Resolution, forward, out_of, resolution_kinds, towards};
use crate::compile::tables::returns::{DEFAULT_LIMIT, ReturnIngress, ReturnPath};
use crate::compile::tables::rules::conntrack::{OpenedConnection, Tracking};
use crate::compile::tables::rules::related::Claims;
use crate::compile::tables::rules::visitors::Visitors;
use crate::compile::tables::shared;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{
    FlowIdentity, ListPart, ResolutionPackets, RuleOpening, RuleTraffic,
};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::{Claim, OUT_PORT, POLICY, by_claim, by_claim_of_shared};
use crate::compile::vocabulary::traffic::{PortlessPackets, Traffic};
use crate::network::{Allow, Outside, Protocol, Returns, Stateful};

/// The compiler of a network's rules.
pub(in crate::compile) struct RuleCompiler<'c, 'b, 'a> {
    pub(in crate::compile) out: &'c mut ProgramBuilder<'b>,
    pub(in crate::compile) sites: &'c AttachmentPoints<'a>,
    pub(in crate::compile) sets: &'c PartySets<'a>,
    pub(in crate::compile) outsides: HashMap<&'a str, &'a Outside>,
    resolution: Resolution<'a>,
    neighbours: Neighbours,
    dhcp: Dhcp<'a>,
    pub(in crate::compile) claimed: OverlapResolver<RulePackets>,
    /// Likewise for ARP and neighbour discovery: by kind of packet, and whether it is for addresses
    /// without a known owner.
    resolved: OverlapResolver<(ResolutionPackets, bool)>,
    pub(in crate::compile) tracking: Tracking<'a>,
    /// Packets without ports, and answers without learning.
    pub(in crate::compile) joint: JointFlows<'a>,
    /// The earlier claims of packets without ports that lead outside.
    pub(in crate::compile) portless_claimed: OverlapResolver<(PortlessPackets, AddressFamily, Claims)>,
    pub(in crate::compile) visitors: Visitors,
}

/// One side of a rule, in a form that a flow can match.
#[derive(Debug, Clone)]
pub(in crate::compile) struct RuleSide<'a> {
    pub(in crate::compile) parties: MatchedParties<'a>,
    /// Restricts the parties to those with an address in the range.
    pub(in crate::compile) range: Option<AddressRange>,
    /// True if the addresses have no owner here and are behind the parties' one port.
    pub(in crate::compile) outside: bool,
    /// True if the side is a sender that stands for any address behind an exit.
    pub(in crate::compile) visitor: bool,
}

impl RuleSide<'_> {
    /// Returns the port that leads to the outside addresses.
    pub(in crate::compile) fn exit(&self) -> Option<u32> {
        self.parties.single().filter(|_| self.outside)
    }
}

impl<'c, 'b, 'a> RuleCompiler<'c, 'b, 'a> {
    pub(in crate::compile) fn new(
        out: &'c mut ProgramBuilder<'b>,
        rules: &[NetworkRule<'a>],
        sites: &'c AttachmentPoints<'a>,
        sets: &'c PartySets<'a>,
    ) -> Self {
        let outsides = rules.iter().flat_map(|rule| &rule.outsides).map(|o| (&*o.name, *o)).collect();
        Self {
            out,
            sites,
            sets,
            outsides,
            resolution: Resolution::default(),
            neighbours: Neighbours::new(sites),
            dhcp: Dhcp::default(),
            claimed: OverlapResolver::default(),
            resolved: OverlapResolver::default(),
            tracking: Tracking::default(),
            joint: JointFlows::default(),
            portless_claimed: OverlapResolver::default(),
            visitors: Visitors::new(rules, sites),
        }
    }

    /// Compiles the flows that all rules share.
    pub(in crate::compile) fn finish(self) {
        self.resolution.finish(self.out);
        self.neighbours.finish(self.out, self.sites, self.sets);
        self.tracking.finish(self.out);
        self.joint.finish(self.out);
        self.dhcp.finish(self.out, self.sites, self.sets);
    }

    /// Compiles the flows of a rule.
    pub(in crate::compile) fn allow(&mut self, rule: &NetworkRule<'a>) {
        let (allow, Some(ends)) = (rule.allow, rule.open) else { return };
        if let Some(via) = &allow.via {
            self.via(rule, via, ends);
            return;
        }
        let (from, to) = (self.ports_of(&allow.from), self.ports_of(&allow.to));
        if allow.protocol == Protocol::Dhcp {
            let (clients, servers) = (self.sites.places(&from), self.servers(&allow.to));
            self.dhcp.add(allow, (&clients, &servers), ends);
        }
        if allow.protocol == Protocol::Vrrp {
            let (routers, others) = (self.sites.places(&from), self.sites.places(&to));
            self.neighbours.advertise(&routers, &others, ends);
        }
        if !self.sites.share(&from, &to) {
            return;
        }
        let senders = self.sides(&allow.from, false);
        let receivers = self.sides(&allow.to, true);
        for from in &senders {
            for to in &receivers {
                self.connect(allow, from, to, ends);
                self.resolve(allow, (&from.parties, &to.parties), false, ends);
                self.resolve(allow, (&to.parties, &from.parties), true, ends);
            }
        }
    }

    /// Returns the DHCP servers that a list names. An outside without addresses stands for its
    /// exit's next hop.
    fn servers(&self, names: &[String]) -> Vec<Server> {
        let mut servers = Vec::new();
        for name in names {
            let outside = self.outsides.get(&**name);
            let exit = outside.map_or(name, |outside| &outside.exit);
            let named = outside.map_or(&[][..], |outside| &outside.addresses);
            for place in self.sites.places(std::slice::from_ref(exit)) {
                let own = self.sites.at(place).map_or(&[][..], |site| &site.prefixes).iter().copied();
                let ranges = match named {
                    [] => own.collect(),
                    named => named.iter().copied().map(AddressRange::from).collect(),
                };
                servers.push(Server { place, ranges });
            }
        }
        servers
    }

    /// Returns a list with each outside replaced by the exit that its traffic passes.
    fn ports_of(&self, names: &[String]) -> Vec<String> {
        let name =
            |name: &String| self.outsides.get(&**name).map_or_else(|| name.clone(), |o| o.exit.clone());
        names.iter().map(name).collect()
    }

    /// Returns the sides of a rule's list. An exit as receiver has two: its next hops, and the
    /// outside. As a sender it stands for itself, before the list that may contain it. So nothing
    /// is learned from its packets where learning is not needed.
    fn sides(&self, names: &'a [String], receiver: bool) -> Vec<RuleSide<'a>> {
        let inner: Vec<String> =
            names.iter().filter(|n| !self.outsides.contains_key(&***n)).cloned().collect();
        let exits = |name: &&String| {
            let places = self.sites.places(std::slice::from_ref(*name));
            places.into_iter().any(|p| self.sites.at(p).is_some_and(|s| s.kind == AttachmentKind::Exit))
        };
        let outer: Vec<&'a String> =
            names.iter().filter(|n| !self.outsides.contains_key(&***n)).filter(exits).collect();
        let mut sides: Vec<RuleSide<'a>> = Vec::new();
        if !receiver {
            for &exit in &outer {
                let alone = self.sets.parts(self.sites, std::slice::from_ref(exit));
                sides.extend(alone.into_iter().map(|mut parties| {
                    if inner.len() > 1 {
                        parties.part = ListPart::Exit { name: exit };
                    }
                    RuleSide { parties, range: None, outside: false, visitor: true }
                }));
            }
        }
        if receiver || inner.iter().any(|name| !exits(&name)) {
            let list = self.sets.parts(self.sites, &inner);
            let side = |parties| RuleSide { parties, range: None, outside: false, visitor: false };
            sides.extend(list.into_iter().map(side));
        }
        if receiver {
            for exit in outer {
                sides.extend(self.outside(exit, None, exit, false));
            }
        }
        for outside in names.iter().filter_map(|name| self.outsides.get(&**name)) {
            if outside.addresses.is_empty() {
                sides.extend(self.outside(&outside.exit, None, &outside.name, !receiver));
            }
            for &address in &outside.addresses {
                sides.extend(self.outside(&outside.exit, Some(address.into()), &outside.name, !receiver));
            }
        }
        sides
    }

    /// Returns the outside, behind an exit of the network.
    fn outside(
        &self,
        exit: &String,
        range: Option<AddressRange>,
        name: &'a str,
        visitor: bool,
    ) -> Option<RuleSide<'a>> {
        let mut parties = self.sets.parts(self.sites, std::slice::from_ref(exit)).into_iter().next()?;
        parties.part = ListPart::Outside { name, range };
        Some(RuleSide { parties, range, outside: true, visitor })
    }

    pub(in crate::compile) fn speaks(&self, parties: &MatchedParties<'_>, family: AddressFamily) -> bool {
        parties.sites.iter().filter_map(|p| self.sites.at(*p)).any(|site| site.speaks(family))
    }

    /// Returns whether one of the parties uses ARP, or neighbour discovery.
    fn resolves(&self, parties: &MatchedParties<'_>, family: AddressFamily) -> bool {
        parties.sites.iter().filter_map(|p| self.sites.at(*p)).any(|site| self.sites.resolves(site, family))
    }

    fn reached(&self, side: &RuleSide<'_>, family: AddressFamily) -> bool {
        match side.range {
            Some(range) => range.family == family,
            None if side.outside => true,
            None => {
                let at = |p: &usize| self.sites.at(*p);
                side.parties.sites.iter().filter_map(at).any(|s| s.is_reached(family))
            }
        }
    }

    fn connect(&mut self, allow: &'a Allow, from: &RuleSide<'a>, to: &RuleSide<'a>, ends: Option<u16>) {
        let itself = from.parties.single().is_some() && from.parties.single() == to.parties.single();
        if itself {
            return;
        }
        let kinds = kinds(allow);
        for family in AddressFamily::BOTH {
            let sends = match from.range {
                Some(range) => range.family == family,
                None => self.speaks(&from.parties, family),
            };
            if !sends || !self.reached(to, family) {
                continue;
            }
            for &(traffic, port) in &kinds {
                self.open(RuleFlow { allow, from, to, family, traffic, port, ends });
            }
            self.portless(allow, (from, to), family, ends);
        }
    }

    fn open(&mut self, opening: RuleFlow<'_, 'a>) {
        let network = self.sites.network;
        let answered = self.is_answered(&opening);
        if answered {
            self.answers(&opening);
        }
        let rule_traffic = opening.identity(&network.name);
        let RuleFlow { allow, from, to, family, traffic, port, ends } = opening;
        let claim = traffic.claim(port);
        let wanted = RequestedPackets {
            from_range: from.range,
            to_range: to.range,
            outside: to.outside,
            ..RequestedPackets::between(&from.parties.sites, &to.parties.reached(self.sites), ends.is_none())
        };
        let Some(level) = self.claimed.level((claim, family, traffic, port), wanted) else {
            return;
        };
        let mut matches = from.parties.sends(network, traffic.opens(family, port));
        if let Some(range) = from.range {
            matches = out_of(range, matches);
        }
        let exit = to.exit();
        matches = match exit {
            Some(_) => matches.with(OUT_PORT, layout::OUTSIDE.into()),
            None => to.parties.receives(matches),
        };
        if let Some(range) = to.range {
            matches = towards(range, matches);
        }
        let what = traffic.describe(family, port);
        let detail = format!("{} to {}: {what}", self.listed(from), self.listed(to));
        let identity = FlowIdentity::Opens { traffic: rule_traffic, opening: RuleOpening::Direct };
        let asked = FlowSpec::new(identity, detail).of(&allow.name).until(ends);
        let way = ReturnPath {
            traffic,
            family,
            from: ReturnIngress::single(to.parties.single()),
            outside: to.outside,
            visitor: from.visitor,
            follows: false,
            by_service: by_service(allow, traffic, from.visitor),
            vlan: network.vlan,
            cookie: self.out.cookie(&asked),
            limit: limit(allow),
        };
        let priority = by_claim(claim, level);
        if network.stateful == Stateful::Conntrack {
            let opened = OpenedConnection { from, to, matches, priority, way, traffic: rule_traffic, asked };
            return conntrack::open(self, opened);
        }
        let mut actions = if answered { Vec::new() } else { way.learn() };
        let leave = exit.map(|port| load(OUT_PORT, port.into()));
        actions.extend(leave.clone());
        if !answered {
            let base = SharedBase { claim, level, matches: &matches, way: &way, asked: &asked, leave };
            self.open_shared(rule_traffic, (from, to), base);
        }
        self.out.flow(POLICY, priority, matches, forward(actions), asked);
    }

    /// Adds flows for connections from or to a shared address beside a rule's own: the answers
    /// follow the holder.
    fn open_shared(
        &mut self,
        traffic: RuleTraffic<'a>,
        (from, to): (&RuleSide<'a>, &RuleSide<'a>),
        base: SharedBase<'_, 'a>,
    ) {
        let SharedBase { claim, level, matches, way, asked, leave } = base;
        let held = |side: &RuleSide<'_>| shared::held_by(self.sites, &side.parties.sites, way.family);
        let senders = if from.visitor { Vec::new() } else { held(from) };
        let receivers = if to.outside { Vec::new() } else { held(to) };
        let by_senders = senders.into_iter().map(|range| (range, true));
        for (range, follows) in by_senders.chain(receivers.into_iter().map(|range| (range, false))) {
            let Some(priority) = by_claim_of_shared(claim, level, follows) else { continue };
            let (opening, what) = match follows {
                true => (RuleOpening::FromShared { address: range }, "from"),
                false => (RuleOpening::ToShared { address: range }, "to"),
            };
            let detail = format!("{}, {what} {range}", asked.detail);
            let identity = FlowIdentity::Opens { traffic, opening };
            let asked = FlowSpec::new(identity, detail).of(asked.rule).until(asked.ends);
            let way = ReturnPath { cookie: self.out.cookie(&asked), ..way.clone() };
            let (way, matches) = match follows {
                true => (ReturnPath { follows, ..way }, out_of(range, matches.clone())),
                false => (ReturnPath { from: ReturnIngress::Holder, ..way }, towards(range, matches.clone())),
            };
            let mut actions = way.learn();
            actions.extend(leave.clone());
            self.out.flow(POLICY, priority, matches, forward(actions), asked);
        }
    }

    /// Returns the parties of a side by name.
    pub(in crate::compile) fn listed(&self, side: &RuleSide<'_>) -> String {
        if side.outside {
            return side.parties.part.to_string();
        }
        const FEW: usize = 8;
        let name = |place: &usize| Some(self.sites.at(*place)?.party);
        let mut names: Vec<&str> = side.parties.sites.iter().filter_map(name).collect();
        names.dedup();
        let more = names.len().saturating_sub(FEW);
        names.truncate(FEW);
        let list = names.join(", ");
        if more > 0 { format!("{list} and {more} more") } else { list }
    }

    /// Lets the parties of `from` ask for and tell the MAC addresses of the parties of `to`.
    pub(in crate::compile) fn resolve(
        &mut self,
        allow: &'a Allow,
        (from, to): (&MatchedParties<'a>, &MatchedParties<'a>),
        back: bool,
        ends: Option<u16>,
    ) {
        let network = self.sites.network;
        if !back {
            self.neighbours.join(&from.sites, &to.sites, ends);
        }
        // A party that is allowed to talk to itself is joined to no other.
        if from.single().is_some() && from.single() == to.single() {
            return;
        }
        // Nor is a party of one list that is itself in the other.
        let another = |p: &&usize| from.single().is_none() || !from.sites.contains(p);
        let to_sites: Vec<_> = to.sites.iter().filter(another).filter_map(|p| self.sites.at(*p)).collect();
        for (family, kind, packets, what) in resolution_kinds() {
            if !self.resolves(from, family) {
                continue;
            }
            let sends = from.sends(network, kind);
            let mut add = |leased: bool, matches: FlowMatch| {
                let wanted = RequestedPackets::between(&from.sites, &to.sites, ends.is_none());
                if self.resolved.level((packets, leased), wanted).is_none() {
                    return;
                }
                let what = if leased { format!("{what} for what nobody has") } else { what.to_owned() };
                let way = if back { "back" } else { "forth" };
                let detail = format!("{way} for {} on {}: {what}", allow.name, network.name);
                let to = (!leased).then(|| to.list());
                let identity =
                    FlowIdentity::Resolution { network: &network.name, packets, from: from.list(), to };
                self.resolution.add(matches, FlowSpec::new(identity, detail).until(ends));
            };
            let asks = packets == ResolutionPackets::NdSolicitation && self.sites.autoconfigured;
            if asks && to_sites.iter().any(|site| site.leased(family).next().is_some()) {
                add(true, sends.clone().with(OUT_PORT, layout::LEASED.into()));
            }
            let by_link =
                |site: &AttachmentPoint<'_>| family == AddressFamily::V6 && self.sites.resolves(site, family);
            let found = |site: &&AttachmentPoint<'_>| {
                let own = site.resolves.iter().any(|r| r.family == family);
                by_link(site) || own || site.shares(family) || site.leased(family).next().is_some()
            };
            if to_sites.iter().any(found) {
                add(false, to.receives(sends));
            }
        }
    }
}

/// Returns the traffic that a rule lets its senders open: each kind to each port, or to any port if
/// the rule names none.
pub(in crate::compile) fn kinds(allow: &Allow) -> Vec<(Traffic, Option<u16>)> {
    let ports: Vec<Option<u16>> =
        if allow.ports.is_empty() { vec![None] } else { allow.ports.iter().copied().map(Some).collect() };
    let all = Traffic::of(allow.protocol).iter();
    all.flat_map(|traffic| ports.iter().map(|port| (*traffic, *port))).collect()
}

pub(in crate::compile) fn limit(allow: &Allow) -> u32 {
    allow.limit.unwrap_or(DEFAULT_LIMIT)
}

/// Returns whether answers are learned for a client and a service, not for each connection. This
/// applies to connections that any outside address may open: the ports of one host must not fill a
/// table.
pub(in crate::compile) fn by_service(allow: &Allow, traffic: Traffic, visitor: bool) -> bool {
    match (allow.returns, traffic) {
        (Some(Returns::Connection), _) => false,
        (_, Traffic::Udp | Traffic::Sctp) if visitor => true,
        (Some(Returns::Service), Traffic::Tcp | Traffic::Udp) | (None, Traffic::Tcp) => true,
        _ => false,
    }
}

/// A rule's own flow, which the flows for shared addresses accompany.
struct SharedBase<'f, 'a> {
    claim: Claim,
    level: u16,
    matches: &'f FlowMatch,
    way: &'f ReturnPath,
    asked: &'f FlowSpec<'a>,
    /// Leads to the exit, if the rule does.
    leave: Option<Action>,
}

/// The packets of a rule's flow, without its senders and receivers.
type RulePackets = (Claim, AddressFamily, Traffic, Option<u16>);

/// A single flow of a rule.
pub(in crate::compile) struct RuleFlow<'o, 'a> {
    pub(in crate::compile) allow: &'a Allow,
    pub(in crate::compile) from: &'o RuleSide<'a>,
    pub(in crate::compile) to: &'o RuleSide<'a>,
    pub(in crate::compile) family: AddressFamily,
    pub(in crate::compile) traffic: Traffic,
    pub(in crate::compile) port: Option<u16>,
    pub(in crate::compile) ends: Option<u16>,
}

impl<'a> RuleFlow<'_, 'a> {
    /// Returns the identity of the flow's traffic among all that is opened on the bridge.
    pub(in crate::compile) fn identity(&self, network: &'a str) -> RuleTraffic<'a> {
        let &Self { allow, from, to, family, traffic, port, .. } = self;
        let (from, to) = (from.parties.part, to.parties.part);
        RuleTraffic { rule: &allow.name, network, from, to, family, traffic, port }
    }
}
