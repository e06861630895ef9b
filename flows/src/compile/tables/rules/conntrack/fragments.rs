//! Fragments in networks with a connection tracker. They never enter `ct()`, which would reassemble
//! them first. Open vSwitch has one list of 1,000 fragments for a whole datapath, so one sender's
//! first fragments would cost all others their large datagrams. Its userspace datapath (up to 3.1
//! at least) passes at most 32 fragments of a datagram. It sends the remaining ones, and those of
//! incomplete datagrams, with the next packet of any network.
//!
//! For a later fragment of IPv6 Open vSwitch does not report the protocol (`nw_proto` is 44), so
//! any protocol counts.
//!
//! The first fragment has ports, and passes as the rule says. Later fragments pass from parties
//! that a rule lets send that IP protocol. Fragments of answers come back: a request teaches the
//! first fragments of the service that its sender expects, and the later ones. A fragmented request
//! teaches its whole answer too, since it has no tracked connection. Unfragmented packets are still
//! tracked, and only then looked up among the learned flows. A datapath flow that sends them to
//! `ct()` is as good after the request as before it.

use ofproto::TableId;
use ofproto::action::{Action, Learn, LearnSpec, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::{AddressFamily, OpenedConnection};
use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoints};
use crate::compile::input::overlap::RequestedPackets;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, resubmit};
use crate::compile::tables::policy::{out_of, towards};
use crate::compile::tables::returns::{ReturnPath, constant, copied};
use crate::compile::tables::rules::{RuleCompiler, RuleSide};
use crate::compile::vocabulary::identity::{FlowIdentity, Fragments, RuleOpening};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::{
    Claim, DESTINATION, FIRST_FRAGMENTS, LATER_FRAGMENTS, OUT_PORT, POLICY, RELATED, RETURNS, UNTRACKED,
    by_claim,
};
use crate::compile::vocabulary::traffic::{Traffic, echo};
use crate::network::Network;

/// In `ip_frag`: the first fragment.
const FIRST: u128 = 1;
/// In `ip_frag`: any other fragment.
const LATER: u128 = 3;
/// Seconds for which fragmented answers are expected after a request.
const PATIENCE: u16 = 300;

/// Compiles the flows in which fragments look up their receiver.
pub(in crate::compile::tables::rules::conntrack) fn compile(out: &mut ProgramBuilder<'_>, network: &Network) {
    for family in AddressFamily::BOTH {
        for (fragments, what, kind, tables) in [
            (Fragments::First, "first fragments", FIRST, &[DESTINATION, FIRST_FRAGMENTS][..]),
            // Later fragments of crossings and next hops are in the table of every network.
            (Fragments::Later, "later fragments", LATER, &[DESTINATION, RELATED, LATER_FRAGMENTS][..]),
        ] {
            let matches = family.matches().with(layout::NETWORK, network.number.into());
            let look = tables.iter().copied().map(resubmit).collect();
            let instructions = vec![Instruction::ApplyActions(look), Instruction::GotoTable(POLICY)];
            let detail =
                format!("{} {what} of {}: perhaps somebody waits for it", family.label(), network.name);
            let name = &network.name;
            let identity = FlowIdentity::TrackedFragments { network: name, family, fragments };
            let asked = FlowSpec::new(identity, detail).of(name);
            out.flow(RETURNS, layout::PORTLESS + 1, matches.with(Field::IpFrag, kind), instructions, asked);
        }
    }
}

pub(in crate::compile::tables::rules::conntrack) fn common(out: &mut ProgramBuilder<'_>) {
    for (table, what) in [
        (FIRST_FRAGMENTS, "first fragment"),
        (LATER_FRAGMENTS, "later fragment"),
        (UNTRACKED, "no answer to a request in fragments"),
    ] {
        let identity = FlowIdentity::TableMiss { table };
        let asked = FlowSpec::new(identity, format!("{what}: nobody waits for it"));
        out.flow(table, layout::DEFAULT, flow_model::FlowMatch::any(), Vec::new(), asked);
    }
}

/// Compiles the fragments of requests.
pub(in crate::compile::tables::rules::conntrack) fn open<'a>(
    rules: &mut RuleCompiler<'_, '_, 'a>,
    opened: &OpenedConnection<'_, 'a>,
) {
    first(rules, opened);
    later(rules, opened);
}

fn first<'a>(rules: &mut RuleCompiler<'_, '_, 'a>, opened: &OpenedConnection<'_, 'a>) {
    let identity = FlowIdentity::Opens { traffic: opened.traffic, opening: RuleOpening::FirstFragments };
    let asked = opened.beside(identity, "first fragments");
    let way = ReturnPath { cookie: rules.out.cookie(&asked), ..opened.way.clone() };
    let mut learns = expect(&way, opened.from, rules.sites);
    learns.extend(untracked(&way));
    let matches = opened.matches.clone().with(Field::IpFrag, FIRST);
    rules.out.flow(POLICY, opened.priority, matches, opened.pass(Vec::new(), learns), asked);
}

/// Returns the learn actions for the whole answer to a fragmented request, and for errors about it.
fn untracked(way: &ReturnPath) -> Vec<Action> {
    if !way.traffic.is_answered() {
        return Vec::new();
    }
    let mut answers = way.ends(Some(way.carried()));
    answers.extend(reply(way));
    if let Some((src, dst)) = way.traffic.ports() {
        answers.extend([copied(src, dst), copied(dst, src)]);
    }
    let icmp = Traffic::Icmp.ip_proto(way.family).unwrap_or_default();
    let mut errors = way.ends(Some(constant(Subfield::whole(Field::IpProto), icmp.into())));
    if way.outside {
        // Errors may come from any router.
        errors.retain(|spec| !is_about(spec, way.family.src()));
    }
    vec![wait(way, UNTRACKED, answers), wait(way, RELATED, errors)]
}

/// Compiles one flow for all ports of a rule.
fn later<'a>(rules: &mut RuleCompiler<'_, '_, 'a>, opened: &OpenedConnection<'_, 'a>) {
    let OpenedConnection { from, to, way, traffic, asked, .. } = opened;
    let family = way.family;
    let proto = way.traffic.ip_proto(family).filter(|_| family == AddressFamily::V4);
    let wanted = RequestedPackets {
        from_range: from.range,
        to_range: to.range,
        outside: to.outside,
        ..RequestedPackets::between(
            &from.parties.sites,
            &to.parties.reached(rules.sites),
            asked.ends.is_none(),
        )
    };
    let Some(level) = rules.tracking.later.level((family, proto), wanted) else { return };
    let mut matches = family.matches().with(Field::IpFrag, LATER);
    if let Some(proto) = proto {
        matches = matches.with(Field::IpProto, proto.into());
    }
    matches = from.parties.sends(rules.sites.network, matches);
    matches = match to.exit() {
        Some(_) => matches.with(OUT_PORT, layout::OUTSIDE.into()),
        None => to.parties.receives(matches),
    };
    if let Some(range) = from.range {
        matches = out_of(range, matches);
    }
    if let Some(range) = to.range {
        matches = towards(range, matches);
    }
    let claim = if proto.is_some() { Claim::Protocol } else { Claim::Ip };
    let identity = FlowIdentity::Opens { traffic: *traffic, opening: RuleOpening::LaterFragments };
    let asked = opened.beside(identity, "later fragments");
    let instructions = opened.pass(Vec::new(), Vec::new());
    rules.out.flow(POLICY, by_claim(claim, level), matches, instructions, asked);
}

/// Returns the learn actions of a request for the fragments of its answer.
pub(in crate::compile::tables::rules::conntrack) fn expect(
    way: &ReturnPath,
    from: &RuleSide<'_>,
    sites: &AttachmentPoints<'_>,
) -> Vec<Action> {
    if !way.traffic.is_answered() {
        return Vec::new();
    }
    let exits = sites.all.iter().filter(|site| site.kind == AttachmentKind::Exit).count();
    let ends = |carried| {
        let mut ends = way.ends(carried);
        if from.outside && exits == 1 {
            // Strangers have countless addresses but a single exit.
            ends.retain(|spec| !is_about(spec, way.family.dst()));
            ends.push(constant(Subfield::whole(OUT_PORT), layout::OUTSIDE.into()));
        }
        ends
    };
    let later = ends((way.family == AddressFamily::V4).then(|| way.carried()));
    let mut first = ends(Some(way.carried()));
    first.extend(reply(way));
    if let Some((src, dst)) = way.traffic.ports() {
        first.push(copied(src, dst));
    }
    vec![wait(way, FIRST_FRAGMENTS, first), wait(way, LATER_FRAGMENTS, later)]
}

/// Returns a further condition on replies: no packet that opens a connection is one.
fn reply(way: &ReturnPath) -> Option<LearnSpec> {
    match way.traffic {
        Traffic::Echo => {
            let (field, _, reply) = echo(way.family);
            Some(constant(Subfield::whole(field), reply.into()))
        }
        Traffic::Tcp => Some(constant(Subfield { field: Field::TcpFlags, ofs: 4, n_bits: 1 }, 1)),
        _ => None,
    }
}

fn is_about(spec: &LearnSpec, field: Field) -> bool {
    matches!(spec, LearnSpec::Match { dst, .. } if dst.field == field)
}

/// Returns the learn action of a flow that marks packets as expected, for the requester's port.
fn wait(way: &ReturnPath, table: TableId, mut specs: Vec<LearnSpec>) -> Action {
    specs.extend(way.expected());
    let hard_timeout = way.traffic.hard_timeout().min(PATIENCE);
    Action::Learn(Box::new(Learn { hard_timeout, priority: way.own_priority(), specs, ..way.frame(table) }))
}
