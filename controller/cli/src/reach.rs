//! `portcullis reach`: what a party can reach, or who can reach it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use flows::verify::bridge_flows::compiled;
use flows::verify::proof::Budget;
use flows::verify::reach::{Direction, reach, table};
use miette::IntoDiagnostic as _;

use super::exit::UNKNOWN;
use super::{Failure, output, question};

/// List all that a party can reach, or with --to all that can reach it.
///
/// The rows are computed from the flows of the file, for every packet. A row `opens` connections, or
/// is for the `answers` to those of others. It holds always, or only while a window is open or until
/// a crossing expires. Exit code 3 when rows may be missing.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// The party.
    #[arg(required_unless_present = "to", conflicts_with = "to")]
    from: Option<String>,
    /// List who can reach this party.
    #[arg(long, value_name = "PARTY")]
    to: Option<String>,
    /// The network file.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Also print ARP, neighbour discovery, fragments and ICMP errors.
    #[arg(long)]
    all: bool,
    /// Print JSON, with all rows: see `portcullis schema reach`.
    #[arg(long)]
    json: bool,
}

impl Reach {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let loaded = question::load(&self.file)?;
        let (party, direction) = match (self.from, self.to) {
            (Some(from), _) => (from, Direction::From),
            (None, to) => (to.unwrap_or_default(), Direction::To),
        };
        let bridges = compiled(&loaded.file);
        let asked = reach(&loaded.file, &bridges, &party, direction, Budget::default());
        let found = asked.map_err(|error| question::failed(&error))?;
        match self.json {
            true => output::json(&serde_json::to_value(&found).into_diagnostic()?)?,
            false => {
                output::print(&table(found.shown(self.all)))?;
                question::doubt(&found.unknown);
            }
        }
        Ok(if found.unknown.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNKNOWN) })
    }
}
