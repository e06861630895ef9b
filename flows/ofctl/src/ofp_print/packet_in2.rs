//! NXT_PACKET_IN2 and NXT_RESUME: packets for the controller as properties, with the state to
//! resume from.
//!
//! These are read field by field, not by the types of `ofproto`: Open vSwitch reports an error in
//! one field before it reads the next.

use flow_model::FlowMatch;
use ofproto::action::Action;
use ofproto::codec::Reader;
use ofproto::instruction::Instruction;
use ofproto::{Cookie, OvsError};

use super::packet::{PacketDetails, packet, print_head};
use super::{MessagePrinter, Printed, actions, matching, property, put};
use crate::syntax::print_actions;

/// The state from which a switch resumes a packet. Only the switch knows the meaning of all its
/// parts.
#[derive(Debug, Default)]
struct Continuation<'a> {
    bridge: Option<[u8; 16]>,
    stack: Vec<&'a [u8]>,
    mirrors: u32,
    conntracked: bool,
    actions: Vec<(u8, Cookie, Vec<Action>)>,
    action_set: Vec<Action>,
    odp_port: u32,
}

pub(super) fn print(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let mut told = PacketDetails {
        table: 0,
        cookie: None,
        total_len: 0,
        reason: 0,
        buffer_id: None,
        fields: FlowMatch::any(),
        data: &[],
    };
    let mut userdata: &[u8] = &[];
    let mut continuation = None;
    while !r.is_empty() {
        let (kind, mut body) = property::next(r)?;
        match kind {
            0 => told.data = body.rest(),
            1 => told.total_len = u64::from(property::u32(body)?),
            2 => told.buffer_id = Some(property::u32(body)?).filter(|id| *id != u32::MAX),
            3 => told.table = property::u8(body)?,
            4 => told.cookie = Some(Cookie(property::u64(body)?)).filter(|cookie| cookie.0 != u64::MAX),
            5 => told.reason = property::u8(body)?,
            6 => told.fields = matching::fields(body.rest(), false)?,
            7 => userdata = body.rest(),
            8 => continuation = Some(property::nested(body)?),
            // Properties of later versions of Open vSwitch are ignored.
            _ => {}
        }
    }
    let len = u64::try_from(told.data.len()).unwrap_or(u64::MAX);
    if told.total_len == 0 {
        told.total_len = len;
    }
    if len == 0 || told.total_len < len {
        return Err(OvsError::RequestLen);
    }
    let continuation = continuation.map(read).transpose()?.unwrap_or_default();
    print_head(out, &told);
    if !userdata.is_empty() {
        put!(out.text, " userdata={}\n", hex(userdata));
    }
    print_continuation(out, &continuation);
    packet(out, &told);
    Ok(())
}

fn read(mut r: Reader<'_>) -> Result<Continuation<'_>, OvsError> {
    /// The widest value on the stack, in bytes.
    const MAX_STACK: usize = 128;
    let mut this = Continuation::default();
    let (mut table, mut cookie) = (0, Cookie(0));
    while !r.is_empty() {
        let (kind, mut body) = property::next(&mut r)?;
        match kind {
            0x8000 => {
                let bridge = body.array("continuation.bridge").map_err(|_| OvsError::PropertyLen)?;
                if !body.is_empty() {
                    return Err(OvsError::PropertyLen);
                }
                this.bridge = Some(bridge).filter(|bridge| *bridge != [0; 16]);
            }
            0x8001 if body.remaining() > MAX_STACK => return Err(OvsError::PropertyLen),
            0x8001 => this.stack.push(body.rest()),
            0x8002 => this.mirrors = property::u32(body)?,
            0x8003 => this.conntracked = true,
            0x8004 => table = property::u8(body)?,
            0x8005 => cookie = Cookie(property::u64(body)?),
            0x8006 => this.actions.push((table, cookie, list(body)?)),
            0x8007 => this.action_set = list(body)?,
            0x8008 => this.odp_port = property::u32(body)?,
            _ => {}
        }
    }
    Ok(this)
}

fn list(body: Reader<'_>) -> Result<Vec<Action>, OvsError> {
    let mut body = property::nested(body)?;
    let len = body.remaining();
    actions::list(&mut body, len)
}

fn print_continuation(out: &mut MessagePrinter<'_>, continuation: &Continuation<'_>) {
    let text = &mut out.text;
    if let Some(bridge) = continuation.bridge {
        // Open vSwitch sends its numbers in host byte order.
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| {
            let word = bridge.chunks_exact(4).nth(n).and_then(|word| word.try_into().ok());
            word.map_or(0, u32::from_le_bytes)
        });
        let [b, e, c, f] = [b >> 16, b & 0xffff, c >> 16, c & 0xffff];
        put!(text, " continuation.bridge={a:08x}-{b:04x}-{e:04x}-{c:04x}-{f:04x}{d:08x}\n");
    }
    if !continuation.stack.is_empty() {
        text.push_str(" continuation.stack=(top)");
        for value in &continuation.stack {
            let digits: String = value.iter().map(|b| format!("{b:02x}")).collect();
            match digits.trim_start_matches('0') {
                "" => text.push_str(" 0"),
                digits => put!(text, " 0x{digits}"),
            }
        }
        text.push_str(" (bottom)\n");
    }
    if continuation.mirrors != 0 {
        put!(text, " continuation.mirrors={:#x}\n", continuation.mirrors);
    }
    if continuation.conntracked {
        text.push_str(" continuation.conntracked=true\n");
    }
    if !continuation.actions.is_empty() {
        let parts = continuation.actions.iter().map(|(table, cookie, actions)| {
            let origin = format!("unroll_xlate(table={table}, cookie={})", cookie.0);
            match actions.as_slice() {
                [] => origin,
                list => format!("{origin},{}", actions_text(list, out.names)),
            }
        });
        put!(text, " continuation.actions={}\n", parts.collect::<Vec<_>>().join(","));
    }
    if !continuation.action_set.is_empty() {
        put!(text, " continuation.action_set={}\n", actions_text(&continuation.action_set, out.names));
    }
    if continuation.odp_port != 0 {
        put!(text, " continuation.odp_port={}\n", continuation.odp_port);
    }
}

fn actions_text(list: &[Action], names: &dyn crate::syntax::Names) -> String {
    print_actions(&[Instruction::ApplyActions(list.to_vec())], names)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(".")
}
