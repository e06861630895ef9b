//! `portcullis compile`: the flows of a network file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ofctl::syntax::{PortNames, print_flow};
use ofproto::PortNo;

use super::{Failure, finding, output};

/// Print the flows of a network file in the syntax of ovs-ofctl.
#[derive(Debug, Args)]
pub(super) struct Compile {
    /// The network file.
    file: PathBuf,
    /// Only this bridge.
    bridge: Option<String>,
}

impl Compile {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let policy = finding::load(&self.file)?;
        if let Some(bridge) = &self.bridge
            && !policy.owns(bridge)
        {
            return Err(miette::miette!(
                help = format!("it has flows for: {}", policy.bridges().collect::<Vec<_>>().join(", ")),
                "{} has no flows for the bridge {bridge:?}",
                self.file.display()
            ));
        }
        let wanted = |b: &&str| self.bridge.as_ref().is_none_or(|only| only == b);
        let mut out = String::new();
        for bridge in policy.bridges().filter(wanted) {
            let ports = policy.assumed_ports(bridge);
            let program = policy.compile(bridge, &ports);
            let others = ports.iter().filter(|(_, number)| **number != PortNo::LOCAL);
            let names: PortNames = others.map(|(name, number)| (name.as_str(), *number)).collect();
            out += &format!("# bridge {bridge}: {} flows\n", program.flows().count());
            let mut rule = None;
            for flow in program.flows() {
                let origin = program.origin(flow.cookie);
                let header = origin.map(|o| (o.kind.label(), o.rule.as_str(), o.detail.as_str()));
                if header != rule {
                    if let Some((kind, name, detail)) = header {
                        out += &format!("# {kind} {name}: {detail}\n");
                    }
                    rule = header;
                }
                out += &format!("{}\n", print_flow(flow, &names));
            }
        }
        output::print(&out)?;
        Ok(ExitCode::SUCCESS)
    }
}
