//! Flows as `ovs-ofctl` prints them.

mod actions;
mod matching;

use std::fmt::Write as _;

use flow_model::{Flow, FlowMatch};
use ofproto::instruction::Instruction;
use ofproto::message::multipart::FlowStats;

use super::flow::FLAGS;
use crate::syntax::lex::names::{Names, print_table};

/// Prints a flow as a line that `ovs-ofctl -O OpenFlow13 add-flows` and [`super::parse_flow`] read
/// back. It is the text of `ovs-ofctl -O OpenFlow13 --no-stats dump-flows` without the leading
/// blank.
pub fn print_flow(flow: &Flow, names: &dyn Names) -> String {
    let mut out = String::new();
    if flow.cookie.0 != 0 {
        put(&mut out, format_args!("cookie={}, ", flow.cookie));
    }
    if flow.table.0 != 0 {
        put(&mut out, format_args!("table={}, ", print_table(flow.table, names)));
    }
    rest(&mut out, flow, names);
    out
}

/// Prints a flow with its counters: a line of `ovs-ofctl -O OpenFlow13 dump-flows`. It includes the
/// effect of `--names` if `names` has any, and that of `--no-stats` unless `show_stats`.
pub fn print_stats(stats: &FlowStats, names: &dyn Names, show_stats: bool) -> String {
    let flow = Flow::from_stats(stats);
    if !show_stats {
        return format!(" {}", print_flow(&flow, names));
    }
    let mut out = format!(
        " cookie={}, duration={}, table={}, n_packets={}, n_bytes={}, ",
        stats.cookie,
        duration(stats.duration_sec, stats.duration_nsec),
        print_table(stats.table_id, names),
        stats.packet_count,
        stats.byte_count
    );
    // `Cookie` prints zero as 0x0, as a dump does.
    rest(&mut out, &flow, names);
    out
}

/// Prints a match without a priority. Empty for a match on everything.
pub fn print_match(matches: &FlowMatch, names: &dyn Names) -> String {
    matching::print(matches, names)
}

/// Prints the text after `actions=`.
pub fn print_actions(instructions: &[Instruction], names: &dyn Names) -> String {
    actions::instructions(instructions, names)
}

/// Appends formatted text. Writing to a string cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn rest(out: &mut String, flow: &Flow, names: &dyn Names) {
    if flow.idle_timeout != 0 {
        put(out, format_args!("idle_timeout={}, ", flow.idle_timeout));
    }
    if flow.hard_timeout != 0 {
        put(out, format_args!("hard_timeout={}, ", flow.hard_timeout));
    }
    for (name, bit) in FLAGS {
        if flow.flags & bit != 0 {
            put(out, format_args!("{name} "));
        }
    }
    let mut parts = Vec::new();
    if flow.priority != flow_model::DEFAULT_PRIORITY {
        parts.push(format!("priority={}", flow.priority));
    }
    let matches = print_match(&flow.matches, names);
    if !matches.is_empty() {
        parts.push(matches);
    }
    let matches = parts.join(",");
    let blank = if matches.is_empty() { "" } else { " " };
    put(out, format_args!("{matches}{blank}actions={}", print_actions(&flow.instructions, names)));
}

/// Formats seconds, with three decimals if these suffice, otherwise with nine.
fn duration(seconds: u32, nanoseconds: u32) -> String {
    match nanoseconds {
        0 => format!("{seconds}s"),
        n if n.is_multiple_of(1_000_000) => format!("{seconds}.{:03}s", n / 1_000_000),
        n => format!("{seconds}.{n:09}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration(3, 0), "3s");
        assert_eq!(duration(3, 50_000_000), "3.050s");
        assert_eq!(duration(3, 50_000_001), "3.050000001s");
    }
}
