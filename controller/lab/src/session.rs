//! A lab with a running controller, as `portcullis lab up` and `portcullis lab test` use it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flows::network::{Additions, NetworkFile};
use portcullis::api_client::{ApiAddress, fetch, request};
use portcullis::ovs::{AttachOptions, Database, LOOPBACK_TARGET, attach};
use portcullis::policy::{self, PolicyError};
use serde::Deserialize;
use serde_json::json;

use super::daemons::wait_until;
use super::error::LabError;
use super::handle::{Lab, Spawned};
use super::options::LabOptions;
use super::plan::HOST;
use super::probe::{self, Finding, Probe, ProbeContext};

/// Deadline until every bridge is connected and in its desired state. The controller first tries
/// every packet that a `never` might concern.
pub(super) const SETTLE: Duration = Duration::from_secs(90);
/// Interval of status requests.
const ASK: Duration = Duration::from_millis(50);
/// Lowest priority of the switch's own flows. Priorities of OpenFlow have 16 bits.
const HIDDEN: u32 = 1 << 16;
/// The table in which OVS keeps flows of its own on every bridge. Only OVS resubmits to it.
const INTERNAL_TABLE: &str = "table_id=254";

/// The network file of a lab, and the program of its controller.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The network file's path.
    pub path: PathBuf,
    /// The parsed file.
    pub file: NetworkFile,
    /// The `portcullis` executable.
    pub program: PathBuf,
}

impl Scenario {
    /// Reads the network file.
    ///
    /// Errors: [`LabError::File`] with every finding if it has errors.
    pub fn read(path: &Path, program: PathBuf) -> Result<Self, LabError> {
        let what = path.display().to_string();
        let loaded = policy::loaded(path, &Additions::default()).map_err(|error| match error {
            PolicyError::Io { source, .. } => LabError::io(format!("reading {what}"))(source),
            error @ (PolicyError::Findings(_) | PolicyError::NoPlace { .. }) => {
                LabError::File(error.to_string())
            }
        })?;
        for warning in &loaded.findings {
            tracing::warn!("{}", loaded.sources.render(warning));
        }
        let file = loaded.file;
        // The controller reads the file again, from its own directory.
        let path = std::fs::canonicalize(path).map_err(LabError::io(what))?;
        Ok(Self { path, file, program })
    }

    /// Returns the options of a lab for the scenario: a host that routes, the worst case.
    pub fn options(&self) -> LabOptions {
        LabOptions { source: Some(self.path.clone()), ..LabOptions::worst_case(&self.file) }
    }
}

/// The relevant part of `/api/status`.
#[derive(Debug, Deserialize)]
struct Status {
    bridges: Vec<BridgeStatus>,
}

#[derive(Debug, Deserialize)]
struct BridgeStatus {
    name: String,
    #[serde(default)]
    settled: bool,
}

impl Lab {
    /// Returns the controller's API socket, which [`start_controller`](Self::start_controller)
    /// sets.
    pub fn api_socket(&self) -> PathBuf {
        self.rundir().join("api.sock")
    }

    /// Returns the address of the controller's API.
    pub fn api(&self) -> ApiAddress {
        ApiAddress::Unix(self.api_socket())
    }

    /// Returns the state directory of the controller of
    /// [`start_controller`](Self::start_controller).
    pub fn state_dir(&self) -> PathBuf {
        self.rundir().join("state")
    }

    /// Returns the address at which that controller accepts changes.
    pub fn control(&self) -> ApiAddress {
        ApiAddress::Unix(self.state_dir().join("api.sock"))
    }

    /// Returns the settings of the lab's Open vSwitch for [`attach`] and
    /// [`audit`](portcullis::ovs::audit).
    pub fn database(&self) -> Database {
        Database { db: None, rundir: Some(self.rundir().to_owned()) }
    }

    /// Starts `portcullis run` in the lab's host.
    pub fn start_controller(&self, program: &Path, file: &Path) -> Result<Spawned, LabError> {
        let (program, file) = (program.display().to_string(), file.display().to_string());
        let metrics = self.api().to_string();
        let state = self.state_dir().display().to_string();
        let words = ["run", &file, "--listen", LOOPBACK_TARGET, "--metrics", &metrics, "--state", &state];
        self.spawn(HOST, &[&[program.as_str()], &words[..]].concat())
    }

    /// Attaches the bridges to the controller, as `portcullis attach` does.
    pub fn attach(&self, file: &NetworkFile) -> Result<(), LabError> {
        let mut out = Vec::new();
        let options = AttachOptions { database: self.database(), ..Default::default() };
        let outcome = attach(file, LOOPBACK_TARGET, &options, &mut out)
            .map_err(LabError::io("attaching the bridges"))?;
        tracing::debug!("{}", String::from_utf8_lossy(&out));
        match outcome.failed.first() {
            Some((bridge, reason)) => {
                Err(LabError::Attach { bridge: bridge.clone(), reason: reason.clone() })
            }
            None => Ok(()),
        }
    }

    /// Waits until every bridge is connected and the controller reports it as settled.
    pub fn settle(&self, controller: &Spawned) -> Result<(), LabError> {
        let mut last = "nothing".to_owned();
        let start = Instant::now();
        while start.elapsed() < SETTLE {
            if !controller.running() {
                return Err(LabError::Controller(controller.output()));
            }
            match self.unsettled() {
                Ok(waiting) if waiting.is_empty() => return Ok(()),
                Ok(waiting) => last = format!("not settled: {}", waiting.join(", ")),
                Err(why) => last = why,
            }
            std::thread::sleep(ASK);
        }
        Err(LabError::Controller(format!("{last}\n{}", controller.output())))
    }

    fn unsettled(&self) -> Result<Vec<String>, String> {
        let text = fetch(&self.api(), "/api/status").map_err(|e| e.to_string())?;
        let status: Status = serde_json::from_str(&text).map_err(|e| format!("/api/status: {e}"))?;
        let settled = |name: &str| status.bridges.iter().any(|b| b.name == name && b.settled);
        Ok(self.plan().bridges.iter().map(|b| b.name.clone()).filter(|n| !settled(n)).collect())
    }

    /// Returns the flows of a bridge that OpenFlow hides and that rank above all others: those of
    /// in-band control.
    pub fn hidden_flows(&self, bridge: &str) -> Result<Vec<String>, LabError> {
        let text = self.appctl(&["bridge/dump-flows", bridge])?;
        let hidden = |line: &&str| {
            let priority =
                line.split("priority=").nth(1).and_then(|p| p.split(',').next()?.parse::<u32>().ok());
            !line.contains(INTERNAL_TABLE) && priority.is_none_or(|p| p >= HIDDEN)
        };
        // A flow of OpenFlow's default priority is printed without it.
        let shown = |line: &&str| line.contains("priority=");
        Ok(text.lines().filter(shown).filter(hidden).map(|l| l.trim().to_owned()).collect())
    }

    /// Probes the whole file at the time of `now`; see [`probe`].
    pub fn probe(&self, file: &NetworkFile, now: &ProbeContext) -> Result<Vec<Finding>, LabError> {
        probe::run(self, &probe::derive(file, self.plan(), now))
    }
}

/// One round of probes, with its findings.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeRound {
    /// The open windows, in words.
    pub when: String,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl RunningLab {
    /// Probes the whole file with its windows closed. If it has windows, probes the changes of an
    /// open one, and again with all of them closed.
    pub fn probe(&self, file: &NetworkFile) -> Result<Vec<ProbeRound>, LabError> {
        let (lab, closed) = (&self.lab, ProbeContext::closed());
        let open: BTreeSet<String> = file.allows.iter().filter_map(|a| a.temp.clone()).collect();
        let open = ProbeContext { open: open.into_iter().collect(), ..closed.clone() };
        let when = if open.open.is_empty() { "" } else { "with all windows closed" };
        let mut rounds = vec![ProbeRound { when: when.to_owned(), findings: lab.probe(file, &closed)? }];
        if open.open.is_empty() {
            return Ok(rounds);
        }
        let (when_closed, when_open) =
            (probe::derive(file, lab.plan(), &closed), probe::derive(file, lab.plan(), &open));
        let other = |these: &[Probe], those: &[Probe]| {
            these.iter().filter(|p| !those.contains(p)).cloned().collect::<Vec<_>>()
        };
        for name in &open.open {
            let body = json!({ "name": name, "for": "10m", "reason": "the lab's probes" });
            self.ask("POST", "/api/windows", Some(&body.to_string()))?;
        }
        lab.settle(&self.controller)?;
        let when = format!("with {} open", open.open.join(", "));
        let findings = probe::run(lab, &other(&when_open, &when_closed))?;
        rounds.push(ProbeRound { when, findings });
        for name in &open.open {
            self.ask("DELETE", &format!("/api/windows/{name}"), None)?;
        }
        lab.settle(&self.controller)?;
        let findings = probe::run(lab, &other(&when_closed, &when_open))?;
        rounds.push(ProbeRound { when: "with all windows closed again".to_owned(), findings });
        Ok(rounds)
    }

    fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Result<(), LabError> {
        let failed = |why: String| LabError::Controller(format!("{method} {path}: {why}"));
        let reply =
            request(&self.lab.control(), method, path, body, None).map_err(|e| failed(e.to_string()))?;
        if (200..300).contains(&reply.status) { Ok(()) } else { Err(failed(reply.body)) }
    }
}

/// A lab with a running controller that has settled.
#[derive(Debug)]
pub struct RunningLab {
    /// The lab.
    pub lab: Lab,
    /// The controller.
    pub controller: Spawned,
}

/// Brings a lab up with the controller of the scenario, and waits until it has settled.
pub fn start(scenario: &Scenario, options: LabOptions) -> Result<RunningLab, LabError> {
    let lab = Lab::up(&scenario.file, options)?;
    let controller = lab.start_controller(&scenario.program, &scenario.path)?;
    wait_until("the controller's API", SETTLE, || lab.api_socket().exists() || !controller.running())?;
    lab.attach(&scenario.file)?;
    lab.settle(&controller)?;
    lab.lease(&scenario.file)?;
    Ok(RunningLab { lab, controller })
}
