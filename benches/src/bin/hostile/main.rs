//! Attacks one release controller after another on loopback, for the rows of `benches/hostile.sh`.
//!
//! `hostile PORTCULLIS [NAME…]` prints `what | mark | measured` for all groups of rows, or for the
//! named ones. The exit code is 1 if a mark is missed. A group of rows is a module of [`rows`], and
//! a line in `GROUPS`.

mod controller;
mod flood;
mod rows;
mod switch;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Describes one row of the table.
struct ReportRow {
    /// The quantity measured.
    what: String,
    /// The mark, as text.
    mark: String,
    /// The measured value, as text.
    measured: String,
    /// Set where the mark is met.
    met: bool,
}

impl ReportRow {
    /// Returns a row that is met if the number is at most the mark.
    fn at_most(what: impl Into<String>, unit: &str, mark: f64, measured: f64) -> Self {
        let show = |number: f64| match number.fract() == 0.0 {
            true => format!("{number:.0} {unit}"),
            false => format!("{number:.2} {unit}"),
        };
        let mark_text = format!("≤ {}", show(mark));
        Self { what: what.into(), mark: mark_text, measured: show(measured), met: measured <= mark }
    }
}

/// Measures the rows of one group, with the controller's binary.
type Measure = fn(&Path) -> io::Result<Vec<ReportRow>>;

/// Lists the groups by their names on the command line.
const GROUPS: [(&str, Measure); 8] = [
    ("port-desc", rows::port_desc::measure),
    ("dribble", rows::dribble::measure),
    ("unnamed", rows::unnamed::measure),
    ("http", rows::http::measure),
    ("flapping", rows::flapping::measure),
    ("fairness", rows::fairness::measure),
    ("dump", rows::dump::measure),
    ("bridges", rows::bridges::measure),
];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(binary) = words.next().map(PathBuf::from) else {
        let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
        eprintln!("hostile PORTCULLIS [{}]…", names.join("|"));
        return ExitCode::FAILURE;
    };
    let wanted: Vec<String> = words.collect();
    if let ("flood", [kind, at]) = (&*binary.to_string_lossy(), &*wanted) {
        return match flood::run(kind, at) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("hostile flood: {error}");
                ExitCode::FAILURE
            }
        };
    }
    println!("{:<72} | {:>10} | {:>12}", "what", "mark", "measured");
    let mut met = true;
    for (name, measure) in GROUPS {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        match measure(&binary) {
            Ok(rows) => {
                for row in rows {
                    let missed = if row.met { "" } else { "  missed" };
                    println!("{:<72} | {:>10} | {:>12}{missed}", row.what, row.mark, row.measured);
                    met &= row.met;
                }
            }
            Err(error) => {
                println!("{name}: not measured: {error}");
                met = false;
            }
        }
    }
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
