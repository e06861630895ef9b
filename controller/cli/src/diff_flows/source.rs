//! The sources of flows: a file, a network file or a switch.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flows::Flow;
use flows::compile::lease::is_lease;
use flows::compile::{PortMap, TimeContext};
use flows::runtime::timeouts::LONGEST;
use miette::miette;
use ofctl::syntax::{Names, PortNames, parse_flow};
use ofproto::message::multipart::{FlowStatsRequest, MultipartRequestBody};
use ofproto::{PortNo, Xid};
use portcullis::bridge::{Compiled, Ports};
use portcullis::clock::{Clock, ceil};
use portcullis::net::{Client, ClientError};
use portcullis::policy::Policy;

use super::super::target::connect;
use super::super::{Failure, finding, syntax};

/// Longest file of flows, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// One of the two.
pub(super) enum FlowsSource {
    /// A file of flows.
    Flows(PathBuf),
    /// A network file, and the bridge if it is named.
    Network(Box<Policy>, Option<String>),
    /// A switch that was called, and its ports.
    Switch(String, Ports),
}

/// Flows as their source has them.
pub(super) enum Flows {
    /// Those of a file.
    Written(Vec<Flow>),
    /// The desired flows of a network file.
    Desired(Box<Compiled>),
    /// The installed flows of a switch, each with its age, and the time of the dump since 1970-01-01 UTC.
    Actual(Vec<(Flow, Duration)>, Duration),
}

impl Flows {
    /// The program of the network file, if the flows are from one.
    pub(super) fn desired(&self) -> Option<&Compiled> {
        match self {
            Self::Desired(compiled) => Some(compiled),
            Self::Written(_) | Self::Actual(..) => None,
        }
    }

    /// Returns the flows beside what a network file desires, and how many learned ones were left out: its rules account for
    /// them. What ends when it should has the timeout that is desired, however long ago it was added.
    pub(super) fn beside(&self, desired: Option<&Compiled>) -> (Vec<Flow>, usize) {
        match (self, desired) {
            (Self::Written(flows), _) => (flows.clone(), 0),
            (Self::Desired(compiled), _) => (compiled.program.flows().cloned().collect(), 0),
            (Self::Actual(flows, _), None) => (flows.iter().map(|(flow, _)| flow.clone()).collect(), 0),
            (Self::Actual(flows, at), Some(desired)) => {
                let others = flows.iter().filter(|(flow, _)| !desired.learned(flow) && !is_lease(flow));
                let others: Vec<Flow> = others
                    .map(|(flow, age)| match desired.ends_as_desired(flow, *age, *at) {
                        Some(true) => desired.timed_like_twin(flow.clone(), true),
                        Some(false) | None => flow.clone(),
                    })
                    .collect();
                let left_out = flows.len() - others.len();
                (others, left_out)
            }
        }
    }
}

impl FlowsSource {
    /// Returns the source that a word of the command line names.
    pub(super) fn new(word: &str) -> Result<Self, Failure> {
        let (name, bridge) = match word.rsplit_once('#') {
            Some((name, bridge)) if !Path::new(word).exists() && is_network(name) => (name, Some(bridge)),
            _ => (word, None),
        };
        let is_path = name.starts_with(['/', '.']);
        if is_path || !name.contains(':') && Path::new(name).is_file() {
            let path = PathBuf::from(name);
            if !is_network(name) {
                return Ok(Self::Flows(path));
            }
            let policy = finding::load(&path)?;
            return Ok(Self::Network(Box::new(policy), bridge.map(str::to_owned)));
        }
        if bridge.is_some() {
            return Err(miette!("there is no file {name:?}"));
        }
        let mut client = connect(name).map_err(|failure| {
            // The word may mean either.
            if name.contains(':') { failure } else { failure.wrap_err(format!("there is no file {name:?}")) }
        })?;
        Ok(Self::Switch(name.to_owned(), Ports::new(&client.ports()?)))
    }

    /// The ports of a switch.
    pub(super) fn ports(&self) -> Option<&Ports> {
        match self {
            Self::Switch(_, ports) => Some(ports),
            _ => None,
        }
    }

    /// The ports of a network file's bridge, numbered as they are where no switch says how.
    pub(super) fn assumed_names(&self) -> Result<Option<PortNames>, Failure> {
        let Self::Network(policy, bridge) = self else { return Ok(None) };
        let bridge = named(policy, bridge.as_deref(), None)?;
        let ports = policy.assumed_ports(&bridge).into_iter();
        Ok(Some(ports.filter(|(_, number)| *number != PortNo::LOCAL).collect()))
    }

    /// Reads the flows, by the names, the ports and the bridge of the switch beside it, if there is one.
    pub(super) fn flows(
        &self,
        names: &dyn Names,
        ports: Option<&Ports>,
        beside: Option<&str>,
    ) -> Result<Flows, Failure> {
        match self {
            Self::Flows(path) => from_file(path, names).map(Flows::Written),
            Self::Network(policy, bridge) => {
                let bridge = named(policy, bridge.as_deref(), beside)?;
                let ports: PortMap = match ports {
                    Some(ports) => ports.by_name(),
                    None => policy.assumed_ports(&bridge),
                };
                // As the controller compiles it, which knows what time it is.
                let now = ceil(Clock::wall());
                let moment = TimeContext { now, ..TimeContext::default() };
                let program = flows::compile::compile(&policy.file, &bridge, &ports, &moment);
                let learns = policy.file.bridge_for(&bridge).is_some_and(|bridge| bridge.learning.is_some());
                let compiled = Compiled::default().then(program, now, LONGEST).learning(learns);
                Ok(Flows::Desired(Box::new(compiled)))
            }
            Self::Switch(target, _) => {
                let mut client = connect(target)?;
                let at = Clock::wall();
                Ok(Flows::Actual(from_switch(&mut client)?, at))
            }
        }
    }
}

/// Returns whether a name is that of a network file, and not of a file of flows.
fn is_network(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == "toml" || e == "json")
}

/// The bridge of a network file that is meant.
fn named(policy: &Policy, bridge: Option<&str>, beside: Option<&str>) -> Result<String, Failure> {
    let path = policy.path.display();
    let all: Vec<&str> = policy.bridges().collect();
    let help = format!("it has flows for: {}", all.join(", "));
    match (bridge.or(beside), all.as_slice()) {
        (Some(bridge), _) if policy.owns(bridge) => Ok(bridge.to_owned()),
        (Some(bridge), _) => Err(miette!(help = help, "{path} has no flows for the bridge {bridge:?}")),
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(miette!(help = help, "which bridge of {path}? write {path}#BRIDGE")),
    }
}

/// Reads the flows of a switch, each with its age.
pub(crate) fn from_switch(client: &mut Client) -> Result<Vec<(Flow, Duration)>, Failure> {
    let mut flows = Vec::new();
    let body = MultipartRequestBody::Flow(FlowStatsRequest::default());
    client.parts::<Failure>(Xid(2), body, |part| {
        for flow in part.flows() {
            let stats = flow.and_then(|flow| flow.decode()).map_err(ClientError::from)?;
            let age = Duration::new(stats.duration_sec.into(), stats.duration_nsec.min(999_999_999));
            flows.push((Flow::from_stats(&stats), age));
        }
        Ok(())
    })?;
    Ok(flows)
}

/// Reads a file of flows.
fn from_file(path: &Path, names: &dyn Names) -> Result<Vec<Flow>, Failure> {
    let mut flows = Vec::new();
    for (number, line) in lines(path)? {
        let flow = parse_flow(&line, names);
        let what = format!("{}, line {number}", path.display());
        flows.push(flow.map_err(|error| syntax::in_text(&error, &what, &line))?);
    }
    Ok(flows)
}

/// Returns the flows of a file with their line numbers: one a line, empty lines and what stands behind a # left out.
pub(crate) fn lines(path: &Path) -> Result<Vec<(usize, String)>, Failure> {
    let name = path.display();
    let failed = |error: std::io::Error| miette!("{name}: {error}");
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MAX_FILE {
        return Err(miette!("{name} is longer than {MAX_FILE} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let line = |line: &str| line.split_once('#').map_or(line, |(line, _)| line).trim().to_owned();
    Ok((1..).zip(text.lines().map(line)).filter(|(_, line)| !line.is_empty()).collect())
}
