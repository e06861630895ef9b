//! Tables: how full they are, and what they can do.

mod features;
mod names;

use ofproto::codec::Reader;
use ofproto::message::multipart::TableStats;
use ofproto::{TableId, Wire as _};

use super::{MessagePrinter, Printed, put};

pub(super) fn stats_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let mut printer = TableStatsPrinter::default();
    while !r.is_empty() {
        printer.print(&mut out.text, &TableStats::decode(r)?);
    }
    printer.finish(&mut out.text);
    Ok(())
}

pub(super) use self::features::print as features;

pub(super) fn table_mod(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    // What happens to a packet that misses is not of OpenFlow 1.3 any more.
    match TableId(r.u8("table_mod.table_id")?) {
        TableId::ALL => out.text.push_str(" table_id: ALL_TABLES"),
        TableId(table) => put!(out.text, " table_id={table}"),
    }
    Ok(())
}

/// Prints what passed through tables as `ovs-ofctl dump-tables` does, over all parts of a reply: tables that have the
/// same counters as the one before are told in one line. Finish it behind the last table.
#[derive(Debug, Clone, Default)]
pub struct TableStatsPrinter {
    before: Option<TableStats>,
    ditto: RepeatedTables,
}

impl TableStatsPrinter {
    /// Appends a table, or remembers that it is like the one before.
    pub fn print(&mut self, out: &mut String, stats: &TableStats) {
        let same = self.before.as_ref().is_some_and(|before| {
            (before.active_count, before.lookup_count, before.matched_count)
                == (stats.active_count, stats.lookup_count, stats.matched_count)
        });
        let table = stats.table_id.0;
        if same {
            self.ditto.add(table);
        } else {
            self.ditto.finish(out);
            put!(
                out,
                "\n  table {table}:\n    active={}, lookup={}, matched={}\n",
                stats.active_count,
                stats.lookup_count,
                stats.matched_count
            );
        }
        self.before = Some(*stats);
    }

    /// Appends what is still to be told of the last tables.
    pub fn finish(&mut self, out: &mut String) {
        self.ditto.finish(out);
    }
}

/// A run of tables that are like the one before them: its first and its last.
#[derive(Debug, Clone, Default)]
struct RepeatedTables(Option<(u8, u8)>);

impl RepeatedTables {
    fn add(&mut self, table: u8) {
        self.0 = Some((self.0.map_or(table, |(first, _)| first), table));
    }

    fn finish(&mut self, out: &mut String) {
        match self.0.take() {
            Some((first, last)) if first == last => put!(out, "\n  table {first}: ditto\n"),
            Some((first, last)) => put!(out, "\n  tables {first}...{last}: ditto\n"),
            None => {}
        }
    }
}
