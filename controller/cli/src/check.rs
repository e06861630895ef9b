//! `portcullis check`: what is wrong with a network file, and where.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use flows::finding::Severity;
use portcullis::ovs::{Database, audit};

use super::{Failure, finding, output, proof};

/// Explain what is wrong or doubtful in a network file, with file and line.
///
/// Where an Open vSwitch answers on this machine, the settings of its bridges are looked at too. Exit
/// code 1 when the file has errors, and 3 when an assertion could not be decided.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The network file.
    file: PathBuf,
    /// The Open vSwitch database whose settings are looked at, as `ovs-vsctl --db` takes it.
    #[arg(long, value_name = "DATABASE")]
    db: Option<String>,
    /// Do not look at the bridges' settings through ovs-vsctl.
    #[arg(long)]
    no_audit: bool,
}

impl Check {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let policy = finding::load(&self.file)?;
        let name = self.file.display().to_string();
        finding::print(&policy.warnings, &policy.sources);
        let mut out = String::new();
        for bridge in policy.bridges() {
            let program = policy.compile(bridge, &policy.assumed_ports(bridge));
            out += &format!("{bridge}: {} flows\n", program.flows().count());
        }
        out += &proof::verdicts(&policy.proof);
        if !self.no_audit {
            let database = Database { db: self.db, rundir: None };
            match audit(&policy.file, &database) {
                Ok(found) => {
                    found.faults.iter().for_each(|fault| output::complain(format_args!("warning: {fault}")))
                }
                Err(error) => tracing::debug!(%error, "no settings to look at"),
            }
        }
        let warnings = policy.warnings.iter().filter(|finding| finding.severity == Severity::Warning).count();
        out += &format!("{name}: no errors, {warnings} warnings\n");
        output::print(&out)?;
        Ok(proof::exit_code(policy.proof.counts()))
    }
}
