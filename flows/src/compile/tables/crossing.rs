//! Crossings: an allow between two networks that are otherwise isolated, over a link of its own.
//!
//! The first bridge takes the packet from the initiator, whatever next hop it was sent to, and puts
//! it on the link unchanged. The second bridge turns it into a frame of its own subnet, with the
//! receiver's MAC as destination and the link's MAC as source. Both bridges learn the answer, with
//! the MACs turned back. An ARP request for the other side is answered with the link's MAC. Nothing
//! else comes in by the link.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::net::IpAddr;

use flow_model::{FlowMatch, Masked};
use ipnetwork::IpNetwork;
use ofproto::action::{Action, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};
use ofproto::{MacAddr, PortNo, TableId};

use crate::compile::PortMap;
use crate::compile::input::attachment_point::AttachmentPoint;
use crate::compile::input::scope::Scopes;
use crate::compile::input::time_context::{TimeContext, seconds};
use crate::compile::output::program::{FlowSpec, ProgramBuilder, apply_and_goto, load, output};
use crate::compile::tables::policy::forward;
use crate::compile::tables::returns::{DEFAULT_LIMIT, ReturnIngress, ReturnPath};
use crate::compile::tables::sender::at;
use crate::compile::tables::wire::emit;
use crate::compile::vocabulary::address::AddressRange;
use crate::compile::vocabulary::identity::{Attachment, CrossingPair, CrossingSide, FlowIdentity};
use crate::compile::vocabulary::layout::{ADMISSION, HoldRank, OUT_PORT, POLICY, by_prefix};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::stable_hash::stable_hash;
use crate::compile::vocabulary::traffic::{PortlessPackets, Traffic};
use crate::compile::vocabulary::{address, layout};
use crate::network::{Crossing, Link, Network, NetworkFile};

/// Compiles all crossings that pass this bridge.
pub(in crate::compile) fn compile(
    out: &mut ProgramBuilder<'_>,
    file: &NetworkFile,
    bridge: &str,
    ports: &PortMap,
    scopes: &Scopes<'_>,
    moment: &TimeContext,
) {
    let mut links: Vec<&str> = Vec::new();
    let mut out = CrossingFlows { out, seen: HashSet::new() };
    // Of two equal crossings, the one with the later deadline counts.
    let mut crossings: Vec<&Crossing> = file.crossings.iter().collect();
    crossings.sort_by_key(|crossing| Reverse(crossing.expires.unwrap_or(u64::MAX)));
    for crossing in crossings {
        let ends = match crossing.expires {
            None => None,
            Some(expires) => match moment.until(expires) {
                Some(left) => Some(seconds(left)),
                None => continue,
            },
        };
        let Some(link) = file.links.iter().find(|link| link.name == crossing.over) else { continue };
        let Some(end) = link.ends.iter().find(|end| end.bridge == bridge) else { continue };
        let Some(&wire) = ports.get(&end.port) else {
            out.out.missing(&end.port);
            continue;
        };
        let pass = CrossingPass { crossing, file, scopes, wire, mac: link_mac(link), ends };
        pass.compile(&mut out);
        if !links.contains(&&*link.name) {
            links.push(&link.name);
            nothing_else(out.out, &end.port, link, wire);
        }
    }
}

/// The flows of all crossings, each once: several crossings may join one pair of endpoints.
struct CrossingFlows<'o, 'b> {
    out: &'o mut ProgramBuilder<'b>,
    seen: HashSet<(TableId, u16, FlowMatch)>,
}

impl CrossingFlows<'_, '_> {
    fn flow(
        &mut self,
        table: TableId,
        priority: u16,
        matches: FlowMatch,
        instructions: Vec<Instruction>,
        asked: FlowSpec<'_>,
    ) {
        if self.seen.insert((table, priority, matches.clone())) {
            self.out.flow(table, priority, matches, instructions, asked);
        }
    }
}

/// Drops packets that come in by the link and belong to no crossing.
fn nothing_else(out: &mut ProgramBuilder<'_>, port_name: &str, link: &Link, wire: PortNo) {
    let matches = at(wire, FlowMatch::any());
    let detail = format!("{} at {port_name}: no crossing", link.name);
    let name = link.name.as_str();
    let asked = |identity, detail: String| FlowSpec::drop(identity, Reason::Isolation, detail).of(name);
    let rest = asked(FlowIdentity::CrossingLinkRest { link: name }, detail);
    out.flow(ADMISSION, layout::PORT_DEFAULT, matches.clone(), Vec::new(), rest);
    let detail = format!("{name} at {port_name}: not by this crossing");
    let unused = asked(FlowIdentity::CrossingLinkUnused { link: name }, detail);
    out.flow(POLICY, layout::CROSSING - 1, matches, Vec::new(), unused);
    let identity = FlowIdentity::CrossingLinkOutput { link: name };
    let asked = FlowSpec::new(identity, format!("to {name} at {port_name}"));
    let Some(value) = layout::port_value(wire) else { return };
    let matches = FlowMatch::any().with(OUT_PORT, value.into());
    out.flow(
        layout::FORWARDING,
        layout::WIRE,
        matches,
        vec![Instruction::ApplyActions(vec![output(wire)])],
        asked,
    );
}

/// Returns the permanent MAC of a link: locally administered, the rest from its name.
fn link_mac(link: &Link) -> [u8; 6] {
    let [_, _, _, a, b, c, d, e] = stable_hash(&["link", &link.name]).to_be_bytes();
    [0x02, a, b, c, d, e]
}

/// A crossing on one of its two bridges.
struct CrossingPass<'p, 'a> {
    crossing: &'p Crossing,
    file: &'p NetworkFile,
    scopes: &'p Scopes<'a>,
    wire: PortNo,
    mac: [u8; 6],
    ends: Option<u16>,
}

/// One of the two endpoints of the crossing.
struct CrossingEnd<'p> {
    name: &'p str,
    network: u16,
    address: IpAddr,
    mac: Option<[u8; 6]>,
}

/// An end of a crossing that is on the bridge.
#[derive(Clone, Copy)]
struct LocalEnd<'p> {
    network: &'p Network,
    port: PortNo,
    at: Attachment<'p>,
}

impl CrossingPass<'_, '_> {
    fn compile(&self, out: &mut CrossingFlows<'_, '_>) {
        let (from, to) = (self.everybody(&self.crossing.from), self.everybody(&self.crossing.to));
        for a in &from {
            for b in
                to.iter().filter(|b| b.address.is_ipv4() == a.address.is_ipv4() && b.network != a.network)
            {
                match (self.here(a), self.here(b)) {
                    (Some(here), None) => self.leaves(out, a, b, here),
                    (None, Some(here)) => self.arrives(out, a, b, here),
                    // A link joins two bridges.
                    _ => {}
                }
            }
        }
    }

    fn everybody<'s>(&'s self, names: &'s [String]) -> Vec<CrossingEnd<'s>> {
        let mut all = Vec::new();
        for endpoint in self.file.endpoints.iter().filter(|e| names.contains(&e.name)) {
            for plug in &endpoint.attachments {
                let Some(network) = self.file.network(&plug.network) else { continue };
                let of = |address: &IpAddr| CrossingEnd {
                    name: &endpoint.name,
                    network: network.number,
                    address: *address,
                    mac: plug.mac,
                };
                all.extend(plug.addresses.iter().map(of));
            }
        }
        all
    }

    fn here(&self, end: &CrossingEnd<'_>) -> Option<LocalEnd<'_>> {
        let address = AddressRange::from(IpNetwork::from(end.address));
        let mine = |site: &&AttachmentPoint<'_>| site.party == end.name && site.resolves.contains(&address);
        let scope = self.scopes.all.iter().find(|scope| scope.network.number == end.network)?;
        let site = scope.sites.iter().find(mine)?;
        let (party, port) = (site.party, site.port_name);
        let at = Attachment { network: &scope.network.name, party, port };
        Some(LocalEnd { network: scope.network, port: site.port?, at })
    }

    fn asked<'s>(&'s self, identity: FlowIdentity<'s>, detail: String) -> FlowSpec<'s> {
        FlowSpec::new(identity, detail).of(&self.crossing.name).until(self.ends)
    }

    fn pair(&self, source: AddressRange, target: AddressRange) -> CrossingPair<'_> {
        CrossingPair { crossing: &self.crossing.name, source, target }
    }

    /// Compiles the flows on the initiator's bridge.
    fn leaves(
        &self,
        out: &mut CrossingFlows<'_, '_>,
        a: &CrossingEnd<'_>,
        b: &CrossingEnd<'_>,
        here: LocalEnd<'_>,
    ) {
        let from = at(here.port, FlowMatch::any()).with(layout::NETWORK, a.network.into());
        self.opens(out, a, b, from, self.wire, here.network, None);
        self.answered(out, b, a);
        self.resolved(out, here, b.address);
    }

    /// Compiles the flows on the other bridge.
    fn arrives(
        &self,
        out: &mut CrossingFlows<'_, '_>,
        a: &CrossingEnd<'_>,
        b: &CrossingEnd<'_>,
        here: LocalEnd<'_>,
    ) {
        let Some(mac) = b.mac else { return };
        self.answered(out, a, b);
        let from = at(self.wire, FlowMatch::any()).with(layout::NETWORK, a.network.into());
        self.opens(out, a, b, from, here.port, here.network, Some(mac));
        self.resolved(out, here, a.address);
    }

    /// Admits packets from the link: only from the other side's end to this side's.
    fn answered(&self, out: &mut CrossingFlows<'_, '_>, there: &CrossingEnd<'_>, here: &CrossingEnd<'_>) {
        let range = AddressRange::from(IpNetwork::from(there.address));
        let target = AddressRange::from(IpNetwork::from(here.address));
        let family = range.family;
        let matches = target.on(range.on(family.matches(), family.src()), family.dst());
        let detail = format!("{} to {} by the link", there.name, here.name);
        let identity = FlowIdentity::CrossingAdmitted { pair: self.pair(range, target) };
        let asked = self.asked(identity, detail);
        let instructions = apply_and_goto(vec![load(layout::NETWORK, there.network.into())], layout::RETURNS);
        let priority = by_prefix(range.length(), HoldRank::Owner);
        out.flow(ADMISSION, priority, at(self.wire, matches), instructions, asked);
    }

    #[allow(clippy::too_many_arguments, reason = "both sides, and where from and to")]
    fn opens(
        &self,
        out: &mut CrossingFlows<'_, '_>,
        a: &CrossingEnd<'_>,
        b: &CrossingEnd<'_>,
        from: FlowMatch,
        to: PortNo,
        network: &Network,
        mac: Option<[u8; 6]>,
    ) {
        let (source, target) =
            (AddressRange::from(IpNetwork::from(a.address)), AddressRange::from(IpNetwork::from(b.address)));
        let family = source.family;
        let Some(out_port) = layout::port_value(to) else { return };
        let between = |matches: FlowMatch| {
            let matches = target.on(source.on(matches, family.src()), family.dst());
            from.iter().fold(matches, |m, (field, bits)| {
                let had = m.field(field).unwrap_or(Masked { value: 0, mask: 0 });
                m.with_masked(field, had.value | bits.value, had.mask | bits.mask)
            })
        };
        let routed = |actions: &mut Vec<Action>| {
            if let Some(mac) = mac {
                actions.push(Action::DecNwTtl);
                actions.push(set(Field::EthSrc, MacAddr(self.mac).bits()));
                actions.push(set(Field::EthDst, MacAddr(mac).bits()));
                // The table of outputs selects the port by port and network if the network has a
                // tag.
                if network.vlan.is_some() {
                    actions.push(load(layout::NETWORK, network.number.into()));
                }
            }
            actions.push(load(OUT_PORT, out_port.into()));
        };
        let pair = self.pair(source, target);
        let (side, goes) = match mac {
            Some(_) => (CrossingSide::Arrives, "arrives"),
            None => (CrossingSide::Leaves, "leaves"),
        };
        for packets in PortlessPackets::of(self.crossing.protocol, family) {
            let matches = between(packets.matches(family));
            let what = packets.describe(family);
            let detail = format!("{} {source} to {} {target}: {what} {goes}", a.name, b.name);
            let asked = self.asked(FlowIdentity::CrossingPortless { pair, side, packets }, detail);
            let mut actions = Vec::new();
            routed(&mut actions);
            out.flow(POLICY, layout::CROSSING_PORTLESS, matches, forward(actions), asked);
        }
        let any = [None];
        let ports: Vec<Option<u16>> = self.crossing.ports.iter().copied().map(Some).collect();
        for &traffic in Traffic::of(self.crossing.protocol) {
            for &port in if ports.is_empty() { &any[..] } else { &ports } {
                let matches = between(traffic.opens(family, port));
                let what = traffic.describe(family, port);
                let detail = format!("{} {source} to {} {target}: {what} {goes}", a.name, b.name);
                let asked = self.asked(FlowIdentity::CrossingOpens { pair, side, traffic, port }, detail);
                let way = ReturnPath {
                    traffic,
                    family,
                    from: ReturnIngress::Port(out_port),
                    outside: false,
                    visitor: false,
                    follows: false,
                    by_service: false,
                    vlan: if mac.is_none() { network.vlan } else { None },
                    cookie: out.out.cookie(&asked),
                    limit: self.crossing.limit.unwrap_or(DEFAULT_LIMIT),
                };
                let mut actions = way.learn();
                if mac.is_some() {
                    actions.iter_mut().for_each(turn_back);
                }
                routed(&mut actions);
                // Of a protocol's kinds of traffic, the more specific one has the higher priority.
                let priority = layout::CROSSING + traffic.claim(port) as u16;
                out.flow(POLICY, priority, matches, forward(actions), asked);
            }
        }
    }

    /// Answers ARP for the other side with the link's MAC, in the switch.
    fn resolved(&self, out: &mut CrossingFlows<'_, '_>, here: LocalEnd<'_>, address: IpAddr) {
        let LocalEnd { network, port, at: asks } = here;
        // No flow can answer neighbour discovery: its checksum covers the fields that the answer
        // adds.
        let IpAddr::V4(v4) = address else { return };
        let number = u128::from(v4.to_bits());
        let matches = at(port, address::arp().with(Field::ArpTpa, number).with(Field::ArpOp, 1))
            .with(layout::NETWORK, network.number.into());
        let copy =
            |src: Field, dst: Field| Action::Move { src: Subfield::whole(src), dst: Subfield::whole(dst) };
        let mac = MacAddr(self.mac).bits();
        let mut actions = vec![
            copy(Field::EthSrc, Field::EthDst),
            set(Field::EthSrc, mac),
            set(Field::ArpOp, 2),
            copy(Field::ArpSha, Field::ArpTha),
            set(Field::ArpSha, mac),
            copy(Field::ArpSpa, Field::ArpTpa),
            set(Field::ArpSpa, number),
        ];
        actions.extend(emit(network, PortNo::IN_PORT));
        let detail = format!("ARP for {address} is answered");
        let (crossing, address) = (self.crossing.name.as_str(), AddressRange::from(IpNetwork::from(address)));
        let identity = FlowIdentity::CrossingArp { crossing, at: asks, address };
        let asked = FlowSpec::new(identity, detail).of(crossing).until(self.ends);
        out.flow(POLICY, layout::CROSSING, matches, vec![Instruction::ApplyActions(actions)], asked);
    }
}

fn set(field: Field, value: u128) -> Action {
    Action::SetField(Oxm::Known { field, value, mask: None })
}

/// Makes the answer go back with the MACs that the initiator used.
fn turn_back(action: &mut Action) {
    let Action::Learn(learn) = action else { return };
    let load = |dst: Field, src: Field| LearnSpec::Load {
        dst: Subfield::whole(dst),
        src: LearnSrc::Field(Subfield::whole(src)),
    };
    let place = learn.specs.iter().position(|spec| !matches!(spec, LearnSpec::Match { .. }));
    let place = place.unwrap_or(learn.specs.len());
    learn.specs.insert(place, load(Field::EthDst, Field::EthSrc));
    learn.specs.insert(place, load(Field::EthSrc, Field::EthDst));
}
