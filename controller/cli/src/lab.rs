//! `portcullis lab`: a private Open vSwitch with everything that a network file names around it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use lab::{self, LabSelection};
use miette::IntoDiagnostic as _;

use super::Failure;

/// Try a network file on a private Open vSwitch, in network namespaces of its own.
#[derive(Debug, Args)]
pub(super) struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Bring it up, probe every rule with real packets, print the table, and stay until Ctrl-C.
    Up {
        /// The network file.
        file: PathBuf,
    },
    /// Bring it up, probe every rule with real packets, print the table, and take it down.
    ///
    /// Exit code 1 when a packet does something else than the file says.
    Test {
        /// The network file.
        file: PathBuf,
    },
    /// Take labs down, also those that a crash left behind.
    Down {
        /// The labs of this network file, or the lab with this id; without it, --id or --all.
        file: Option<PathBuf>,
        /// The lab with this id.
        #[arg(long, conflicts_with_all = ["file", "all"])]
        id: Option<String>,
        /// All labs.
        #[arg(long, conflicts_with = "file")]
        all: bool,
    },
}

impl LabArgs {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let base = lab::default_base();
        match self.command {
            LabCommand::Up { file } => block_on(lab::up(&file, program()?, &base)),
            LabCommand::Test { file } => block_on(lab::test(&file, program()?, &base)),
            LabCommand::Down { file, id, all } => {
                let which = match (file, id, all) {
                    // An id is what the hints show, and what one types.
                    (Some(file), ..) if !file.exists() => LabSelection::Id(file.display().to_string()),
                    (Some(file), ..) => LabSelection::File(file),
                    (None, Some(id), _) => LabSelection::Id(id),
                    (None, None, true) => LabSelection::All,
                    (None, None, false) => {
                        return Err(miette::miette!("which lab? Give its network file, --id or --all"));
                    }
                };
                lab::down(&base, &which).into_diagnostic()
            }
        }
    }
}

/// This very program, to be run inside the lab.
fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe().into_diagnostic()
}

fn block_on<E>(future: impl Future<Output = Result<ExitCode, E>>) -> Result<ExitCode, Failure>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(future).into_diagnostic()
}
