//! `portcullis schema`: the words of a network file, for editors, and of what commands print.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use flows::verify::reach::{self, AnswerKind};
use miette::IntoDiagnostic as _;

use super::{Failure, output};

/// Print the JSON Schema of a network file, for editors and for tools that generate one; or that of
/// what a command prints with --json.
///
/// In a file of TOML, write `#:schema PATH` into the first line; for JSON, a member `$schema`.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// What the schema is of.
    #[arg(value_enum, default_value_t = Described::Network)]
    of: Described,
}

/// Something that has a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Described {
    /// A network file.
    Network,
    /// What `why --json` prints.
    Why,
    /// What `reach --json` prints.
    Reach,
    /// What `diff-reach --json` prints.
    DiffReach,
}

impl Schema {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let schema = match self.of {
            Described::Network => flows::network::schema(),
            Described::Why => reach::schema(AnswerKind::Why),
            Described::Reach => reach::schema(AnswerKind::Reach),
            Described::DiffReach => reach::schema(AnswerKind::DiffReach),
        };
        let schema = serde_json::to_string_pretty(&schema).into_diagnostic()?;
        output::print(&format!("{schema}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}
