//! `portcullis attach` and `detach`: through ovs-vsctl, with the settings that isolation needs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;
use portcullis::ovs::{AttachOptions, AttachOutcome, Database, attach, detach};

use super::output::Output;
use super::{Failure, finding};

/// Point the bridges of a network file at the controller, with the settings that isolation needs.
///
/// Prints each ovs-vsctl command. Flows of a bridge that had no controller are flushed by Open vSwitch
/// when it gets its first.
#[derive(Debug, Args)]
pub(super) struct Attach {
    /// The network file.
    file: PathBuf,
    /// Where the controller listens, as ovs-vsctl set-controller takes it. Default:
    /// unix:portcullis.sock in Open vSwitch's run directory, where `portcullis run` listens by
    /// default.
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    common: DatabaseArgs,
}

/// Take the bridges of a network file away from the controller; their flows stay.
#[derive(Debug, Args)]
pub(super) struct Detach {
    /// The network file.
    file: PathBuf,
    /// Let the bridges switch like any other afterwards: nothing is isolated then.
    #[arg(long)]
    standalone: bool,
    #[command(flatten)]
    common: DatabaseArgs,
}

#[derive(Debug, Args)]
struct DatabaseArgs {
    /// Only print the commands.
    #[arg(long)]
    dry_run: bool,
    /// The Open vSwitch database, as `ovs-vsctl --db` takes it.
    #[arg(long, value_name = "DATABASE")]
    db: Option<String>,
}

impl DatabaseArgs {
    fn options(self, standalone: bool) -> AttachOptions {
        AttachOptions { database: Database { db: self.db, rundir: None }, dry_run: self.dry_run, standalone }
    }
}

impl Attach {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let policy = finding::load(&self.file)?;
        let options = self.common.options(false);
        let default = || format!("unix:{}", options.database.controller_socket().display());
        let target = self.target.unwrap_or_else(default);
        let done = attach(&policy.file, &target, &options, &mut Output);
        Ok(code(&done.into_diagnostic()?))
    }
}

impl Detach {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let policy = finding::load(&self.file)?;
        let options = self.common.options(self.standalone);
        let done = detach(&policy.file, &options, &mut Output);
        Ok(code(&done.into_diagnostic()?))
    }
}

fn code(outcome: &AttachOutcome) -> ExitCode {
    if outcome.complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
