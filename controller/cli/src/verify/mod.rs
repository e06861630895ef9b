//! `portcullis verify`: what holds on the flows that are installed now.

mod dump;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use flows::compile::PortMap;
use flows::installed::{InstalledBridge, decide};
use flows::verify::proof::Budget;
use miette::{IntoDiagnostic as _, miette};
use ofproto::PortNo;
use portcullis::api_client::{ApiAddress, fetch};
use portcullis::bridge::Ports;
use portcullis::policy::Policy;
use portcullis::printable::printable;
use portcullis::verification::VerificationReport;

use super::diff_flows::from_switch;
use super::target::connect;
use super::{Failure, finding, output, proof};

/// Prove the assertions of a network file (never, always, confine) on the flows that are installed now.
///
/// Without FILE, a running controller tells what holds. With FILE alone, the bridges of this machine that it names are
/// read; --bridge and --flows say where the flows are otherwise. Under a violated assertion is a packet that violates it,
/// with the command that shows the same. Exit code 0 when all assertions hold, 1 when one is violated, and 3 when one is
/// unknown: a bridge whose flows are not given leaves assertions unknown.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The network file.
    file: Option<PathBuf>,
    /// The controller's API: [tcp:]ADDRESS:PORT or unix:PATH.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9653", conflicts_with = "file")]
    api: ApiAddress,
    /// A switch that is read: a bridge of the file, and a bridge's name, unix:PATH or tcp:ADDRESS[:PORT]. May be
    /// repeated.
    #[arg(long, value_name = "BRIDGE=TARGET", requires = "file", value_parser = pair)]
    bridge: Vec<(String, String)>,
    /// A file with the flows of a bridge, as `ovs-ofctl --names dump-flows` prints them. May be repeated.
    #[arg(long, value_name = "BRIDGE=DUMP", requires = "file", value_parser = pair)]
    flows: Vec<(String, String)>,
    /// The numbers of the ports in such a file; needed where its flows do not tell them.
    #[arg(long, value_name = "BRIDGE=NAME:NUMBER,…", requires = "flows", value_parser = ports)]
    ports: Vec<(String, PortMap)>,
    /// Print JSON, as the API does.
    #[arg(long)]
    json: bool,
}

/// Reads BRIDGE=VALUE.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((bridge, value)) if !bridge.is_empty() && !value.is_empty() => {
            Ok((bridge.to_owned(), value.to_owned()))
        }
        _ => Err("a bridge of the network file, = and a value".to_owned()),
    }
}

/// Reads BRIDGE=NAME:NUMBER,….
fn ports(text: &str) -> Result<(String, PortMap), String> {
    let (bridge, list) = pair(text)?;
    let port = |word: &str| {
        let (name, number) = word.rsplit_once(':')?;
        let number = number.parse().ok().map(PortNo).filter(|n| *n < PortNo::MAX && n.0 > 0)?;
        (!name.is_empty()).then(|| (name.to_owned(), number))
    };
    let ports: Option<Vec<(String, PortNo)>> = list.split(',').map(port).collect();
    let ports = ports.ok_or_else(|| "each port is NAME:NUMBER, such as veth100:1".to_owned())?;
    let (many, by_name) = (ports.len(), ports.iter().cloned().collect::<PortMap>());
    let mut numbers: Vec<PortNo> = by_name.values().copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() < many {
        return Err("two ports have one name or one number".to_owned());
    }
    Ok((bridge, by_name))
}

impl Verify {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let report = match &self.file {
            None => {
                let text = fetch(&self.api, "/api/verify").into_diagnostic()?;
                serde_json::from_str(&text).into_diagnostic()?
            }
            Some(file) => self.read(&finding::load(file)?)?,
        };
        let code = proof::exit_code(report.counts());
        if self.json {
            output::json(&serde_json::to_value(&report).into_diagnostic()?)?;
        } else {
            output::print(&text(&report))?;
        }
        Ok(code)
    }

    /// Reads the flows, and decides.
    fn read(&self, policy: &Policy) -> Result<VerificationReport, Failure> {
        let mut targets = self.bridge.clone();
        if targets.is_empty() && self.flows.is_empty() {
            targets = policy.bridges().map(|name| (name.to_owned(), name.to_owned())).collect();
        }
        let mut installed: Vec<InstalledBridge<'_>> = Vec::new();
        let all = targets.iter().chain(&self.flows).map(|(name, _)| name);
        let named: Vec<&String> = all.chain(self.ports.iter().map(|(name, _)| name)).collect();
        for name in named {
            if policy.file.bridge(name).is_none() {
                let known: Vec<&str> = policy.named().collect();
                let help = format!("it has: {}", known.join(", "));
                return Err(miette!(help = help, "{} has no bridge {name:?}", policy.path.display()));
            }
        }
        for (name, target) in &targets {
            let mut client = connect(target)?;
            let ports = Ports::new(&client.ports()?).by_name();
            let flows =
                from_switch(&mut client)?.into_iter().map(|(flow, _)| flow).collect::<Vec<_>>().into();
            installed.push(InstalledBridge { name, ports, flows });
        }
        for (name, path) in &self.flows {
            let told = self.ports.iter().find(|(bridge, _)| bridge == name).map(|(_, ports)| ports);
            let (ports, flows) = dump::read(policy, name, path.as_ref(), told)?;
            installed.push(InstalledBridge { name, ports, flows: flows.into() });
        }
        for (n, bridge) in installed.iter().enumerate() {
            if installed.iter().skip(n + 1).any(|other| other.name == bridge.name) {
                return Err(miette!("the flows of {} are given twice", bridge.name));
            }
        }
        let report = decide(&policy.file, &installed, Budget::default());
        Ok(VerificationReport::new(policy.path.display().to_string(), &report))
    }
}

fn text(report: &VerificationReport) -> String {
    let mut text = String::new();
    for assertion in &report.assertions {
        text += &proof::line(assertion);
        for line in assertion.witnesses.iter().flat_map(|witness| witness.lines()) {
            text += &format!("  {}\n", printable(&line));
        }
    }
    for line in report.bridges.iter().flat_map(|bridge| bridge.lines()) {
        text += &format!("{}\n", printable(&line));
    }
    for bridge in &report.unread {
        text += &format!("{bridge}: its flows are NOT KNOWN\n");
    }
    let [holds, violated, unknown] = report.counts();
    let age = report.age_seconds.filter(|age| *age > 0).map(|age| format!(", {age} s ago"));
    let when = if report.current { "" } else { ", and the flows have changed since" };
    text += &format!(
        "{}: {holds} hold, {violated} violated, {unknown} unknown{}{when}\n",
        report.file,
        age.unwrap_or_default()
    );
    text
}
