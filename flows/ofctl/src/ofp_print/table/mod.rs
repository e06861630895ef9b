//! Tables: counters and features.

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
    // The handling of table misses is no longer part of OpenFlow 1.3.
    match TableId(r.u8("table_mod.table_id")?) {
        TableId::ALL => out.text.push_str(" table_id: ALL_TABLES"),
        TableId(table) => put!(out.text, " table_id={table}"),
    }
    Ok(())
}

/// Prints counters of tables as `ovs-ofctl dump-tables` does, over all parts of a reply. Tables
/// with the counters of the previous one share one line. Call `finish` after the last table.
#[derive(Debug, Clone, Default)]
pub struct TableStatsPrinter {
    before: Option<TableStats>,
    ditto: RepeatedTables,
}

impl TableStatsPrinter {
    /// Appends a table, or records that it equals the previous one.
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

    /// Appends the pending line about the last tables.
    pub fn finish(&mut self, out: &mut String) {
        self.ditto.finish(out);
    }
}

/// A run of tables that equal the one before them: the first and the last.
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
