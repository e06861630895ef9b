//! `portcullis import`: network files from what people have already written down.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use flows::network;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::matrix::Document;
use super::{Failure, finding, output};

/// Make a network file of something else.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(subcommand)]
    what: ImportFormat,
}

#[derive(Debug, Subcommand)]
enum ImportFormat {
    /// Of a Markdown document with a communication matrix.
    ///
    /// What the document does not say (bridges, ports, subnets, MACs) is assumed, and a comment marks each assumption. A
    /// row that cannot be said in a network file becomes a comment there and a finding here. Exit code 1 when the document
    /// cannot be read.
    Matrix {
        /// The document.
        file: PathBuf,
        /// Where the network file is written; standard output without. An existing file is not overwritten.
        #[arg(long, short, value_name = "FILE.toml")]
        output: Option<PathBuf>,
    },
}

impl Import {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let ImportFormat::Matrix { file, output } = self.what;
        let Some(Document { parsed, sources }) = Document::read(&file) else {
            return Ok(ExitCode::FAILURE);
        };
        finding::print(&parsed.findings, &sources);
        let name = file.display().to_string();
        let text = sources.files().first().map_or("", |file| &*file.text);
        let imported = match matrix::import(&parsed.matrix, (&name, text)) {
            Ok(imported) => imported,
            Err(findings) => {
                finding::print(&findings, &sources);
                return Ok(ExitCode::FAILURE);
            }
        };
        finding::print(&imported.findings, &sources);
        match &output {
            None => output::print(&imported.text)?,
            Some(path) => {
                let created = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
                created
                    .and_then(|mut file| std::io::Write::write_all(&mut file, imported.text.as_bytes()))
                    .into_diagnostic()
                    .wrap_err_with(|| format!("{} cannot be written", path.display()))?;
            }
        }
        let written = output.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
        // What was made is read as any network file: a document may say more than that checks by itself.
        if let Err(findings) = network::parse(&imported.text, &written) {
            finding::print(&findings, &network::SourceFiles::single(&written, &imported.text));
            return Err(miette!(
                help = "repair the document, or the lines above",
                "the network file has errors"
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}
