//! Networks whose answers the switch's connection tracker identifies, in a zone for each network.
//!
//! Policy sends to `ct()` only packets that a rule joins, in either direction. Other packets cost
//! the tracker nothing. Packets return from the tracker with the state of their connection and are
//! judged once more. A rule's flow commits the connection. The label holds the flow that opened it,
//! and the two ports of the bridge between which it was opened.
//!
//! An answer passes under three conditions. The rule's flow is installed, the rule still joins the
//! two parties in this direction, and both are at the ports between which the connection was
//! opened. The answer goes to the port that the lookup of its destination gave. So a connection
//! that outlives its rule, or the place of one of its ends, passes nothing, whether it is flushed
//! or not.
//!
//! | table | name | does |
//! |---|---|---|
//! | 12 | tracked | puts the connection's two ports into a register, the sender's first |
//! | 13 | by connection | the destination of an answer without a lookup: outside, or leased |
//! | 14 | sender's port | checks that the sender is at the connection's port |
//! | 15 | destination's port | checks that the destination is too |
//! | 16 | untracked | learned: answers to fragmented requests |
//!
//! Fragments never enter `ct()`: see [`fragments`].

mod fragments;
mod stale;

use std::collections::HashSet;

use flow_model::{FlowMatch, Masked};
use ofproto::Cookie;
use ofproto::action::{Action, CT_COMMIT, CT_FORCE, Ct, CtZone, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

pub use self::stale::{StaleConnections, add_stale};
use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoint, AttachmentPoints};
use crate::compile::input::overlap::OverlapResolver;
use crate::compile::input::rule_parties::PartySets;
use crate::compile::input::scope::Scopes;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, load, mark, resubmit};
use crate::compile::tables::policy::{Resolution, forward, out_of, towards};
use crate::compile::tables::returns::ReturnPath;
use crate::compile::tables::rules::{RuleCompiler, RuleSide};
use crate::compile::tables::shared;
use crate::compile::vocabulary::address::AddressFamily;
use crate::compile::vocabulary::identity::{
    ConnectionEnd, FlowIdentity, RuleAnswer, RuleTraffic, TrackedPackets, TrackedReceivers,
};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::{
    BY_CONNECTION, CONNECTION, DESTINATION_PORT, FORWARDING, OUT_PORT, POLICY, SENDER_PORT, TO_MEMBER,
    TRACKED, UNTRACKED,
};
use crate::network::{Network, Stateful};

// Bits of ct_state (ovs-fields(7)).
const ESTABLISHED: u128 = 0x02;
const RELATED: u128 = 0x04;
const REPLY: u128 = 0x08;
const INVALID: u128 = 0x10;
const TRACKED_BIT: u128 = 0x20;

/// In `ip_frag`: not a fragment.
const WHOLE: u128 = 0;

const ZONE: Subfield = Subfield { field: layout::NETWORK, ofs: 0, n_bits: 16 };
/// In the label: the cookie of the flow that opened the connection.
const OPENED_BY: Subfield = Subfield { field: Field::CtLabel, ofs: 0, n_bits: 64 };
/// In the label: the port of the opener.
const OPENER: Subfield = Subfield { field: Field::CtLabel, ofs: 64, n_bits: 16 };
/// In the label: the port of the responder.
const RESPONDER: Subfield = Subfield { field: Field::CtLabel, ofs: 80, n_bits: 16 };
/// In the register: the connection's port that the packet should come from.
const SENDER: Subfield = Subfield { field: CONNECTION, ofs: 0, n_bits: 16 };
/// In the register: the connection's port that the packet should go to.
const DESTINATION: Subfield = Subfield { field: CONNECTION, ofs: 16, n_bits: 16 };

/// Compiles the flows of a network that do not depend on its rules.
pub(in crate::compile) fn compile(
    out: &mut ProgramBuilder<'_>,
    sites: &AttachmentPoints<'_>,
    sets: &PartySets<'_>,
) {
    if sites.network.stateful == Stateful::Conntrack {
        fragments::compile(out, sites.network);
        ports(out, sites);
        by_connection(out, sites, sets);
    }
}

/// Compiles the flows that such networks of a bridge share.
pub(in crate::compile) fn common(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    if !scopes.all.iter().any(|scope| scope.network.stateful == Stateful::Conntrack) {
        return;
    }
    let copy = |src, dst| Action::Move { src, dst };
    let on = || [resubmit(BY_CONNECTION), resubmit(POLICY)];
    for (packets, what, state, sender, destination) in [
        (TrackedPackets::FromResponder, "from the responder", REPLY, RESPONDER, OPENER),
        (TrackedPackets::ErrorsFromOpener, "an error from the opener", RELATED, OPENER, RESPONDER),
    ] {
        let matches = FlowMatch::any().with_masked(Field::CtState, state, REPLY | state);
        let mut actions = vec![copy(sender, SENDER), copy(destination, DESTINATION)];
        actions.extend(on());
        flow(out, TRACKED, matches, actions, FlowIdentity::TrackedConnection { packets }, what);
    }
    let detail = "of no connection, or from its opener: on to policy";
    let asked = FlowSpec::new(FlowIdentity::TableMiss { table: TRACKED }, detail);
    let instructions = vec![Instruction::ApplyActions(vec![resubmit(UNTRACKED), resubmit(POLICY)])];
    out.flow(TRACKED, layout::DEFAULT, FlowMatch::any(), instructions, asked);
    for (table, what) in [
        (BY_CONNECTION, "the destination's address tells"),
        (SENDER_PORT, "the sender is at another port than the connection's"),
        (DESTINATION_PORT, "the destination is at another port than the connection's"),
    ] {
        let asked = FlowSpec::new(FlowIdentity::TableMiss { table }, what);
        out.flow(table, layout::DEFAULT, FlowMatch::any(), Vec::new(), asked);
    }
    fragments::common(out);
}

fn flow(
    out: &mut ProgramBuilder<'_>,
    table: ofproto::TableId,
    matches: FlowMatch,
    actions: Vec<Action>,
    identity: FlowIdentity<'_>,
    detail: impl Into<String>,
) {
    let asked = FlowSpec::new(identity, detail);
    out.flow(table, layout::WIRE, matches, vec![Instruction::ApplyActions(actions)], asked);
}

/// Checks that both ends are at the connection's ports: a flow for each port, first for the sender
/// and then for the destination.
fn ports(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>) {
    let network = sites.network;
    let mut seen = HashSet::new();
    for site in sites.all {
        let Some((port, value)) = site.port.and_then(|port| Some((port, layout::port_value(port)?))) else {
            continue;
        };
        if !seen.insert(value) {
            continue;
        }
        let here = FlowMatch::any().with(layout::NETWORK, network.number.into());
        let name = site.port_name;
        let identity = |end| FlowIdentity::ConnectionPort { network: &network.name, end, port: name };
        let matches = part(here.clone().with(Field::InPortOxm, port.0.into()), SENDER, value.into());
        let detail = format!("{}: a connection's packet from {name}", network.name);
        let sender = identity(ConnectionEnd::Sender);
        flow(out, SENDER_PORT, matches, vec![resubmit(DESTINATION_PORT)], sender, detail);
        let matches = part(here.with(OUT_PORT, value.into()), DESTINATION, value.into());
        let detail = format!("{}: a connection's packet to {name}", network.name);
        let destination = identity(ConnectionEnd::Destination);
        flow(out, DESTINATION_PORT, matches, vec![resubmit(FORWARDING)], destination, detail);
    }
    for shared::MovedSharedAddress { range, now, before } in shared::taken_over(sites) {
        let here = range.family.matches().with(layout::NETWORK, network.number.into());
        let ((now, name), (before, name_before)) = (now, before);
        let Some(value) = layout::port_value(now) else { continue };
        let identity = |end| FlowIdentity::ConnectionMoved {
            network: &network.name,
            end,
            address: range,
            now: name,
            before: name_before,
        };
        let what = format!("{range}, which moved from port {before}");
        let matches = part(out_of(range, here.clone()), SENDER, before.into());
        let matches = matches.with(Field::InPortOxm, now.0.into());
        let detail = format!("{}: a connection's packet from port {value} by {what}", network.name);
        let sender = identity(ConnectionEnd::Sender);
        flow(out, SENDER_PORT, matches, vec![resubmit(DESTINATION_PORT)], sender, detail);
        let matches = part(towards(range, here), DESTINATION, before.into());
        let matches = matches.with(OUT_PORT, value.into());
        let detail = format!("{}: a connection's packet to port {value} for {what}", network.name);
        let destination = identity(ConnectionEnd::Destination);
        flow(out, DESTINATION_PORT, matches, vec![resubmit(FORWARDING)], destination, detail);
    }
}

/// Adds the condition that some bits of a field have a value.
fn part(matches: FlowMatch, bits: Subfield, value: u128) -> FlowMatch {
    let old = matches.field(bits.field).map_or((0, 0), |old| (old.value, old.mask));
    let ones = (1u128 << bits.n_bits) - 1;
    matches.with_masked(bits.field, old.0 | value << bits.ofs, old.1 | ones << bits.ofs)
}

/// Finds the destination of an answer whose address no lookup identifies. It is outside behind an
/// exit, or at a leased address where rules do not name it. The connection knows the port.
fn by_connection(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>, sets: &PartySets<'_>) {
    let network = sites.network;
    for (place, site) in sites.all.iter().enumerate() {
        let Some(value) = site.port.and_then(layout::port_value) else { continue };
        let here = FlowMatch::any().with(layout::NETWORK, network.number.into());
        let here = part(here, DESTINATION, value.into());
        let mut found = vec![load(OUT_PORT, value.into())];
        if site.kind == AttachmentKind::Endpoint {
            found.push(mark(layout::mark_bit(TO_MEMBER)));
        }
        found.extend(sets.of_site(place).iter().map(|set| mark(layout::to_set(*set))));
        let detail = |what: &str| format!("{}: {} {what}", network.name, site.party);
        let at = sites.attachment(site);
        let add = |m: FlowMatch, (field, bits): (Field, Masked)| m.with_masked(field, bits.value, bits.mask);
        if site.kind == AttachmentKind::Exit {
            let outside = here.clone().with(OUT_PORT, layout::OUTSIDE.into());
            let identity = FlowIdentity::ConnectionExit { at };
            flow(out, BY_CONNECTION, outside, found.clone(), identity, detail("leads outside"));
        }
        let leased = AddressFamily::BOTH.into_iter().flat_map(|family| site.leased(family));
        for range in leased.filter(|_| site.is_unnamed_by_lease()) {
            let named = Action::Load { dst: layout::mark_bit(layout::UNNAMED), value: 0 };
            let found = [found.clone(), vec![named]].concat();
            let matches = range.family.matches().iter().fold(here.clone().with(OUT_PORT, value.into()), add);
            let what = format!("has leased an address in {range}");
            let identity = FlowIdentity::ConnectionLeased { at, prefix: range };
            flow(out, BY_CONNECTION, towards(range, matches), found, identity, detail(&what));
        }
    }
}

/// The rules' use of the connection tracker in a network.
#[derive(Default)]
pub(in crate::compile) struct Tracking<'a> {
    /// The parties whose packets are tracked.
    joined: Resolution<'a>,
    /// The parties whose later fragments pass, by IP protocol.
    later: OverlapResolver<(AddressFamily, Option<u8>)>,
}

impl Tracking<'_> {
    pub(in crate::compile) fn finish(self, out: &mut ProgramBuilder<'_>) {
        let track =
            Ct { flags: 0, zone: CtZone::Field(ZONE), table: Some(TRACKED), alg: 0, actions: Vec::new() };
        let instructions = vec![Instruction::ApplyActions(vec![Action::Ct(Box::new(track))])];
        self.joined.finish_as(out, layout::CONNECTIONS, &instructions);
    }
}

/// The connection that a rule's flow opens.
pub(in crate::compile) struct OpenedConnection<'o, 'a> {
    pub(in crate::compile) from: &'o RuleSide<'a>,
    pub(in crate::compile) to: &'o RuleSide<'a>,
    /// The packets.
    pub(in crate::compile) matches: FlowMatch,
    pub(in crate::compile) priority: u16,
    pub(in crate::compile) way: ReturnPath,
    pub(in crate::compile) traffic: RuleTraffic<'a>,
    pub(in crate::compile) asked: FlowSpec<'a>,
}

impl<'a> OpenedConnection<'_, 'a> {
    /// Returns the specification of a flow that accompanies the rule's own.
    fn beside(&self, identity: FlowIdentity<'a>, what: &str) -> FlowSpec<'a> {
        let like = &self.asked;
        FlowSpec::new(identity, format!("{}: {what}", like.detail)).of(like.rule).until(like.ends)
    }

    /// Returns the port by which the traffic leaves, if no lookup gives it.
    fn exit(&self) -> Option<u32> {
        self.to.exit()
    }

    /// Returns the instructions that pass packets to the receivers.
    fn pass(&self, mut before: Vec<Action>, after: Vec<Action>) -> Vec<Instruction> {
        before.splice(0..0, self.exit().map(|port| load(OUT_PORT, port.into())));
        before.extend(after);
        forward(before)
    }
}

/// Compiles the flows for traffic that a rule lets its senders open.
pub(in crate::compile) fn open<'a>(rules: &mut RuleCompiler<'_, '_, 'a>, opened: OpenedConnection<'_, 'a>) {
    let family = opened.way.family;
    join(rules, (opened.from, opened.to), false, family, &opened.asked);
    join(rules, (opened.to, opened.from), true, family, &opened.asked);
    answers(rules.out, rules.sites.network, &opened);
    fragments::open(rules, &opened);
    let matches = opened.matches.clone().with(Field::IpFrag, WHOLE);
    let matches = matches.with_masked(Field::CtState, TRACKED_BIT, TRACKED_BIT);
    let expected = fragments::expect(&opened.way, opened.from, rules.sites);
    let instructions = opened.pass(vec![commit(opened.way.cookie)], expected);
    rules.out.flow(POLICY, opened.priority, matches, instructions, opened.asked);
}

/// Tracks all packets from one side to the other. On the way back, the address of a party that is
/// outside or has a lease does not identify it.
fn join<'a>(
    rules: &mut RuleCompiler<'_, '_, 'a>,
    (from, to): (&RuleSide<'a>, &RuleSide<'a>),
    back: bool,
    family: AddressFamily,
    like: &FlowSpec<'a>,
) {
    let network = rules.sites.network;
    let untracked = family.matches().with(Field::IpFrag, WHOLE).with_masked(Field::CtState, 0, TRACKED_BIT);
    let sends = from.parties.sends(network, untracked);
    let there = to.parties.sites.iter().filter_map(|place| rules.sites.at(*place));
    let mut receives = Vec::new();
    if !to.outside {
        let receivers = TrackedReceivers::Parties { list: to.parties.list() };
        receives.push((to.parties.receives(sends.clone()), receivers, String::new()));
    }
    if to.outside || (back && there.clone().any(|site| site.kind == AttachmentKind::Exit)) {
        let outside = sends.clone().with(OUT_PORT, layout::OUTSIDE.into());
        receives.push((outside, TrackedReceivers::Outside, ", outside".to_owned()));
    }
    // Rules do not reach these at their leased addresses: only the connection identifies an answer
    // to them.
    let unnamed =
        |site: &&AttachmentPoint<'_>| site.is_unnamed_by_lease() && site.leased(family).next().is_some();
    for site in there.filter(|site| back && unnamed(site)) {
        let Some(value) = site.port.and_then(layout::port_value) else { continue };
        let what = format!(", leased by {} at {}", site.party, site.port_name);
        let receivers = TrackedReceivers::Leased { party: site.party, port: site.port_name };
        receives.push((sends.clone().with(OUT_PORT, value.into()), receivers, what));
    }
    for (matches, to, what) in receives {
        let way = if back { "back" } else { "forth" };
        let detail = format!("{way} for {} on {}: {} tracked{what}", like.rule, network.name, family.label());
        let name = &network.name;
        let identity = FlowIdentity::Tracked { network: name, family, from: from.parties.list(), to };
        let asked = FlowSpec::new(identity, detail).of(name).until(like.ends);
        rules.tracking.joined.add(matches, asked);
    }
}

/// Returns the commit action of a rule's flow. A connection that was opened in the other direction
/// is opened anew.
fn commit(cookie: Cookie) -> Action {
    let out_port = Subfield { field: OUT_PORT, ofs: 0, n_bits: 16 };
    let actions = vec![
        Action::Load { dst: OPENED_BY, value: cookie.0 },
        Action::Move { src: Subfield::whole(Field::InPort), dst: OPENER },
        Action::Move { src: out_port, dst: RESPONDER },
    ];
    let zone = CtZone::Field(ZONE);
    Action::Ct(Box::new(Ct { flags: CT_COMMIT | CT_FORCE, zone, table: None, alg: 0, actions }))
}

/// Compiles the packets of a rule's connections: answers, and ICMP errors in both directions.
fn answers(out: &mut ProgramBuilder<'_>, network: &Network, opened: &OpenedConnection<'_, '_>) {
    let OpenedConnection { from, to, way, .. } = opened;
    let back = REPLY | INVALID | TRACKED_BIT;
    let (errors, about_answers) = (RuleAnswer::TrackedErrors, RuleAnswer::TrackedErrorsAboutAnswers);
    for (answer, what, state, mask, sender, receiver) in [
        (RuleAnswer::Tracked, "answers", REPLY | ESTABLISHED, back | ESTABLISHED, to, from),
        (errors, "errors", REPLY | RELATED, back | RELATED, to, from),
        (about_answers, "errors about answers", RELATED, back | RELATED, from, to),
    ] {
        let matches = way.family.matches().with_masked(Field::CtState, TRACKED_BIT | state, mask);
        let matches = part(matches, OPENED_BY, way.cookie.0.into());
        let mut matches = receiver.parties.receives(sender.parties.sends(network, matches));
        // Any router on the path may send an error.
        let range = sender.range.filter(|_| state & RELATED == 0);
        if let Some(range) = range {
            matches = out_of(range, matches);
        }
        if let Some(range) = receiver.range {
            matches = towards(range, matches);
        }
        let actions = vec![resubmit(SENDER_PORT)];
        let asked = opened.beside(FlowIdentity::Answers { traffic: opened.traffic, answer }, what);
        out.flow(POLICY, layout::CONNECTIONS, matches, vec![Instruction::ApplyActions(actions)], asked);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use ofproto::PortNo;

    use crate::compile::vocabulary::layout::TRACKED;
    use crate::compile::{TimeContext, compile};
    use crate::verify::interp::{Packet, Pipeline};

    const FILE: &str = r#"
[network.n]
bridge = "br0"
subnets = ["10.7.0.0/24"]
stateful = "conntrack"
[endpoint.a]
attach = [{ network = "n", port = "a", addresses = ["10.7.0.1"] }]
[endpoint.b]
attach = [{ network = "n", port = "b", addresses = ["10.7.0.2"] }]
[endpoint.c]
attach = [{ network = "n", port = "c", addresses = ["10.7.0.3"] }]
[[allow]]
name = "ask"
from = "a"
to = "b"
protocol = "udp"
ports = [53]
"#;

    #[test]
    fn only_what_a_rule_joins_and_no_fragment_is_tracked() {
        let (file, _) = crate::network::parse(FILE, "test.toml").unwrap();
        let ports = [("a", 1), ("b", 2), ("c", 3)].map(|(name, n)| (name.to_owned(), PortNo(n)));
        let program = compile(&file, "br0", &ports.into(), &TimeContext::default());
        let pipeline = Pipeline::new(program.into_whole().0);
        let packet = |from: u8, to: u8| {
            let (source, target) = (Ipv4Addr::new(10, 7, 0, from), Ipv4Addr::new(10, 7, 0, to));
            Packet::ipv4([2, 0, 0, 0, 0, from], [2, 0, 0, 0, 0, to], source, target, 17).udp(9, 99)
        };
        let tracked = |from: u8, packet: &Packet| {
            let outcome = pipeline.run(PortNo(from.into()), packet);
            outcome.path.iter().any(|step| step.table == TRACKED)
        };
        for (from, to, joined) in
            [(1, 2, true), (2, 1, true), (1, 3, false), (3, 1, false), (3, 2, false), (2, 3, false)]
        {
            assert_eq!(tracked(from, &packet(from, to)), joined, "{from} to {to}");
            for later in [false, true] {
                assert!(!tracked(from, &packet(from, to).fragment(later)), "a fragment, {from} to {to}");
            }
        }
    }
    /// Advertisements have no answer, so none teaches a return flow, fragmented or whole.
    #[test]
    fn advertisements_of_virtual_routers_teach_nothing() {
        let text = FILE.replace("protocol = \"udp\"\nports = [53]", "protocol = \"vrrp\"");
        let (file, _) = crate::network::parse(&text, "test.toml").unwrap();
        let ports = [("a", 1), ("b", 2), ("c", 3)].map(|(name, n)| (name.to_owned(), PortNo(n)));
        let program = compile(&file, "br0", &ports.into(), &TimeContext::default());
        assert!(program.origins().any(|(_, origin)| origin.rule == "ask"));
        assert_eq!(program.flows().flat_map(crate::Flow::learns).count(), 0);
    }
}
