//! A comparison as Markdown tables, for a terminal and for a README.

use std::fmt::{self, Write as _};

use super::Mode;
use super::compare::{Comparison, ComparisonRow, ComparisonTable, ratio, title};
use super::report::whole;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = if self.rounds == 1 {
            "one round".to_owned()
        } else {
            format!("medians of {} rounds", self.rounds)
        };
        writeln!(f, "{}, {rounds}", self.machine)?;
        for table in &self.tables {
            writeln!(f, "\n### {}\n", title(table.mode, table.switches, table.macs, table.outstanding))?;
            f.write_str(&aligned(&cells(table)))?;
        }
        Ok(())
    }
}

/// Returns the cells of a table, the heading first.
fn cells(table: &ComparisonTable) -> Vec<Vec<String>> {
    let base = table.rows.first().map_or("", |row| row.controller.as_str());
    // The second controller is the subject of the comparison: its speed is shown as a multiple of
    // the others'.
    let subject = table.rows.get(1);
    let mut heading = vec!["controller".to_owned()];
    let columns: &[&str] = match table.mode {
        Mode::Throughput => &["answers/s", "CPU per answer", "÷ BASE", "cores"],
        Mode::Latency => &["p50", "÷ BASE", "p99", "÷ BASE", "p99.9"],
        Mode::Connect => &["all served in"],
    };
    heading.extend(columns.iter().map(|column| column.replace("BASE", base)));
    if let (Mode::Throughput, Some(subject)) = (table.mode, subject) {
        heading.push(format!("{} answers", subject.controller));
    }
    heading.push("faults".into());
    let mut cells = vec![heading];
    for row in &table.rows {
        let mut line = vec![row.controller.clone()];
        match table.mode {
            Mode::Throughput => {
                line.push(format_value(row.answers_per_second, whole));
                line.push(format_value(row.cpu_ns_per_answer, |ns| format!("{} ns", whole(ns))));
                line.push(times(row.cpu_ratio));
                line.push(format_value(row.cores, |cores| format!("{cores:.2}")));
                if let Some(subject) = subject {
                    let faster = ratio(subject.answers_per_second, row.answers_per_second);
                    line.push(if subject.controller == row.controller {
                        String::new()
                    } else {
                        format_value(faster, |n| format!("{n:.2} × as many"))
                    });
                }
            }
            Mode::Latency => {
                for (value, relation) in [(row.p50, row.p50_ratio), (row.p99, row.p99_ratio)] {
                    line.extend([format_value(value, micros), times(relation)]);
                }
                line.push(format_value(row.p99_9, micros));
            }
            Mode::Connect => line.push(format_value(row.served_seconds, |s| format!("{s:.3} s"))),
        }
        line.push(wrong(row));
        cells.push(line);
    }
    cells
}

fn wrong(row: &ComparisonRow) -> String {
    row.wrong.replace('|', "/").replace('\n', " ")
}

fn format_value(value: Option<f64>, how: impl FnOnce(f64) -> String) -> String {
    value.map_or_else(|| "–".into(), how)
}

fn times(ratio: Option<f64>) -> String {
    format_value(ratio, |ratio| format!("{ratio:.2}"))
}

fn micros(us: f64) -> String {
    format!("{us:.1} µs")
}

/// Returns a Markdown table whose source text is aligned too: names to the left, other columns to
/// the right, the last one unaligned.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let right = |column: usize| column > 0 && column + 1 < columns;
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if right(column) {
                write!(text, "| {cell:>width$} ")
            } else {
                write!(text, "| {cell:<width$} ")
            };
        }
        text.push_str("|\n");
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let end = if right(column) { ':' } else { '-' };
                let _ = write!(text, "|{}{end}", "-".repeat(width + 1));
            }
            text.push_str("|\n");
        }
    }
    text
}
