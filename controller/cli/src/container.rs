//! `portcullis container create|delete|list`: containers of a running controller.

use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use miette::IntoDiagnostic as _;
use portcullis::containers::{
    ContainerList, ContainerState, CreatedContainer, Listed, RemovedContainer, Request, ServedService,
};
use portcullis::store::Transport;

use super::control::{Control, segment};
use super::{Failure, output};

/// Make, remove and list containers.
#[derive(Debug, Args)]
pub(super) struct ContainerArgs {
    #[command(subcommand)]
    verb: ContainerVerb,
}

#[derive(Debug, Subcommand)]
enum ContainerVerb {
    /// Make a container: the next free id of its network, a veth pair, a port, and the flows for its services.
    ///
    /// Without --netns the container's end of the veth pair stays in the host's namespace, for you to move and to give the
    /// MAC and the addresses that are printed.
    Create(Create),
    /// Remove a container: its flows, its port, its veth pair and its services.
    Delete(Delete),
    /// List the containers and how they stand. Exit code 1 when one is not in force.
    List(List),
}

#[derive(Debug, Args)]
struct Create {
    /// Its name.
    name: String,
    /// The network that it is to be on.
    #[arg(long)]
    network: String,
    /// What it serves, as NAME:PROTOCOL/PORT (web:tcp/80). May be repeated.
    #[arg(long, value_name = "SERVICE")]
    service: Vec<ServiceWord>,
    /// Put its end of the veth pair into this network namespace, as eth0, with its addresses and routes.
    #[arg(long, value_name = "NAMESPACE")]
    netns: Option<String>,
    #[command(flatten)]
    control: Control,
    /// Print the API's JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Delete {
    /// Its name.
    name: String,
    #[command(flatten)]
    control: Control,
}

#[derive(Debug, Args)]
struct List {
    /// Of this network alone.
    #[arg(long)]
    network: Option<String>,
    #[command(flatten)]
    control: Control,
    /// Print the API's JSON.
    #[arg(long)]
    json: bool,
}

/// A service as a person writes it.
#[derive(Debug, Clone)]
struct ServiceWord(ServedService);

impl FromStr for ServiceWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (name, rest) = text.split_once(':')?;
            let (protocol, port) = rest.split_once('/')?;
            let (protocol, port) = (Transport::parse(protocol)?, port.parse().ok()?);
            Some(ServedService { name: name.to_owned(), protocol, port, exposed: true })
        };
        read().map(Self).ok_or_else(|| "write NAME:PROTOCOL/PORT, like web:tcp/80".to_owned())
    }
}

impl ContainerArgs {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        match self.verb {
            ContainerVerb::Create(args) => args.execute(),
            ContainerVerb::Delete(args) => args.execute(),
            ContainerVerb::List(args) => args.execute(),
        }
    }
}

impl Create {
    fn execute(self) -> Result<ExitCode, Failure> {
        let services = self.service.into_iter().map(|s| s.0).collect();
        let request = Request { name: self.name, network: self.network, services, netns: self.netns };
        let body = serde_json::to_value(&request).into_diagnostic()?;
        let answer = self.control.ask("POST", "/api/containers/create", Some(&body))?;
        if self.json {
            output::json(&answer)?;
            return Ok(ExitCode::SUCCESS);
        }
        let made: CreatedContainer = serde_json::from_value(answer).into_diagnostic()?;
        output::print(&created_text(&made))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the settings of a new container, as a person reads them.
fn created_text(made: &CreatedContainer) -> String {
    let CreatedContainer { name, network, id, bridge, port, device, mac, .. } = made;
    let mut text = format!("{name}: id {id} on {network}, port {port} of {bridge}\n");
    let place = match &made.netns {
        Some(netns) => format!("{device} in the namespace {netns}"),
        None => format!("{device}, to be moved to its namespace"),
    };
    text += &format!("  device    {place}\n  mac       {mac}\n");
    text += &format!("  addresses {}\n", made.addresses.join(", "));
    if !made.gateways.is_empty() {
        let gateways: Vec<String> = made.gateways.iter().map(ToString::to_string).collect();
        text += &format!("  gateways  {}\n", gateways.join(", "));
    }
    if let Some(vlan) = made.vlan {
        text += &format!("  vlan      {vlan}\n");
    }
    if !made.services.is_empty() {
        text += &format!("  services  {}\n", services(&made.services));
    }
    if made.pending {
        text +=
            &format!("  PENDING: {bridge} is not connected to the controller; the flows come when it is\n");
    }
    text
}

fn services(services: &[ServedService]) -> String {
    let word = |s: &ServedService| {
        let hidden = if s.exposed { "" } else { " (not exposed)" };
        format!("{}:{}/{}{hidden}", s.name, s.protocol.name(), s.port)
    };
    services.iter().map(word).collect::<Vec<_>>().join(", ")
}

impl Delete {
    fn execute(self) -> Result<ExitCode, Failure> {
        let answer = self.control.ask("DELETE", &format!("/api/containers/{}", segment(&self.name)), None)?;
        let removed: RemovedContainer = serde_json::from_value(answer).into_diagnostic()?;
        let pending = if removed.pending { "; its flows go when the bridge connects" } else { "" };
        output::print(&format!(
            "{}: removed, id {} of {} is free{pending}\n",
            removed.name, removed.id, removed.network
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn execute(self) -> Result<ExitCode, Failure> {
        let path = match &self.network {
            Some(network) => format!("/api/containers?network={}", segment(network)),
            None => "/api/containers".to_owned(),
        };
        let answer = self.control.ask("GET", &path, None)?;
        if self.json {
            output::json(&answer)?;
        }
        let list: ContainerList = serde_json::from_value(answer).into_diagnostic()?;
        let well = list.containers.iter().all(|c| c.state == ContainerState::Applied);
        if !self.json {
            output::print(&table(&list))?;
        }
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn table(list: &ContainerList) -> String {
    if list.containers.is_empty() {
        return "no containers\n".to_owned();
    }
    let head = ["NAME", "NETWORK", "ID", "PORT", "MAC", "ADDRESSES", "SERVICES", "STATE"].map(str::to_owned);
    let rows = list.containers.iter().map(|c: &Listed| {
        let state = match (&c.state, &c.why) {
            (state, None) => state.words().to_owned(),
            (state, Some(why)) => format!("{}: {why}", state.words()),
        };
        [
            c.name.clone(),
            c.network.clone(),
            c.id.to_string(),
            c.port.clone(),
            c.mac.clone(),
            c.addresses.join(", "),
            services(&c.services),
            state,
        ]
    });
    output::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_as_they_are_shown() {
        for text in ["web:tcp/80", "dns:udp/53", "s:sctp/1"] {
            assert_eq!(services(&[text.parse::<ServiceWord>().unwrap().0]), text);
        }
        for text in ["web", "web:80", "web:tcp", "web:icmp/8", "web:tcp/65536", "web:tcp/"] {
            assert!(text.parse::<ServiceWord>().is_err(), "{text}");
        }
    }
}
