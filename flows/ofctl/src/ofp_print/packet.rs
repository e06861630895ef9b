//! Packets between switch and controller.
//!
//! A packet-out is read field by field, not by the type of `ofproto`: Open vSwitch checks the port
//! before the actions.

use flow_model::frame::ETHERNET;
use flow_model::{DEFAULT_PRIORITY, FlowMatch};
use ofproto::codec::Reader;
use ofproto::instruction::Instruction;
use ofproto::message::{NxPacketIn, PacketIn};
use ofproto::oxm::Field;
use ofproto::{Cookie, OvsError, PortNo};

use super::matching::{self, text as match_text};
use super::port::check_port;
use super::{MessagePrinter, Printed, actions, frame, put, text};
use crate::syntax::print_actions;

/// The details of a packet for the controller, independent of the message's form.
#[derive(Debug)]
pub(super) struct PacketDetails<'a> {
    pub(super) table: u8,
    pub(super) cookie: Option<Cookie>,
    pub(super) total_len: u64,
    pub(super) reason: u8,
    pub(super) buffer_id: Option<u32>,
    pub(super) fields: FlowMatch,
    pub(super) data: &'a [u8],
}

/// Prints OFPT_PACKET_IN, or Nicira's form, whose match has the encoding of OpenFlow 1.0.
pub(super) fn packet_in(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>, nicira: bool) -> Printed {
    let (head, fields) = if nicira {
        let (NxPacketIn(head), match_len) = NxPacketIn::decode_head(r)?;
        (head, matching::read_nxm(r, match_len, false)?)
    } else {
        (PacketIn::decode_head(r)?, matching::read(r, false)?)
    };
    r.skip(2, "packet_in.pad")?;
    let told = PacketDetails {
        table: head.table_id.0,
        cookie: Some(head.cookie).filter(|cookie| cookie.0 != u64::MAX),
        total_len: u64::from(head.total_len),
        reason: head.reason.0,
        buffer_id: Some(head.buffer_id.0).filter(|id| *id != u32::MAX),
        fields,
        data: r.rest(),
    };
    print_head(out, &told);
    packet(out, &told);
    Ok(())
}

/// Prints the line about a packet for the controller.
pub(super) fn print_head(out: &mut MessagePrinter<'_>, told: &PacketDetails<'_>) {
    // Open vSwitch has two more reasons for its own use, which have no name.
    const REASONS: [&str; 8] =
        ["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out", "", ""];
    let text = &mut out.text;
    if told.table != 0 {
        put!(text, " table_id={}", told.table);
    }
    if let Some(cookie) = told.cookie {
        put!(text, " cookie={cookie}");
    }
    put!(text, " total_len={} {}", told.total_len, match_text(&told.fields, DEFAULT_PRIORITY, out.names));
    match REASONS.get(usize::from(told.reason)) {
        Some(reason) => put!(text, " (via {reason})"),
        None => put!(text, " (via {})", told.reason),
    }
    let len = told.data.len();
    put!(text, " data_len={len}");
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    match told.buffer_id {
        None => {
            text.push_str(" (unbuffered)");
            if told.total_len != len {
                text.push_str(" (***total_len != data_len***)");
            }
        }
        Some(id) => {
            put!(text, " buffer=0x{id:08x}");
            if told.total_len < len {
                text.push_str(" (***total_len < data_len***)");
            }
        }
    }
    text.push('\n');
}

/// Prints the packet itself: its fields from verbosity 1, its bytes from 3.
pub(super) fn packet(out: &mut MessagePrinter<'_>, told: &PacketDetails<'_>) {
    if out.verbosity > 0 {
        let kind = told.fields.exact(Field::PacketType).and_then(|kind| u32::try_from(kind).ok());
        frame::print(&mut out.text, told.data, kind.unwrap_or(ETHERNET));
    }
    if out.verbosity > 2 {
        text::hex_dump(&mut out.text, told.data, false);
    }
}

pub(super) fn packet_out(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let buffer_id = r.u32("packet_out.buffer_id")?;
    let in_port = check_port(PortNo(r.u32("packet_out.in_port")?))?;
    let actions_len = usize::from(r.u16("packet_out.actions_len")?);
    r.skip(6, "packet_out.pad")?;
    let actions = actions::list(r, actions_len)?;
    let known = matches!(in_port, PortNo(0..0xff00) | PortNo::LOCAL | PortNo::ANY | PortNo::CONTROLLER);
    if !known {
        return Err(OvsError::RequestPort);
    }
    out.text.push_str(" in_port=");
    text::port(&mut out.text, in_port, out.names);
    put!(out.text, " actions={}", print_actions(&[Instruction::ApplyActions(actions)], out.names));
    let data = r.rest();
    if buffer_id != u32::MAX {
        put!(out.text, " buffer=0x{buffer_id:08x}");
        return Ok(());
    }
    put!(out.text, " data_len={}", data.len());
    if out.verbosity > 0 && !data.is_empty() {
        out.text.push('\n');
        frame::print(&mut out.text, data, ETHERNET);
    }
    if out.verbosity > 2 {
        text::hex_dump(&mut out.text, data, false);
    }
    Ok(())
}
