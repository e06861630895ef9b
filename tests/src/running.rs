//! The controller in a lab.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flows::network::NetworkFile;
use lab::{HOST, Lab, LabOptions, Spawned};
use nix::sys::signal::Signal;
use portcullis::api_client::{ApiAddress, fetch};
use portcullis::ovs::{AttachOptions, Database, LOOPBACK_TARGET, attach};
use serde_json::Value;

use crate::ofctl::timeless;

/// Timeout of a test for every step. A step with a guaranteed time has its own limit in the test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The address at which the controller of a lab serves metrics to processes inside the lab's host.
pub const METRICS: &str = "127.0.0.1:9653";

/// Returns the path of the `portcullis` binary of this build.
pub fn binary() -> PathBuf {
    let this = std::env::current_exe().expect("the program's own path");
    // target/PROFILE/deps/TEST, or target/PROFILE/PROGRAM.
    let near = || this.ancestors().skip(1).take(2).map(|dir| dir.join("portcullis"));
    let binary = near().find(|binary| binary.exists());
    binary.unwrap_or_else(|| {
        panic!("portcullis is not built near {}: cargo build --bin portcullis", this.display())
    })
}

/// Returns the path of a shipped network file.
pub fn network_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/networks").join(name)
}

/// Returns the text of the shipped dual-socket network.
pub fn dual_socket() -> String {
    std::fs::read_to_string(network_file("dual-socket.toml")).expect("a network file")
}

/// Returns the text of the shipped dual-socket network without the rule of this name. It does not
/// state either what must always be possible.
pub fn dual_socket_without(rule: &str) -> String {
    let text = dual_socket();
    let start = text.find(&format!("[[allow]]\nname = \"{rule}\"")).expect("the rule");
    let rest = &text[start + 1..];
    let end = rest.find("\n[[").or_else(|| rest.find("\n# ---")).map_or(text.len(), |i| start + 1 + i);
    let text = format!("{}{}", &text[..start], &text[end..]);
    let always = text.find("[[always]]").expect("an assertion");
    let rest = text[always + 1..].find("\n[").map_or(text.len(), |i| always + 1 + i);
    format!("{}{}", &text[..always], &text[rest..])
}

/// Returns a network file, as the product parses it.
pub fn read(path: &Path) -> NetworkFile {
    let text = std::fs::read_to_string(path).expect("a network file");
    match flows::network::parse(&text, &path.to_string_lossy()) {
        Ok((file, _)) => file,
        Err(findings) => panic!("{}: {findings:#?}", path.display()),
    }
}

/// A lab with the controller in it, and a private copy of its network file, for editing.
pub struct Running {
    /// The lab.
    pub lab: Lab,
    /// The controller's process.
    pub controller: Spawned,
    /// The path of the network file.
    pub path: PathBuf,
    /// The parsed network file.
    pub file: NetworkFile,
    /// The additional arguments of the controller.
    words: Vec<String>,
}

impl Running {
    /// Starts the shipped dual-socket network, and waits until it is settled.
    pub fn dual_socket() -> Self {
        Self::dual_socket_with(LabOptions::default())
    }

    /// Starts the shipped dual-socket network in a lab with these options.
    pub fn dual_socket_with(options: LabOptions) -> Self {
        let text = std::fs::read_to_string(network_file("dual-socket.toml")).expect("dual-socket.toml");
        Self::start(&text, options)
    }

    /// Starts a network file's text, and waits until it is settled.
    pub fn start(text: &str, options: LabOptions) -> Self {
        Self::start_with(text, options, &[])
    }

    /// Starts a network file's text with additional arguments of the controller.
    pub fn start_with(text: &str, options: LabOptions, words: &[&str]) -> Self {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let dir = tempfile::tempdir().expect("a directory").keep();
        let path = dir.join("network.toml");
        std::fs::write(&path, text).expect("the network file");
        let file = read(&path);
        let lab = Lab::up(&file, options).expect("a lab");
        let controller = spawn(&lab, &path, &words);
        let running = Self { lab, controller, path, file, words };
        let database = Database { rundir: Some(running.lab.rundir().to_owned()), ..Database::default() };
        let options = AttachOptions { database, ..AttachOptions::default() };
        let outcome = attach(&running.file, LOOPBACK_TARGET, &options, &mut Vec::new()).expect("ovs-vsctl");
        assert!(outcome.complete(), "{outcome:?}");
        running.settle();
        running
    }

    /// Returns the address of the controller's API.
    pub fn api(&self) -> ApiAddress {
        ApiAddress::Unix(self.lab.rundir().join("api.sock"))
    }

    /// Returns the controller's status, if it answers.
    pub fn status(&self) -> Option<Value> {
        serde_json::from_str(&fetch(&self.api(), "/api/status").ok()?).ok()
    }

    /// Returns the status of one bridge.
    pub fn bridge(&self, name: &str) -> Option<Value> {
        self.status()?.get("bridges")?.as_array()?.iter().find(|b| b["name"] == name).cloned()
    }

    /// Returns the text of `/metrics`.
    pub fn metrics(&self) -> String {
        fetch(&self.api(), "/metrics").expect("metrics")
    }

    /// Returns the value of the one sample that begins with `name{labels}`, or 0.
    pub fn metric(&self, sample: &str) -> f64 {
        let text = self.metrics();
        let line = text.lines().find(|l| l.strip_prefix(sample).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|l| l.rsplit(' ').next()).map_or(0.0, |v| v.parse().expect("a number"))
    }

    /// Waits until every bridge with flows in the file is connected and settled.
    pub fn settle(&self) {
        let owned: Vec<&str> = self
            .file
            .bridges
            .iter()
            .map(|b| b.name.as_str())
            .filter(|b| flows::compile::owns(&self.file, b))
            .collect();
        self.wait_for("every bridge to settle", || {
            let status = self.status()?;
            let bridges = status.get("bridges")?.as_array()?.clone();
            owned
                .iter()
                .all(|name| bridges.iter().any(|b| b["name"] == *name && b["settled"] == true))
                .then_some(())
        });
    }

    /// Waits for a condition, for a bounded time, and returns the time that it took.
    pub fn wait_for<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> (T, Duration) {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return (found, start.elapsed());
            }
            assert!(
                start.elapsed() < PATIENCE,
                "waited in vain for {what}; status: {:#?}\nthe controller said:\n{}",
                self.status(),
                self.controller.output()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a bridge has exactly these [flows](Self::flows), whatever their ages, and
    /// reports the differences on a timeout.
    pub fn wait_for_flows(&self, bridge: &str, wanted: &[String]) {
        let timeless = |flows: &[String]| {
            let mut flows: Vec<String> = flows.iter().map(|flow| timeless(flow)).collect();
            flows.sort();
            flows
        };
        let wanted = timeless(wanted);
        let start = Instant::now();
        loop {
            let flows = timeless(&self.flows(bridge));
            if flows == wanted {
                return;
            }
            let without = |a: &[String], b: &[String]| -> Vec<String> {
                a.iter().filter(|flow| !b.contains(flow)).cloned().collect()
            };
            assert!(
                start.elapsed() < PATIENCE,
                "{bridge} has not the flows it should have: {:#?} are missing, {:#?} are too many",
                without(&wanted, &flows),
                without(&flows, &wanted),
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the controller, as in a crash.
    pub fn kill_controller(&self) {
        self.controller.signal(Signal::SIGKILL);
        self.wait_for("the controller to be dead", || (!self.controller.running()).then_some(()));
    }

    /// Starts the controller (again).
    pub fn start_controller(&mut self) {
        self.controller = spawn(&self.lab, &self.path, &self.words);
        self.settle();
    }

    /// Rewrites the network file, and makes the controller reload it.
    pub fn reload(&self, text: &str) {
        std::fs::write(&self.path, text).expect("the network file");
        self.controller.signal(Signal::SIGHUP);
    }

    /// Reloads, and waits until the file is the active one. The bridges may still have the flows of
    /// the file before: [`Self::settle`] waits for them.
    pub fn apply(&self, text: &str) {
        let reloads = || self.metric("portcullis_reloads_total{outcome=\"ok\"}");
        let before = reloads();
        self.reload(text);
        self.wait_for("the file to be active", || (reloads() > before).then_some(()));
    }

    /// Returns the flows of a bridge as `ovs-ofctl` prints them, sorted, with port names and
    /// without their changing parts.
    pub fn flows(&self, bridge: &str) -> Vec<String> {
        self.dump(bridge, &["--names", "--no-stats", "dump-flows"])
    }

    /// Returns the flows of a bridge with their counters and ages.
    pub fn flows_with_stats(&self, bridge: &str) -> Vec<String> {
        self.dump(bridge, &["--names", "dump-flows"])
    }

    fn dump(&self, bridge: &str, arguments: &[&str]) -> Vec<String> {
        let mut arguments = arguments.to_vec();
        arguments.push(bridge);
        let text = self.lab.ofctl(&arguments).expect("ovs-ofctl dump-flows");
        let mut lines: Vec<String> =
            text.lines().filter(|l| l.contains("actions=")).map(|l| l.trim().to_owned()).collect();
        lines.sort();
        lines
    }

    /// Returns the current number of a port.
    pub fn ofport(&self, port: &str) -> u32 {
        let text = self.lab.vsctl(&["get", "interface", port, "ofport"]).expect("ofport");
        text.trim().parse().expect("a port number")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the controller said:\n{}", self.controller.output());
        }
        if let Some(dir) = self.path.parent() {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

fn spawn(lab: &Lab, path: &Path, more: &[String]) -> Spawned {
    let binary = binary();
    let api = format!("unix:{}", lab.rundir().join("api.sock").display());
    let state = lab.state_dir();
    let (binary, path, state) = (binary.to_string_lossy(), path.to_string_lossy(), state.to_string_lossy());
    // Each lab has a network of its own, so the usual port is free in all of them.
    let mut words =
        vec![&*binary, "run", &*path, "--metrics", &*api, "--metrics", METRICS, "--state", &*state];
    words.extend(more.iter().map(String::as_str));
    if !words.contains(&"--listen") {
        words.extend(["--listen", LOOPBACK_TARGET]);
    }
    lab.spawn(HOST, &words).expect("the controller")
}
