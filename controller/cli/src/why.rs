//! `portcullis why`: whether one party may open a connection to another, and by which rule.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use flows::verify::bridge_flows::compiled;
use flows::verify::proof::Budget;
use flows::verify::reach::{Fate, Question, Service, why};
use miette::IntoDiagnostic as _;
use ofproto::MacAddr;

use super::exit::UNKNOWN;
use super::{Failure, output, question};

/// Explain whether one party may open a connection to another, by which rule, and what would change
/// it.
///
/// A plain packet is sent through the flows of the file, with all windows closed. Then all other
/// packets of the question are compared with it. The answers of the receiver are told, and the other
/// direction. Exit code 0 when the connection passes, 1 when it is denied, 3 when the flows alone do
/// not tell.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// The sender: a party of the file, or an address.
    from: String,
    /// The receiver, likewise.
    to: String,
    /// What is asked for: tcp/443, udp/53, sctp/9, icmp or any.
    service: Service,
    /// The network file.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The source port; any by default.
    #[arg(long, value_name = "PORT")]
    from_port: Option<u16>,
    /// The source MAC address; by default the sender's own.
    #[arg(long, value_name = "MAC")]
    mac: Option<MacAddr>,
    /// Print JSON: see `portcullis schema why`.
    #[arg(long)]
    json: bool,
}

impl Why {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let loaded = question::load(&self.file)?;
        let question = Question {
            from: self.from,
            to: self.to,
            service: self.service,
            from_port: self.from_port,
            mac: self.mac.map(|mac| mac.0),
        };
        let bridges = compiled(&loaded.file);
        let asked = why(&loaded.file, &bridges, &question, Budget::default());
        let mut answer = asked.map_err(|error| question::failed(&error))?;
        answer.locate(&loaded.sources);
        match self.json {
            true => output::json(&serde_json::to_value(&answer).into_diagnostic()?)?,
            false => output::print(&answer.to_string())?,
        }
        Ok(match answer.decision.verdict {
            Fate::Passes => ExitCode::SUCCESS,
            Fate::Denied => ExitCode::FAILURE,
            Fate::Unknown => ExitCode::from(UNKNOWN),
        })
    }
}
