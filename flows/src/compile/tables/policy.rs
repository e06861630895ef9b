//! Table 2: isolation, allowed traffic, default deny.

use std::collections::HashMap;

use flow_model::FlowMatch;
use ofproto::action::Action;
use ofproto::icmpv6;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoints};
use crate::compile::input::rule_parties::with_bit;
use crate::compile::input::scope::Scopes;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, apply_and_goto, load};
use crate::compile::tables::neighbour_discovery;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{FlowIdentity, InsidePackets, ResolutionPackets};
use crate::compile::vocabulary::layout::{FORWARDING, FROM_MEMBER, MARKS, OUT_PORT, POLICY, TO_MEMBER};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::{address, layout};
use crate::network::{Inside, Network};

/// Compiles the flows of a network except its rules.
pub(in crate::compile) fn compile(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>) {
    isolation(out, sites.network);
    broadcast(out, sites);
    neighbour_discovery::impostors(out, sites);
    if sites.network.inside == Inside::Allow {
        inside(out, sites);
    }
}

/// Compiles the flows that all networks share.
pub(in crate::compile) fn common(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    scopes.elsewhere.iter().for_each(|(network, _)| isolation(out, network));
    marked(out);
    multicast(out);
    for (packets, matches, detail) in [
        (ResolutionPackets::NdSolicitation, address::nd(icmpv6::NEIGHBOUR_SOLICITATION), SOLICITATION),
        (
            ResolutionPackets::NdAdvertisement,
            address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT),
            "ND advertisement",
        ),
        (ResolutionPackets::Arp, address::arp(), "ARP"),
    ] {
        let identity = FlowIdentity::Unresolved { packets };
        out.drop(POLICY, layout::UNRESOLVED, matches, identity, Reason::NotJoined, detail);
    }
    let (identity, reason) = (FlowIdentity::TableMiss { table: POLICY }, Reason::NotAllowed);
    out.drop(POLICY, layout::DEFAULT, FlowMatch::any(), identity, reason, "what no rule allows");
}

/// Drops packets that would cross from another network into this one, whether the address is an
/// endpoint's or behind one. The lookup identifies the destination's network, and a flow for each
/// network counts its drops.
fn isolation(out: &mut ProgramBuilder<'_>, network: &Network) {
    let matches = FlowMatch::any().with(layout::FOREIGN, network.number.into());
    let detail = format!("into network {}", network.name);
    let identity = FlowIdentity::Isolation { network: &network.name };
    let asked = FlowSpec::drop(identity, Reason::Isolation, detail).of(&network.name);
    out.flow(POLICY, layout::ISOLATION, matches, Vec::new(), asked);
}

/// Passes packets that a learned flow has marked, and drops all others of strangers.
fn marked(out: &mut ProgramBuilder<'_>) {
    let expected = with_bit(FlowMatch::any(), MARKS, layout::EXPECTED);
    let detail = "ICMP errors and later fragments that somebody waits for";
    let asked = FlowSpec::new(FlowIdentity::Expected, detail);
    out.flow(POLICY, layout::EXPECTED_PASS, expected, forward(Vec::new()), asked);
    let stranger = with_bit(FlowMatch::any(), MARKS, layout::STRANGER);
    let detail = "from outside by a next hop, and no answer";
    out.drop(POLICY, layout::STRANGERS, stranger, FlowIdentity::Stranger, Reason::Spoofed, detail);
}

/// Drops IP multicast and broadcast; ARP and ND have flows of their own.
fn multicast(out: &mut ProgramBuilder<'_>) {
    for range in address::groups() {
        let matches = range.on(range.family.matches(), range.family.dst());
        let detail = format!("multicast to {range}");
        let identity = FlowIdentity::Multicast { range };
        out.drop(POLICY, layout::MULTICAST, matches, identity, Reason::Multicast, detail);
    }
}

/// Drops the broadcast of a subnet, also towards a link that leads to the subnet's other members.
fn broadcast(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>) {
    let network = sites.network;
    let links = || sites.all.iter().filter(|site| site.kind == AttachmentKind::Link);
    for range in broadcasts(network) {
        if !links().any(|link| link.prefixes.iter().any(|prefix| prefix.contains(range))) {
            continue;
        }
        let matches = range.on(range.family.matches(), range.family.dst());
        let matches = matches.with(layout::NETWORK, network.number.into());
        let detail = format!("broadcast to {range} of {}", network.name);
        let identity = FlowIdentity::SubnetBroadcast { network: &network.name, range };
        out.drop(POLICY, layout::MULTICAST, matches, identity, Reason::Multicast, detail);
    }
}

/// Passes traffic between members of a network with `inside = "allow"`, statelessly: a receiver may
/// answer whatever it may receive. Broadcast and multicast reach all members and no other party.
fn inside(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>) {
    let network = sites.network;
    let from_member =
        |m: FlowMatch| with_bit(m.with(layout::NETWORK, network.number.into()), MARKS, FROM_MEMBER);
    let between = |m: FlowMatch| with_bit(from_member(m), MARKS, TO_MEMBER);
    let mut flow = |priority, matches, loads, packets, what: &str| {
        let identity = FlowIdentity::Inside { network: &network.name, packets };
        let detail = format!("members of {}: {what}", network.name);
        let asked = FlowSpec::new(identity, detail).of(&network.name);
        out.flow(POLICY, priority, matches, forward(loads), asked);
    };
    flow(layout::INSIDE, between(FlowMatch::any()), Vec::new(), InsidePackets::All, "all");
    let resolution = layout::RESOLUTION - 1;
    for (_, matches, packets, what) in resolution_kinds() {
        let packets = InsidePackets::Resolution { packets };
        flow(resolution, between(matches), Vec::new(), packets, what);
    }
    if sites.autoconfigured {
        let unheld =
            from_member(address::nd(icmpv6::NEIGHBOUR_SOLICITATION)).with(OUT_PORT, layout::LEASED.into());
        let what = format!("{SOLICITATION} for what nobody has");
        flow(resolution, unheld, Vec::new(), InsidePackets::UnheldSolicitation, &what);
    }
    for range in address::groups().into_iter().chain(broadcasts(network)) {
        let matches = from_member(range.on(range.family.matches(), range.family.dst()));
        let everybody = vec![load(OUT_PORT, layout::EVERYBODY.into())];
        let packets = InsidePackets::Group { range };
        flow(layout::MULTICAST + 1, matches, everybody, packets, &format!("to {range}"));
    }
}

/// Returns the broadcast addresses of the network's IPv4 subnets.
fn broadcasts(network: &Network) -> impl Iterator<Item = AddressRange> {
    network.subnets.iter().filter_map(|subnet| match subnet {
        ipnetwork::IpNetwork::V4(v4) if v4.prefix() < 31 => {
            Some(AddressRange::from(ipnetwork::IpNetwork::from(std::net::IpAddr::V4(v4.broadcast()))))
        }
        _ => None,
    })
}

/// Returns instructions that apply `actions` and output to the port that the register holds.
pub(in crate::compile) fn forward(actions: Vec<Action>) -> Vec<Instruction> {
    match actions.is_empty() {
        true => vec![Instruction::GotoTable(FORWARDING)],
        false => apply_and_goto(actions, FORWARDING),
    }
}

/// ARP and neighbour discovery between parties that a rule joins, each flow once.
#[derive(Default)]
pub(in crate::compile) struct Resolution<'a> {
    order: Vec<(FlowMatch, FlowSpec<'a>)>,
    by_match: HashMap<FlowMatch, usize>,
}

impl<'a> Resolution<'a> {
    /// Adds a flow. If several rules share it, it lasts as long as the longest rule.
    pub(in crate::compile) fn add(&mut self, matches: FlowMatch, asked: FlowSpec<'a>) {
        match self.by_match.get(&matches).and_then(|place| self.order.get_mut(*place)) {
            Some((_, before)) => before.ends = before.ends.zip(asked.ends).map(|(a, b)| a.max(b)),
            None => {
                self.by_match.insert(matches.clone(), self.order.len());
                self.order.push((matches, asked));
            }
        }
    }

    pub(in crate::compile) fn finish(self, out: &mut ProgramBuilder<'_>) {
        self.finish_as(out, layout::RESOLUTION, &forward(Vec::new()));
    }

    /// Emits the flows with a priority and instructions that all of them share.
    pub(in crate::compile) fn finish_as(
        self,
        out: &mut ProgramBuilder<'_>,
        priority: u16,
        instructions: &[Instruction],
    ) {
        for (matches, asked) in self.order {
            out.flow(POLICY, priority, matches, instructions.to_vec(), asked);
        }
    }
}

/// The name of an IPv6 request for a MAC address.
const SOLICITATION: &str = "ND solicitation";

/// Returns the kinds of packets that ask for or tell a MAC address.
pub(in crate::compile) fn resolution_kinds()
-> [(AddressFamily, FlowMatch, ResolutionPackets, &'static str); 3] {
    [
        (AddressFamily::V4, address::arp(), ResolutionPackets::Arp, "ARP"),
        (
            AddressFamily::V6,
            address::nd(icmpv6::NEIGHBOUR_SOLICITATION),
            ResolutionPackets::NdSolicitation,
            SOLICITATION,
        ),
        (
            AddressFamily::V6,
            address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT),
            ResolutionPackets::NdAdvertisement,
            "ND advertisement",
        ),
    ]
}

/// Adds the condition that the destination address lies in the range.
pub(in crate::compile) fn towards(range: AddressRange, matches: FlowMatch) -> FlowMatch {
    range.on(matches, range.family.dst())
}

/// Adds the condition that the source address lies in the range.
pub(in crate::compile) fn out_of(range: AddressRange, matches: FlowMatch) -> FlowMatch {
    let field: Field = range.family.src();
    range.on(matches, field)
}
