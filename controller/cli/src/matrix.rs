//! `portcullis matrix`: who may talk to whom by a network file, and whether a document says the same.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use flows::finding::{Finding, Severity};
use flows::network::{Additions, Loaded, SourceFiles};
use matrix::{self, Comparison, Matrix, Parsed, Presence, Temp};
use portcullis::policy::{self, PolicyError};
use serde_json::{Value, json};

use super::{Failure, finding, output};

/// The exit code where a file cannot be used, so that a disagreement can be told from it.
const UNUSABLE: u8 = 2;

/// Print who may open a connection to whom, as a Markdown communication matrix.
///
/// All rules of the file are in it: allows, the hops of chains, crossings, networks whose members talk freely, what
/// travels inside overlays. With --against a document is compared with them instead: exit code 1 if the two disagree, 2
/// if one of them cannot be used.
#[derive(Debug, Args)]
pub(super) struct MatrixArgs {
    /// The network file.
    file: PathBuf,
    /// A Markdown document with a communication matrix, to be compared with the network.
    #[arg(long, value_name = "FILE.md")]
    against: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl MatrixArgs {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let loaded = match policy::loaded(&self.file, &Additions::default()) {
            Ok(loaded) => loaded,
            Err(error) => {
                finding::print_error(&error);
                return Ok(ExitCode::from(UNUSABLE));
            }
        };
        match &self.against {
            None => self.print(&loaded),
            Some(document) => self.compare(&loaded, document),
        }
    }

    fn print(&self, loaded: &Loaded) -> Result<ExitCode, Failure> {
        let raw: Vec<&str> =
            loaded.file.bridges.iter().filter(|b| !b.flows.is_empty()).map(|b| &*b.name).collect();
        if !raw.is_empty() {
            output::complain(format_args!(
                "note: what the raw flow lines of {} let pass is not in the matrix",
                raw.join(", ")
            ));
        }
        let matrix = matrix::effective(&loaded.file);
        let text = if self.json { pretty(&as_json(&matrix)) } else { matrix::print(&matrix) };
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }

    fn compare(&self, loaded: &Loaded, document: &Path) -> Result<ExitCode, Failure> {
        let Some(Document { parsed, sources }) = Document::read(document) else {
            return Ok(ExitCode::from(UNUSABLE));
        };
        let name = document.display().to_string();
        let text = sources.files().first().map_or("", |file| &*file.text);
        let found = matrix::compare(&parsed.matrix, (&name, text), &loaded.file, &loaded.sources);
        let count = found.document.len() + found.network.len();
        if self.json {
            output::print(&pretty(&findings_json(&found, &sources, &loaded.sources)))?;
        } else {
            finding::print(&parsed.findings, &sources);
            finding::print(&found.document, &sources);
            finding::print(&found.network, &loaded.sources);
            let file = self.file.display();
            output::print(&match count {
                0 => format!("{name} and {file} agree: {} rows\n", parsed.matrix.rows.len()),
                1 => format!("{name} and {file} disagree in one place\n"),
                _ => format!("{name} and {file} disagree in {count} places\n"),
            })?;
        }
        Ok(if found.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A document that was read.
pub(super) struct Document {
    pub(super) parsed: Parsed,
    pub(super) sources: SourceFiles,
}

impl Document {
    /// Reads a document; where that fails, says why and gives nothing.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = match policy::read_text(path, matrix::MAX_DOCUMENT_LEN) {
            Ok(text) => text,
            Err(source) => {
                finding::print_error(&PolicyError::Io { path: path.to_owned(), source });
                return None;
            }
        };
        let sources = SourceFiles::single(path.display().to_string(), text);
        let text = sources.files().first().map_or("", |file| &*file.text);
        match matrix::parse(text) {
            Ok(parsed) => Some(Self { parsed, sources }),
            Err(findings) => {
                finding::print(&findings, &sources);
                None
            }
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The matrix as JSON: hosts with their places, rows, and envelopes of overlays.
fn as_json(matrix: &Matrix) -> Value {
    let label = |column: usize| matrix.columns.get(column).map(|column| column.label.clone());
    let presence = |presence: &Presence| match presence {
        Presence::None => json!("none"),
        Presence::Yes => json!("yes"),
        Presence::Dhcp => json!("dhcp"),
        Presence::At { addresses, behind } => json!({
            "addresses": addresses.iter().map(|address| address.ip()).collect::<Vec<_>>(),
            "behind": behind,
        }),
    };
    let hosts = matrix.hosts.iter().map(|host| {
        let places = host.places.iter().filter_map(|p| Some((label(p.column)?, presence(&p.presence))));
        json!({ "name": host.name, "places": places.collect::<serde_json::Map<_, _>>() })
    });
    // The tables of overlays say again what is among the rows.
    let rows = matrix.rows.iter().filter(|row| row.in_overlay.is_none()).map(|row| {
        let temp = match &row.temp {
            Temp::Always => Value::Null,
            Temp::Window => json!(true),
            Temp::Named(window) => json!(window),
        };
        json!({
            "section": row.section,
            "from": row.from,
            "to": row.to,
            "nets": row.nets,
            "protocol": row.protocol.word(),
            "ports": row.ports,
            "purpose": row.purpose,
            "temp": temp,
        })
    });
    let envelopes = matrix.envelopes.iter().map(|envelope| {
        json!({
            "overlay": envelope.overlay,
            "protocol": envelope.protocol.word(),
            "ports": envelope.ports,
            "net": envelope.net,
            "members": envelope.members,
        })
    });
    json!({
        "hosts": hosts.collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(),
        "envelopes": envelopes.collect::<Vec<_>>(),
    })
}

fn findings_json(found: &Comparison, document: &SourceFiles, network: &SourceFiles) -> Value {
    let of = |findings: &[Finding], sources: &SourceFiles| -> Vec<Value> {
        let one = |finding: &Finding| {
            let position = sources.position(finding);
            json!({
                "file": sources.place(finding).map(|(file, _)| file.name.clone()),
                "line": position.map(|position| position.line),
                "column": position.map(|position| position.column),
                "code": finding.code.as_str(),
                "error": finding.severity == Severity::Error,
                "message": finding.message,
                "help": finding.help,
            })
        };
        findings.iter().map(one).collect()
    };
    json!({
        "agree": found.agrees(),
        "document": of(&found.document, document),
        "network": of(&found.network, network),
    })
}
