//! Networks whose return traffic is told by the switch's connection tracker: a zone for each network, and in each
//! connection the cookie of the rule's flow that opened it and the port that it came from. An answer passes only while
//! the rule is there: taking the rule out takes its flow out of table 1, and no connection of it has an answer any more.

use ofproto::action::{Action, CT_COMMIT, Ct, CtZone, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, TableId};

use super::address::Family;
use super::layout::{self, FORWARDING, OUT_PORT, RETURNS};
use super::origin::OriginKind;
use super::program::{Asked, Builder, apply_and_goto};
use super::site::Sites;
use crate::model::FlowMatch;
use crate::network::{Network, Stateful};

// Bits of ct_state (ovs-fields(7)).
const ESTABLISHED: u128 = 0x02;
const RELATED: u128 = 0x04;
const REPLY: u128 = 0x08;
const INVALID: u128 = 0x10;
const TRACKED: u128 = 0x20;

const ZONE: Subfield = Subfield { field: layout::NETWORK, ofs: 0, n_bits: 16 };
/// Of the label: the cookie of the flow that opened the connection.
const OPENED_BY: Subfield = Subfield { field: Field::CtLabel, ofs: 0, n_bits: 64 };
/// Of the label: the port that it was opened from.
const OPENED_AT: Subfield = Subfield { field: Field::CtLabel, ofs: 64, n_bits: 16 };

/// Every IP packet of such a network is looked up in its zone first.
pub(super) fn compile(out: &mut Builder<'_>, sites: &Sites<'_>) {
    let network = sites.network;
    if network.stateful == Stateful::Conntrack {
        for family in Family::BOTH {
            let matches = family.matches().with(layout::NETWORK, network.number.into());
            let matches = matches.with_masked(Field::CtState, 0, TRACKED);
            let track =
                Ct { flags: 0, zone: CtZone::Field(ZONE), table: Some(RETURNS), alg: 0, actions: Vec::new() };
            let detail = format!("{} of {}: on to its connection", family.label(), network.name);
            let asked = Asked::new(OriginKind::Returns, &network.name, detail);
            let instructions = vec![Instruction::ApplyActions(vec![Action::Ct(Box::new(track))])];
            out.flow(RETURNS, layout::TRACK, matches, instructions, asked);
        }
    }
}

/// What a rule's flow does to the connection that it opens.
pub(super) fn commit(cookie: Cookie) -> Action {
    let port = Action::Move { src: Subfield::whole(Field::InPort), dst: OPENED_AT };
    let actions = vec![Action::Load { dst: OPENED_BY, value: cookie.0 }, port];
    let zone = CtZone::Field(ZONE);
    Action::Ct(Box::new(Ct { flags: CT_COMMIT, zone, table: None, alg: 0, actions }))
}

/// The way back of a rule's flow.
pub(super) fn answers<'a>(
    out: &mut Builder<'_>,
    network: &Network,
    family: Family,
    cookie: Cookie,
    like: &Asked<'a>,
) {
    let label = (u128::from(cookie.0), u128::from(u64::MAX));
    for (what, state, mask) in [
        ("answers", TRACKED | ESTABLISHED | REPLY, TRACKED | ESTABLISHED | REPLY | INVALID),
        ("errors", TRACKED | RELATED | REPLY, TRACKED | RELATED | REPLY | INVALID),
    ] {
        let matches: FlowMatch = family.matches().with(layout::NETWORK, network.number.into());
        let matches = matches.with_masked(Field::CtState, state, mask);
        let matches = matches.with_masked(Field::CtLabel, label.0, label.1);
        let port = Subfield { field: OUT_PORT, ofs: 0, n_bits: 16 };
        let actions = vec![Action::Move { src: OPENED_AT, dst: port }];
        let key = like.key.as_ref().map(|key| format!("{key}: {what}"));
        let detail = format!("{}: {what}", like.detail);
        let asked = Asked { key, ends: like.ends, ..Asked::new(OriginKind::Returns, like.rule, detail) };
        let table: TableId = RETURNS;
        out.flow(table, layout::RETURN_PRIORITY, matches, apply_and_goto(actions, FORWARDING), asked);
    }
}
