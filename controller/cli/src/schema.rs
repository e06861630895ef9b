//! `portcullis schema`: the words of a network file, for editors.

use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use super::{Failure, output};

/// Print the JSON Schema of a network file, for editors and for tools that generate one.
///
/// For TOML, write `#:schema PATH` into the first line; for JSON, a member `$schema`.
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let schema = serde_json::to_string_pretty(&flows::network::schema()).into_diagnostic()?;
        output::print(&format!("{schema}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}
