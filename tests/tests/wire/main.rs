//! Messages and their text against the installed Open vSwitch. [`Conn::recv`] also holds every message that the switch sends
//! to its bytes: decoded and encoded again they must be the same.

mod actions;
mod asks;
mod changes;
mod examples;
mod extensions;
mod frames;
mod later;
mod ofctl;
mod ofp_print;
mod random;
mod refusals;
mod syntax;
mod tables;
mod text;
mod types;

use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::{FlowStats, FlowStatsRequest, MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{BUNDLE_ATOMIC, BUNDLE_ORDERED, FlowMod};
use ofproto::{PortNo, TableId};
use portcullis_tests::Conn;

pub(crate) const BUNDLE: u16 = BUNDLE_ATOMIC | BUNDLE_ORDERED;

pub(crate) fn output(port: PortNo) -> Vec<Instruction> {
    vec![Instruction::ApplyActions(vec![Action::Output { port, max_len: 0 }])]
}

pub(crate) fn flow_mod(table: u8, priority: u16, instructions: Vec<Instruction>) -> FlowMod {
    FlowMod { table_id: TableId(table), priority, instructions, ..FlowMod::default() }
}

pub(crate) fn flows(conn: &mut Conn) -> Vec<FlowStats> {
    let parts = conn.parts(MultipartRequestBody::Flow(FlowStatsRequest::default()));
    let lists = parts.into_iter().map(|part| match part {
        MultipartReplyBody::Flow(list) => list,
        other => panic!("{other:?}"),
    });
    lists.flatten().collect()
}
