//! `portcullis diff-reach`: what another network file lets pass, and what it no longer does.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use flows::verify::bridge_flows::compiled;
use flows::verify::proof::Budget;
use flows::verify::reach::difference;
use miette::IntoDiagnostic as _;

use super::exit::{DIFFERENT, UNKNOWN};
use super::{Failure, output, question};

/// Compare what two network files let pass, with a packet for each difference.
///
/// The traffic is compared by sender, receiver, protocol and port, with windows open and closed.
/// Parties are compared by their names, bridges and ports. Exit code 0: no difference; 2: a
/// difference; 1: an error; 3: unknown.
#[derive(Debug, Args)]
pub(super) struct DiffReach {
    /// The network file as it was.
    old: PathBuf,
    /// The network file as it will be.
    new: PathBuf,
    /// Also print ARP, neighbour discovery, fragments and ICMP errors.
    #[arg(long)]
    all: bool,
    /// Print JSON, with all differences: see `portcullis schema diff-reach`.
    #[arg(long)]
    json: bool,
}

impl DiffReach {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let (old, new) = (question::load(&self.old)?, question::load(&self.new)?);
        let (before, after) = (compiled(&old.file), compiled(&new.file));
        let found = difference((&old.file, &before), (&new.file, &after), Budget::default());
        match self.json {
            true => output::json(&serde_json::to_value(&found).into_diagnostic()?)?,
            false => {
                output::print(&found.to_text(self.all))?;
                question::doubt(&found.unknown);
            }
        }
        Ok(match (found.is_shown(), found.unknown.is_empty()) {
            (true, _) => ExitCode::from(DIFFERENT),
            (false, true) => ExitCode::SUCCESS,
            (false, false) => ExitCode::from(UNKNOWN),
        })
    }
}
