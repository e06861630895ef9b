//! Rules that go by a next hop. The frame goes to the next hop's MAC, the packet to an address
//! outside. Answers come in at the next hop's port, with source addresses that have no owner here.
//! They pass only as answers.

use std::collections::BTreeMap;

use flow_model::FlowMatch;
use ofproto::MacAddr;
use ofproto::oxm::Field;

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoints};
use crate::compile::input::overlap::RequestedPackets;
use crate::compile::input::rule_parties::{MatchedParties, PartySets};
use crate::compile::input::scope::NetworkRule;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, apply_and_goto, load, mark};
use crate::compile::tables::joint::JointPass;
use crate::compile::tables::policy::{forward, towards};
use crate::compile::tables::returns::{ReturnIngress, ReturnPath};
use crate::compile::tables::rules::{RuleCompiler, by_service, kinds, limit};
use crate::compile::tables::sender::{at, loads};
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{FlowIdentity, HopPackets};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::{ADMISSION, Claim, HoldRank, OUT_PORT, POLICY, by_claim, by_prefix};
use crate::compile::vocabulary::traffic::PortlessPackets;
use crate::network::{Allow, Stateful};

/// Admits packets from outside at the ports of next hops.
pub(in crate::compile) fn admission(
    out: &mut ProgramBuilder<'_>,
    rules: &[NetworkRule<'_>],
    sites: &AttachmentPoints<'_>,
    sets: &PartySets<'_>,
) {
    let mut hops: BTreeMap<usize, &str> = BTreeMap::new();
    for NetworkRule { allow, by_hop, .. } in rules.iter().filter(|rule| rule.open.is_some()) {
        let Some(via) = &allow.via else { continue };
        let hop = std::slice::from_ref(via);
        if !by_hop.is_empty() && sites.share(&allow.from, hop) {
            hops.extend(sites.places(hop).into_iter().map(|place| (place, &**via)));
        }
    }
    for (place, name) in hops {
        let Some(site) = sites.at(place) else { continue };
        let Some(port) = site.port else { continue };
        for family in AddressFamily::BOTH.into_iter().filter(|family| site.speaks(*family)) {
            let mut actions = loads(sites, site, sets.of_site(place));
            actions.push(mark(layout::mark_bit(layout::STRANGER)));
            let mut matches = at(port, family.matches());
            if sites.network.vlan.is_some() {
                matches = matches.with(layout::NETWORK, sites.network.number.into());
            }
            if let Some(mac) = site.mac {
                matches = matches.with(Field::EthSrc, MacAddr(mac).bits());
            }
            let detail = format!("{name} at {}: answers from outside, {}", site.port_name, family.label());
            let identity = FlowIdentity::AdmittedFromNextHop { at: sites.attachment(site), family };
            let asked = FlowSpec::new(identity, detail).of(site.party);
            let instructions = apply_and_goto(actions, layout::RETURNS);
            out.flow(ADMISSION, by_prefix(0, HoldRank::Network), matches, instructions, asked);
        }
    }
}

impl<'a> RuleCompiler<'_, '_, 'a> {
    /// Compiles the flows of an allow that goes by a next hop.
    pub(in crate::compile) fn via(&mut self, rule: &NetworkRule<'a>, via: &'a String, ends: Option<u16>) {
        let allow = rule.allow;
        let hop = std::slice::from_ref(via);
        if rule.by_hop.is_empty() || !self.sites.share(&allow.from, hop) {
            return;
        }
        let hops = self.sets.parts(self.sites, hop);
        let Some(hop) = hops.first() else { return };
        let Some(place) = hop.sites.first().copied() else { return };
        let Some(mac) = self.sites.at(place).and_then(|site| site.mac) else { return };
        let Some(port) = hop.single() else { return };
        for from in self.sets.parts(self.sites, &allow.from) {
            for range in self.ranges(&rule.by_hop) {
                self.by_hop(allow, &from, &NextHop { place, mac, port }, range, ends);
            }
            self.resolve(allow, (&from, hop), false, ends);
            self.resolve(allow, (hop, &from), true, ends);
        }
    }

    /// Returns the addresses of outsides; an exit stands for all addresses.
    fn ranges(&self, names: &[&String]) -> Vec<AddressRange> {
        let mut ranges = Vec::new();
        for name in names {
            match self.outsides.get(&***name).filter(|outside| !outside.addresses.is_empty()) {
                Some(outside) => ranges.extend(outside.addresses.iter().copied().map(AddressRange::from)),
                None => ranges.extend(AddressFamily::BOTH.map(AddressRange::all)),
            }
        }
        ranges
    }

    fn by_hop(
        &mut self,
        allow: &'a Allow,
        from: &MatchedParties<'a>,
        hop: &NextHop,
        range: AddressRange,
        ends: Option<u16>,
    ) {
        let (family, network) = (range.family, self.sites.network);
        let hop_speaks = self.sites.at(hop.place).is_some_and(|site| site.speaks(family));
        if !self.speaks(from, family) || !hop_speaks || from.single() == Some(hop.port) {
            return;
        }
        let is_exit =
            |place: &usize| self.sites.at(*place).is_some_and(|site| site.kind == AttachmentKind::Exit);
        let visitor = from.sites.iter().all(is_exit);
        self.portless_by_hop(allow, from, hop, range, ends);
        for (traffic, port) in kinds(allow) {
            let wanted = RequestedPackets {
                to_range: Some(range),
                outside: true,
                via: Some(hop.place),
                ..RequestedPackets::between(&from.sites, &[hop.place], ends.is_none())
            };
            let kind = (Claim::Via, family, traffic, port);
            let Some(level) = self.claimed.level(kind, wanted) else { continue };
            // Of the kinds of traffic of one rule, the more specific one comes first.
            let level = level * 4 + 3 - traffic.claim(port) as u16;
            let what = (HopPackets::Opening { traffic, port }, &*traffic.describe(family, port));
            let (matches, asked) =
                self.by_way_of(hop, allow, (from, range), traffic.opens(family, port), what, ends);
            let way = ReturnPath {
                traffic,
                family,
                from: ReturnIngress::Port(hop.port),
                outside: true,
                visitor,
                follows: false,
                by_service: by_service(allow, traffic, visitor),
                vlan: network.vlan,
                cookie: self.out.cookie(&asked),
                limit: limit(allow),
            };
            let mut actions = way.learn();
            actions.push(load(OUT_PORT, hop.port.into()));
            self.out.flow(POLICY, by_claim(Claim::Via, level), matches, forward(actions), asked);
        }
    }

    /// Returns the match of packets that go to those addresses by the next hop, and its
    /// description.
    fn by_way_of(
        &self,
        hop: &NextHop,
        allow: &'a Allow,
        (from, range): (&MatchedParties<'a>, AddressRange),
        matches: FlowMatch,
        (packets, what): (HopPackets, &str),
        ends: Option<u16>,
    ) -> (FlowMatch, FlowSpec<'a>) {
        let network = self.sites.network;
        let matches = towards(range, from.sends(network, matches).with(OUT_PORT, layout::OUTSIDE.into()));
        let name = hop.place_name(self.sites);
        let detail = format!("to {range} by {name}: {what}");
        let identity = FlowIdentity::ByNextHop {
            rule: &allow.name,
            network: &network.name,
            hop: name,
            from: from.part,
            target: range,
            packets,
        };
        let asked = FlowSpec::new(identity, detail).of(&allow.name).until(ends);
        (matches.with(Field::EthDst, MacAddr(hop.mac).bits()), asked)
    }

    /// Compiles the packets without ports that go by the next hop.
    fn portless_by_hop(
        &mut self,
        allow: &'a Allow,
        from: &MatchedParties<'a>,
        hop: &NextHop,
        range: AddressRange,
        ends: Option<u16>,
    ) {
        let family = range.family;
        if self.sites.network.stateful != Stateful::Learn {
            return;
        }
        for what in PortlessPackets::of(allow.protocol, family) {
            let described = (HopPackets::Portless { packets: what }, &*what.describe(family));
            let (matches, asked) =
                self.by_way_of(hop, allow, (from, range), what.matches(family), described, ends);
            let actions = vec![load(OUT_PORT, hop.port.into())];
            self.joint.add(JointPass { priority: layout::PORTLESS_VIA, matches, actions, asked });
        }
    }
}

/// The next hop of a rule.
struct NextHop {
    place: usize,
    mac: [u8; 6],
    port: u32,
}

impl NextHop {
    fn place_name<'a>(&self, sites: &AttachmentPoints<'a>) -> &'a str {
        sites.at(self.place).map_or("", |site| site.party)
    }
}
