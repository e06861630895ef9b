//! The flow monitor: requests and updates.
//!
//! These are read field by field, not by the types of `ofproto`: Open vSwitch reports an error in
//! one field before it reads the next.

use flow_model::DEFAULT_PRIORITY;
use ofproto::codec::Reader;
use ofproto::{Cookie, OvsError, PortNo, TableId, Xid};

use super::matching::{self, text as match_text};
use super::port::check_port;
use super::{MessagePrinter, Printed, actions, flow, put, text};
use crate::syntax::print_actions;

pub(super) fn request(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    /// The words of `ovs-ofctl` for ONFFMF_ bits.
    const FLAGS: [&str; 6] = ["initial", "add", "delete", "modify", "actions", "own"];
    const CHANGES: u16 = 0xe;
    while !r.is_empty() {
        if r.remaining() < 16 {
            return Err(OvsError::RequestLen);
        }
        let id = r.u32("monitor_request.id")?;
        let flags = r.u16("monitor_request.flags")?;
        r.skip(2, "monitor_request.match_len")?;
        if flags & CHANGES == 0 || flags >> FLAGS.len() != 0 {
            return Err(OvsError::MonitorFlags);
        }
        let out_port = PortNo(r.u32("monitor_request.out_port")?);
        let table = TableId(r.u8("monitor_request.table_id")?);
        if r.bytes(3, "monitor_request.pad")? != [0; 3] {
            return Err(OvsError::MustBeZero);
        }
        check_port(out_port)?;
        let matches = matching::read(r, true)?;
        put!(out.text, "\n id={id} flags=");
        text::bits(&mut out.text, u32::from(flags), &FLAGS, ',');
        if out_port != PortNo::ANY {
            out.text.push_str(" out_port=");
            text::port(&mut out.text, out_port, out.names);
        }
        if table != TableId::ALL {
            put!(out.text, " table={}", table.0);
        }
        put!(out.text, " {}", match_text(&matches, DEFAULT_PRIORITY, out.names));
        out.chomp();
    }
    Ok(())
}

pub(super) fn reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    while !r.is_empty() {
        update(out, r)?;
    }
    Ok(())
}

fn update(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const ABBREVIATED: u16 = 3;
    const EVENTS: [&str; 3] = ["ADDED", "DELETED", "MODIFIED"];
    const FULL_LEN: usize = 24;
    const ABBREVIATED_LEN: usize = 8;
    let available = r.remaining();
    let length = usize::from(r.u16("monitor_update.length")?);
    if length > available || !length.is_multiple_of(8) || length < 8 {
        return Err(OvsError::RequestLen);
    }
    let mut u = r.sub(length - 2, "monitor_update")?;
    let event = u.u16("monitor_update.event")?;
    if event == ABBREVIATED {
        if length != ABBREVIATED_LEN {
            return Err(OvsError::RequestLen);
        }
        let xid = Xid(u.u32("monitor_update.xid")?);
        put!(out.text, "\n event=ABBREV xid={:#x}", xid.0);
        return Ok(());
    }
    let name = EVENTS.get(usize::from(event)).ok_or(OvsError::MonitorEvent)?;
    if length < FULL_LEN {
        return Err(OvsError::RequestLen);
    }
    let reason = u.u16("monitor_update.reason")?;
    u.skip(2, "monitor_update.priority")?;
    let timeouts =
        [("idle", u.u16("monitor_update.idle_timeout")?), ("hard", u.u16("monitor_update.hard_timeout")?)];
    if FULL_LEN + usize::from(u.u16("monitor_update.match_len")?) > length {
        return Err(OvsError::RequestLen);
    }
    let table = u.u8("monitor_update.table_id")?;
    u.skip(1, "monitor_update.pad")?;
    let cookie = Cookie(u.u64("monitor_update.cookie")?);
    let matches = matching::read(&mut u, true)?;
    let instructions = actions::instructions(&mut u)?;
    put!(out.text, "\n event={name}");
    if *name == "DELETED" {
        put!(out.text, " reason={}", flow::removed_reason(reason));
    }
    put!(out.text, " table={table}");
    for (name, seconds) in timeouts {
        if seconds != 0 {
            put!(out.text, " {name}_timeout={seconds}");
        }
    }
    match cookie {
        // C prints a zero without the prefix.
        Cookie(0) => out.text.push_str(" cookie=0"),
        cookie => put!(out.text, " cookie={cookie}"),
    }
    put!(out.text, " {}", match_text(&matches, DEFAULT_PRIORITY, out.names));
    if !instructions.is_empty() {
        if !out.text.ends_with(' ') {
            out.text.push(' ');
        }
        put!(out.text, "actions={}", print_actions(&instructions, out.names));
    }
    Ok(())
}

pub(super) fn cancel(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    put!(out.text, " id={}", r.u32("monitor_cancel.id")?);
    Ok(())
}
