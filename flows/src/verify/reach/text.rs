//! Rows as people read them.

use std::fmt::Write as _;

use super::difference::{Change, Difference};
use super::ranges::Ranges;
use super::row::{Row, RowKind, When};
use super::table::ReachTable;
use super::traffic::Family;

impl Row {
    /// Returns the row as one line.
    pub fn summary(&self) -> String {
        let cells = self.cells();
        let [from, to, protocol, ports, ..] = &cells;
        format!("{from} -> {to}: {protocol} {ports}")
    }

    /// Returns the cells of a table: from, to, protocol, ports, kind, when.
    pub fn cells(&self) -> [String; 6] {
        let protocol = match *self.families {
            [Family::V4] if self.protocol != "icmp" => format!("{} (IPv4)", self.protocol),
            [Family::V6] if !matches!(self.protocol, "icmpv6" | "nd") => format!("{} (IPv6)", self.protocol),
            _ => self.protocol.to_owned(),
        };
        let kind = match self.kind {
            RowKind::Opens => "opens",
            RowKind::Answers => "answers",
        };
        let when = match (self.when, self.windows.is_empty()) {
            (When::Always, _) => "always".to_owned(),
            (When::Closed, _) => "windows closed".to_owned(),
            (When::Open, true) => "open only".to_owned(),
            (When::Open, false) => format!("open only: {}", self.windows.join(", ")),
        };
        [self.from.label(), self.to.label(), protocol, self.numbers(), kind.to_owned(), when]
    }

    fn has(&self, first: u16, last: u16) -> bool {
        Ranges::new(vec![(first, last)]).except(&self.ports).is_empty()
    }

    /// Returns its ports, or its other numbers with a word for them.
    fn numbers(&self) -> String {
        match self.protocol {
            "arp" => "-".to_owned(),
            "icmp" | "icmpv6" | "nd" if self.ports.iter().eq([(0, 255)]) => "any".to_owned(),
            "icmp" | "icmpv6" | "nd" => format!("type {}", self.ports),
            "ip" if OTHERS.iter().all(|(first, last)| self.has(*first, *last)) => "all others".to_owned(),
            "ip" | "fragments" => format!("protocol {}", self.ports),
            "ethernet" => {
                let range = |(first, last): (u16, u16)| match first == last {
                    true => format!("{first:#06x}"),
                    false => format!("{first:#06x}-{last:#06x}"),
                };
                self.ports.iter().map(range).collect::<Vec<_>>().join(",")
            }
            _ => self.ports.to_string(),
        }
    }
}

/// The protocols over IP that have no rows of their own: without ICMP, TCP, UDP, the fragment header
/// of IPv6, ICMPv6 and SCTP.
const OTHERS: [(u16, u16); 7] = [(0, 0), (2, 5), (7, 16), (18, 43), (45, 57), (59, 131), (133, 255)];

/// The heads of the columns.
const HEADS: [&str; 6] = ["from", "to", "protocol", "ports", "kind", "when"];

/// Returns rows as a table, each column as wide as its widest cell.
pub fn table<'r>(rows: impl IntoIterator<Item = &'r Row>) -> String {
    let heads = HEADS.map(str::to_owned);
    let cells: Vec<[String; 6]> = std::iter::once(heads).chain(rows.into_iter().map(Row::cells)).collect();
    let mut widths = [0; 6];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &cells {
        let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += padded.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

impl ReachTable {
    /// Returns the rows that a person asks for first, or all.
    pub fn shown(&self, all: bool) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| all || !row.background)
    }
}

impl Difference {
    /// Returns the differences, each with its packet.
    pub fn to_text(&self, all: bool) -> String {
        let mut text = String::new();
        for (head, changes) in [("newly permitted", &self.permitted), ("newly denied", &self.denied)] {
            let shown: Vec<&Change> = changes.iter().filter(|c| all || !c.row.background).collect();
            if shown.is_empty() {
                continue;
            }
            let _ = writeln!(text, "{head}:");
            let rows = table(shown.iter().map(|change| &change.row));
            let mut lines = rows.lines();
            let _ = writeln!(text, "  {}", lines.next().unwrap_or_default());
            for (line, change) in lines.zip(shown) {
                let _ = writeln!(text, "  {line}");
                let Some(witness) = &change.witness else { continue };
                for opener in &witness.openers {
                    let packet = opener.first().map(|hop| (&hop.bridge, &hop.packet));
                    packet
                        .iter()
                        .for_each(|(bridge, packet)| _ = writeln!(text, "    after {bridge}: {packet}"));
                }
                if let Some(hop) = witness.hops.first() {
                    let _ = writeln!(text, "    {}: {}", hop.bridge, hop.packet);
                }
            }
        }
        text
    }
}
