//! Fragments in networks with a connection tracker. They never meet `ct()`, which would put them together first: Open vSwitch
//! has one list of 1,000 fragments for a whole datapath, so anybody's first fragments would cost everybody his large datagrams;
//! its userspace datapath (up to 3.1 at least) lets no more than 32 fragments of a datagram go on, and sends what is left, and
//! what was never complete, with the next packet of whichever network.
//!
//! Of a later fragment of IPv6 Open vSwitch does not say which protocol it carries (`nw_proto` is 44): there any counts.
//!
//! The first fragment has ports, and passes as the rule says; its answers are learned as in networks without a tracker. Later
//! fragments pass from those whom a rule lets send that IP protocol. Back come fragments of what was asked for: a request
//! teaches which service's first fragments its sender waits for, and which later ones.

use ofproto::TableId;
use ofproto::action::{Action, LEARN_DELETE_LEARNED, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::{Family, KIND, Opened};
use crate::compile::claimed::Wanted;
use crate::compile::layout::{
    self, Claim, DESTINATION, FIRST_FRAGMENTS, LATER_FRAGMENTS, OUT_PORT, POLICY, RELATED, RETURNS, by_claim,
};
use crate::compile::origin::OriginKind;
use crate::compile::policy::{out_of, towards};
use crate::compile::program::{Asked, Builder, resubmit};
use crate::compile::returns::Way;
use crate::compile::rules::Rules;
use crate::compile::site::{SiteKind, Sites};
use crate::compile::traffic::{Traffic, echo};
use crate::network::Network;

/// In `ip_frag`: the first fragment.
const FIRST: u128 = 1;
/// In `ip_frag`: any other.
const LATER: u128 = 3;
/// Seconds for which answers in fragments are waited for after a request.
const PATIENCE: u16 = 300;

/// Where fragments look for who waits for them.
pub(super) fn compile(out: &mut Builder<'_>, network: &Network) {
    for family in Family::BOTH {
        for (what, kind, tables) in [
            ("first fragments", FIRST, &[DESTINATION, FIRST_FRAGMENTS][..]),
            // Those of crossings and next hops are in the table of every network.
            ("later fragments", LATER, &[DESTINATION, RELATED, LATER_FRAGMENTS][..]),
        ] {
            let matches = family.matches().with(layout::NETWORK, network.number.into());
            let look = tables.iter().copied().map(resubmit).collect();
            let instructions = vec![Instruction::ApplyActions(look), Instruction::GotoTable(POLICY)];
            let detail =
                format!("{} {what} of {}: perhaps somebody waits for it", family.label(), network.name);
            let asked = Asked::new(KIND, &network.name, detail);
            out.flow(RETURNS, layout::PORTLESS + 1, matches.with(Field::IpFrag, kind), instructions, asked);
        }
    }
}

pub(super) fn common(out: &mut Builder<'_>) {
    for (table, what) in [(FIRST_FRAGMENTS, "first fragment"), (LATER_FRAGMENTS, "later fragment")] {
        let asked = Asked::new(KIND, KIND.label(), format!("{what}: nobody waits for it"));
        out.flow(table, layout::DEFAULT, crate::model::FlowMatch::any(), Vec::new(), asked);
    }
}

/// The fragments of requests.
pub(super) fn open<'a>(rules: &mut Rules<'_, '_, 'a>, opened: &Opened<'_, 'a>) {
    first(rules, opened);
    later(rules, opened);
}

fn first<'a>(rules: &mut Rules<'_, '_, 'a>, opened: &Opened<'_, 'a>) {
    let asked = Opened::beside(&opened.asked, OriginKind::Allow, "first fragments");
    let way = Way { by_service: false, cookie: rules.out.cookie(&asked), ..opened.way.clone() };
    let matches = opened.matches.clone().with(Field::IpFrag, FIRST);
    rules.out.flow(POLICY, opened.priority, matches, opened.pass(way.learn(), Vec::new()), asked);
}

/// One flow for all ports of a rule.
fn later<'a>(rules: &mut Rules<'_, '_, 'a>, opened: &Opened<'_, 'a>) {
    let Opened { from, to, way, asked, .. } = opened;
    let family = way.family;
    let proto = way.traffic.ip_proto(family).filter(|_| family == Family::V4);
    let wanted = Wanted {
        from_range: from.range,
        to_range: to.range,
        outside: to.outside,
        ..Wanted::between(&from.parties.sites, &to.parties.sites, asked.ends.is_none())
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
    let asked = Opened::beside(asked, OriginKind::Allow, "later fragments");
    let instructions = opened.pass(Vec::new(), Vec::new());
    rules.out.flow(POLICY, by_claim(claim, level), matches, instructions, asked);
}

/// What a request that is whole teaches of its answer's fragments.
pub(super) fn expect(opened: &Opened<'_, '_>, sites: &Sites<'_>) -> Vec<Action> {
    let way = &opened.way;
    if way.traffic == Traffic::Icmp {
        return Vec::new();
    }
    let whole = Subfield::whole;
    let exits = sites.all.iter().filter(|site| site.kind == SiteKind::Exit).count();
    let mut ends = way.ends();
    if opened.from.outside && exits == 1 {
        // Strangers' addresses are without number, and their way out is one.
        ends.retain(|spec| !matches!(spec, LearnSpec::Match { dst, .. } if dst.field == way.family.dst()));
        ends.push(constant(whole(OUT_PORT), layout::OUTSIDE.into()));
    }
    let mut later = ends.clone();
    let carried = match way.traffic.ip_proto(way.family) {
        Some(proto) => constant(whole(Field::IpProto), proto.into()),
        None => copied(Field::IpProto, Field::IpProto),
    };
    if way.family == Family::V4 {
        later.insert(2, carried.clone());
    }
    ends.insert(2, carried);
    match way.traffic {
        Traffic::Echo => {
            let (field, _, reply) = echo(way.family);
            ends.push(constant(whole(field), reply.into()));
        }
        Traffic::Tcp => ends.push(constant(Subfield { field: Field::TcpFlags, ofs: 4, n_bits: 1 }, 1)),
        _ => {}
    }
    if let Some((src, dst)) = way.traffic.ports() {
        ends.push(copied(src, dst));
    }
    vec![wait(way, FIRST_FRAGMENTS, ends), wait(way, LATER_FRAGMENTS, later)]
}

/// A learned flow that marks what it matches as expected, for the port of the one who asked.
fn wait(way: &Way, table: TableId, mut specs: Vec<LearnSpec>) -> Action {
    let low = Subfield { field: OUT_PORT, ofs: 0, n_bits: 16 };
    let high = Subfield { field: OUT_PORT, ofs: 16, n_bits: 16 };
    specs.push(LearnSpec::Load { dst: low, src: LearnSrc::Field(Subfield::whole(Field::InPort)) });
    specs.push(LearnSpec::Load { dst: high, src: LearnSrc::Immediate(0) });
    specs.push(LearnSpec::Load { dst: layout::mark_bit(layout::EXPECTED), src: LearnSrc::Immediate(1) });
    Action::Learn(Box::new(Learn {
        idle_timeout: 0,
        hard_timeout: way.traffic.hard_timeout().min(PATIENCE),
        // Several rules may teach one match: each has a priority of its own, so that none takes another's place.
        priority: 1 + u16::try_from(way.cookie.0 % u64::from(u16::MAX)).unwrap_or(0),
        cookie: way.cookie,
        flags: LEARN_DELETE_LEARNED,
        table,
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        limit: way.limit,
        result_dst: None,
        specs,
    }))
}

fn constant(dst: Subfield, value: u128) -> LearnSpec {
    LearnSpec::Match { dst, src: LearnSrc::Immediate(value) }
}

fn copied(dst: Field, src: Field) -> LearnSpec {
    LearnSpec::Match { dst: Subfield::whole(dst), src: LearnSrc::Field(Subfield::whole(src)) }
}
