//! Flows: changes, removals, and the flows of a switch.

use flow_model::{DEFAULT_PRIORITY, FlowMatch};
use ofproto::codec::Reader;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::{AggregateReply, FlowStats, FlowStatsRequest};
use ofproto::message::{
    FLOW_CHECK_OVERLAP, FLOW_NO_BYT_COUNTS, FLOW_NO_PKT_COUNTS, FLOW_RESET_COUNTS, FLOW_SEND_FLOW_REM,
    FlowMod, FlowModCommand, FlowRemoved, NxFlowMod, NxFlowRemoved,
};
use ofproto::{BufferId, Cookie, OvsError, PortNo, TableId, Wire as _};

use super::actions::instructions;
use super::matching::{self, text as match_text};
use super::port::check_port;
use super::{MessagePrinter, Printed, put, text};
use crate::syntax::{Names, misfit, print_actions, print_table};

/// The words of `ovs-ofctl` for OFPFF_ flags.
const FLAGS: [(u16, &str); 5] = [
    (FLOW_SEND_FLOW_REM, "send_flow_rem"),
    (FLOW_CHECK_OVERLAP, "check_overlap"),
    (FLOW_RESET_COUNTS, "reset_counts"),
    (FLOW_NO_PKT_COUNTS, "no_packet_counts"),
    (FLOW_NO_BYT_COUNTS, "no_byte_counts"),
];

/// Refuses flags that OpenFlow 1.3 does not have.
fn check_flags(flags: u16) -> Result<(), OvsError> {
    let known = FLAGS.iter().fold(0, |all, (bit, _)| all | bit);
    if flags & !known == 0 { Ok(()) } else { Err(OvsError::FlowFlags) }
}

fn flags(out: &mut String, flags: u16) {
    for (_, name) in FLAGS.iter().filter(|(bit, _)| flags & bit != 0) {
        put!(out, "{name} ");
    }
}

/// A change of flows, in any of its forms.
#[derive(Debug)]
struct Change {
    /// The fields before the match.
    head: FlowMod,
    matches: FlowMatch,
    /// The cookie of the new flows.
    new_cookie: Cookie,
    /// The cookie and mask that select flows.
    cookie: (u64, u64),
}

impl Change {
    fn read(r: &mut Reader<'_>) -> Result<Self, OvsError> {
        let head = FlowMod::decode_head(r)?;
        let matches = matching::read(r, true)?;
        let deletes = matches!(head.command, FlowModCommand::Delete | FlowModCommand::DeleteStrict);
        if head.table_id == TableId::ALL && !deletes {
            return Err(OvsError::FlowTable);
        }
        check_port(head.out_port)?;
        let (new_cookie, cookie) = match head.command {
            FlowModCommand::Add => (head.cookie, (0, 0)),
            _ => (Cookie(u64::MAX), (head.cookie.0, head.cookie_mask)),
        };
        Ok(Self { head, matches, new_cookie, cookie })
    }

    /// Reads Nicira's form, whose match has the encoding of OpenFlow 1.0 and may select by cookie.
    fn read_nicira(r: &mut Reader<'_>) -> Result<Self, OvsError> {
        let (nx, match_len) = NxFlowMod::decode_head(r)?;
        let (matches, cookie) = matching::read_nicira(r, match_len)?;
        if nx.command == FlowModCommand::Add && cookie.1 != 0 {
            return Err(OvsError::CookieMatch);
        }
        let head = FlowMod {
            table_id: nx.table_id,
            command: nx.command,
            idle_timeout: nx.idle_timeout,
            hard_timeout: nx.hard_timeout,
            priority: nx.priority,
            buffer_id: nx.buffer_id,
            out_port: PortNo::from_u16(nx.out_port),
            flags: nx.flags,
            ..FlowMod::default()
        };
        Ok(Self { head, matches, new_cookie: nx.cookie, cookie })
    }

    fn print(&self, out: &mut MessagePrinter<'_>, command: &str, instructions: &[Instruction]) {
        let (text, head) = (&mut out.text, &self.head);
        put!(text, " {command}");
        if head.table_id.0 != 0 {
            put!(text, " table:{}", print_table(head.table_id, out.names));
        }
        put!(text, " {}", match_text(&self.matches, head.priority, out.names));
        if !text.ends_with(' ') {
            text.push(' ');
        }
        if self.new_cookie.0 != 0 && self.new_cookie.0 != u64::MAX {
            put!(text, "cookie:{} ", self.new_cookie);
        }
        if self.cookie.1 != 0 {
            put!(text, "cookie:{:#x}/{:#x} ", self.cookie.0, self.cookie.1);
        }
        if head.idle_timeout != 0 {
            put!(text, "idle:{} ", head.idle_timeout);
        }
        if head.hard_timeout != 0 {
            put!(text, "hard:{} ", head.hard_timeout);
        }
        if head.buffer_id != BufferId::NO_BUFFER {
            put!(text, "buf:{:#x} ", head.buffer_id.0);
        }
        if head.out_port != PortNo::ANY {
            text.push_str("out_port:");
            text::port(text, head.out_port, out.names);
            text.push(' ');
        }
        flags(text, head.flags);
        put!(text, "actions={}", print_actions(instructions, out.names));
    }
}

/// Returns the word for an OFPFC_ command.
fn command(command: FlowModCommand) -> Result<&'static str, OvsError> {
    Ok(match command {
        FlowModCommand::Add => "ADD",
        FlowModCommand::Modify => "MOD",
        FlowModCommand::ModifyStrict => "MOD_STRICT",
        FlowModCommand::Delete => "DEL",
        FlowModCommand::DeleteStrict => "DEL_STRICT",
        FlowModCommand::Unknown(_) => return Err(OvsError::FlowCommand),
    })
}

/// Prints OFPT_FLOW_MOD, or Nicira's form.
pub(super) fn flow_mod(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>, nicira: bool) -> Printed {
    let change = if nicira { Change::read_nicira(r) } else { Change::read(r) }?;
    matching::check_tracking(&change.matches)?;
    let command = command(change.head.command)?;
    let instructions = instructions(r)?;
    check_flags(change.head.flags)?;
    if let Some(error) = misfit(&change.matches, change.head.table_id, &instructions) {
        return Err(error);
    }
    change.print(out, command, &instructions);
    Ok(())
}

/// Prints OFPT_FLOW_REMOVED, or Nicira's form.
pub(super) fn removed(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>, nicira: bool) -> Printed {
    let (head, matches) = if nicira {
        let (NxFlowRemoved(head), match_len) = NxFlowRemoved::decode_head(r)?;
        let matches = matching::read_nxm(r, match_len, true)?;
        if !r.is_empty() {
            return Err(OvsError::RequestLen);
        }
        (head, matches)
    } else {
        (FlowRemoved::decode_head(r)?, matching::read(r, true)?)
    };
    let text = &mut out.text;
    let reason = removed_reason(u16::from(head.reason));
    put!(text, " {} reason={reason}", match_text(&matches, head.priority, out.names));
    if head.table_id != TableId::ALL {
        put!(text, " table_id={}", print_table(head.table_id, out.names));
    }
    if head.cookie.0 != 0 {
        put!(text, " cookie:{}", head.cookie);
    }
    text.push_str(" duration");
    text::duration(text, head.duration_sec, head.duration_nsec);
    put!(text, " idle{}", head.idle_timeout);
    if head.hard_timeout != 0 {
        put!(text, " hard{}", head.hard_timeout);
    }
    put!(text, " pkts{} bytes{}\n", head.packet_count, head.byte_count);
    Ok(())
}

/// Returns the word of `ovs-ofctl` for an OFPRR_ number.
pub(super) fn removed_reason(reason: u16) -> String {
    const REASONS: [&str; 6] = ["idle", "hard", "delete", "group_delete", "meter_delete", "eviction"];
    REASONS.get(usize::from(reason)).map_or_else(|| reason.to_string(), |name| (*name).to_owned())
}

pub(super) fn request(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let FlowStatsRequest { table_id: table, out_port, .. } = FlowStatsRequest::decode_head(r)?;
    check_port(out_port)?;
    let matches = matching::read(r, true)?;
    if table != TableId::ALL {
        put!(out.text, " table={}", table.0);
    }
    if out_port != PortNo::ANY {
        out.text.push_str(" out_port=");
        text::port(&mut out.text, out_port, out.names);
    }
    put!(out.text, " {}", match_text(&matches, DEFAULT_PRIORITY, out.names));
    Ok(())
}

pub(super) fn reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const LEN: usize = 48;
    while !r.is_empty() {
        if r.remaining() < LEN {
            return Err(OvsError::RequestLen);
        }
        let mut ahead = r.clone();
        let length = usize::from(ahead.u16("flow_stats.length")?);
        if length < LEN {
            return Err(OvsError::RequestLen);
        }
        // Match and instructions are checked before any part of the flow is printed.
        let stats = FlowStats::decode_head(&mut ahead)?;
        let before = ahead.at();
        let matches = matching::read(&mut ahead, true)?;
        check_flags(stats.flags)?;
        let left = (length - LEN).checked_sub(ahead.at() - before).ok_or(OvsError::InstructionLen)?;
        let mut rest = ahead.sub(left, "instructions").map_err(|_| OvsError::InstructionLen)?;
        let instructions = instructions(&mut rest)?;
        r.skip(length, "flow_stats")?;
        out.text.push_str("\n ");
        print(&mut out.text, &stats, &matches, &instructions, out.names, true);
    }
    Ok(())
}

pub(super) fn aggregate(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let sums = AggregateReply::decode(r)?;
    put!(
        out.text,
        " packet_count={} byte_count={} flow_count={}",
        sums.packet_count,
        sums.byte_count,
        sums.flow_count
    );
    Ok(())
}

/// Prints a flow with its counters: a line of `ovs-ofctl -O OpenFlow13 dump-flows` without the
/// leading blank and the line end. Without `show_stats`, it omits the fields that `--no-stats`
/// omits.
pub fn print_flow_stats(out: &mut String, stats: &FlowStats, names: &dyn Names, show_stats: bool) {
    print(out, stats, &FlowMatch::from_wire(&stats.fields), &stats.instructions, names, show_stats);
}

fn print(
    out: &mut String,
    stats: &FlowStats,
    matches: &FlowMatch,
    instructions: &[Instruction],
    names: &dyn Names,
    show_stats: bool,
) {
    if show_stats || stats.cookie.0 != 0 {
        put!(out, "cookie={}, ", stats.cookie);
    }
    if show_stats {
        out.push_str("duration=");
        text::duration(out, stats.duration_sec, stats.duration_nsec);
        out.push_str(", ");
    }
    if show_stats || stats.table_id.0 != 0 {
        put!(out, "table={}, ", print_table(stats.table_id, names));
    }
    if show_stats {
        text::counter(out, "n_packets", stats.packet_count, ", ");
        text::counter(out, "n_bytes", stats.byte_count, ", ");
    }
    if stats.idle_timeout != 0 {
        put!(out, "idle_timeout={}, ", stats.idle_timeout);
    }
    if stats.hard_timeout != 0 {
        put!(out, "hard_timeout={}, ", stats.hard_timeout);
    }
    flags(out, stats.flags);
    let matches = match_text(matches, stats.priority, names);
    let blank = if matches.is_empty() { "" } else { " " };
    put!(out, "{matches}{blank}actions={}", print_actions(instructions, names));
}
