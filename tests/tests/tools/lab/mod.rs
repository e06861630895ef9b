//! `portcullis lab up|test|down`: what it prints, how it ends, and that nothing is left of it.

mod shapes;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portcullis_tests::running::{binary, network_file};
use serde_json::Value;

/// A lab comes up and probes in that time, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two members of a network, one of which may ask the other.
const SMALL: &str = r#"
[network.n]
bridge = "br0"
subnets = ["10.0.0.0/24"]
[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.0.0.1"] }]
[endpoint.b]
attach = [{ network = "n", port = "b0", addresses = ["10.0.0.2"] }]
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
purpose = "test"
"#;

/// A directory for labs of one test, short enough for sockets.
struct Base(tempfile::TempDir);

impl Base {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("pcl").tempdir_in("/run").unwrap())
    }

    fn labs(&self) -> PathBuf {
        self.0.path().join("labs")
    }

    /// A network file beside them.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("lab").args(words).env("PORTCULLIS_LAB_DIR", self.labs()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end: its code, and what it said.
    fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.command(words).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    /// The states of the labs there are.
    fn states(&self) -> Vec<Value> {
        let Ok(entries) = std::fs::read_dir(self.labs()) else { return Vec::new() };
        let read = |dir: PathBuf| std::fs::read_to_string(dir.join("state.json")).ok();
        entries.filter_map(|e| serde_json::from_str(&read(e.unwrap().path())?).ok()).collect()
    }

    /// Everything by which a lab can be noticed: directories, namespaces of these ids, processes with this directory
    /// on their command line.
    fn traces(&self, ids: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for id in ids {
            let dir = self.labs().join(id);
            found.extend(dir.exists().then(|| dir.display().to_string()));
            found.extend(names("/run/netns").into_iter().filter(|n| n.starts_with(&format!("pcl-{id}"))));
            let needle = dir.to_str().unwrap().to_owned();
            for pid in names("/proc").into_iter().filter(|n| n.parse::<u32>().is_ok()) {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                found.extend(line.contains(&needle).then(|| format!("{pid}: {line}")));
            }
        }
        found
    }
}

fn names(dir: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> = entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The devices of the host's own network, which no lab touches.
fn devices() -> Vec<String> {
    names("/sys/class/net")
}

/// A `lab up` that runs.
struct Up {
    child: Child,
    log: PathBuf,
    id: String,
}

impl Up {
    /// Starts it and waits until it says that it is up.
    fn new(base: &Base, file: &Path, name: &str) -> Self {
        let log = base.0.path().join(name);
        let out = File::create(&log).unwrap();
        let mut command = base.command(&["up", file.to_str().unwrap()]);
        let child = command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        let mut up = Self { child, log, id: String::new() };
        let start = Instant::now();
        up.id = loop {
            let said = up.said();
            if let Some((_, rest)) = said.split_once("\nlab ")
                && let Some((id, _)) = rest.split_once(" is up; Ctrl-C takes it down.")
            {
                break id.to_owned();
            }
            assert!(start.elapsed() < PATIENCE && up.child.try_wait().unwrap().is_none(), "{said}");
            std::thread::sleep(Duration::from_millis(20));
        };
        up
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It takes its lab down, also when the test failed.
        if self.child.try_wait().unwrap().is_none() {
            self.signal(Signal::SIGINT);
            let _ = self.child.wait();
        }
    }
}

#[test]
fn the_dual_socket_network_passes() {
    let base = Base::new();
    let before = devices();
    let (code, said) = base.run(&["test", network_file("dual-socket.toml").to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let row = |words: &[&str]| {
        let fits = |l: &&str| words.iter().all(|w| l.contains(w));
        said.lines().find(fits).unwrap_or_else(|| panic!("{words:?}: {said}"))
    };
    assert!(row(&["from", "to", "what", "expected", "seen"]).starts_with("  from "));
    for words in [
        ["gateway", "warp", "(warp-egress)", "passes    passes"],
        ["xray", "warp", "(warp-egress)", "passes    passes"],
        ["nm-privacy", "warp", "(warp-egress)", "passes    passes"],
        ["nm-privacy", "gateway", "udp 51820 (vpn-clients)", "passes    passes"],
        ["warp", "gateway", "udp 51820 (vpn-clients)", "passes    passes"],
        ["mcp", "api", "tcp 9573 (op-dbus-api)", "passes    passes"],
        ["nm-mgmt", "api", "tcp 9574 (op-dbus-api)", "passes    passes"],
        ["gateway", "xray", "(no rule)", "denied    denied"],
        ["warp", "gateway", "(no rule)", "denied    denied"],
        ["LOCAL of vmbr0", "gateway", "(not in the file)", "denied    denied"],
        ["gateway", "mcp", "(privacy-reaches-management)", "never     none arrived"],
        ["mcp", "gateway", "(management-reaches-privacy)", "never     none arrived"],
    ] {
        assert!(row(&words).starts_with("✓ "), "{words:?}");
    }
    assert!(!said.contains('✗'), "{said}");
    let rows = said.lines().filter(|l| l.starts_with("✓ ")).count();
    assert!(said.contains(&format!("\n{rows} probes, all as expected\n")), "{rows}: {said}");
    assert!(said.contains("\nno hidden flow on 4 bridges\n"), "{said}");
    assert_eq!(names(base.labs().to_str().unwrap()), Vec::<String>::new());
    assert_eq!(devices(), before);
}

#[test]
fn a_probe_that_shows_something_else_fails() {
    let base = Base::new();
    // A rule says that a may ask b, and a raw flow above all others drops it.
    let raw = "[bridge.br0]\nflows = [\"priority=65500,tcp,in_port=a0,tp_dst=80,actions=drop\"]\n";
    let file = base.file("drops.toml", &format!("{SMALL}{raw}"));
    let (code, said) = base.run(&["test", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    let wrong: Vec<_> = said.lines().filter(|l| l.starts_with("✗ ")).collect();
    assert!(wrong.iter().any(|l| l.contains("tcp 80 (web)") && l.contains("passes    ")), "{said}");
    assert!(said.contains(&format!("{} of ", wrong.len())) && said.contains(" probes differ"), "{said}");
    assert_eq!(names(base.labs().to_str().unwrap()), Vec::<String>::new());

    let good = base.file("good.toml", SMALL);
    let (code, said) = base.run(&["test", good.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = base.run(&["test", "/no/such.toml"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("/no/such.toml"), "{said}");
}

#[test]
fn ctrl_c_leaves_nothing() {
    let base = Base::new();
    let before = devices();
    let file = base.file("small.toml", SMALL);
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut up = Up::new(&base, &file, "up.log");
        let traces = base.traces(&[&up.id]);
        assert!(traces.len() > 5 && traces.iter().any(|t| t.contains("ovs-vswitchd")), "{traces:#?}");
        let said = up.said();
        for place in
            ["/metrics", "portcullis dump-flows br0", "ovs-ofctl -O OpenFlow13 --names dump-flows br0"]
        {
            assert!(said.contains(place), "{place}: {said}");
        }
        hints_work(&said);
        up.signal(signal);
        assert_eq!(up.ended().code(), Some(0), "{}", up.said());
        assert_eq!(base.traces(&[&up.id]), Vec::<String>::new());
        assert!(up.said().contains(&format!("lab {} is down", up.id)));
    }
    assert_eq!(devices(), before);
}

/// The commands that it shows do show something.
fn hints_work(said: &str) {
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", binary().parent().unwrap().display());
    for words in ["curl http://", "dump-flows br0"] {
        for hint in said.lines().filter(|l| l.contains(words)) {
            if hint.contains("curl") && Command::new("curl").arg("--version").output().is_err() {
                continue;
            }
            let output = Command::new("sh").args(["-c", hint]).env("PATH", &path).output().unwrap();
            assert!(output.status.success() && !output.stdout.is_empty(), "{hint}: {output:?}");
        }
    }
}

#[test]
fn after_a_crash_down_leaves_nothing_and_others_alone() {
    let base = Base::new();
    let before = devices();
    let (one, two) = (base.file("one.toml", SMALL), base.file("two.toml", SMALL));
    let mut crashed = Up::new(&base, &one, "one.log");
    let mut other = Up::new(&base, &two, "two.log");
    assert_ne!(crashed.id, other.id);
    assert_eq!(base.states().len(), 2, "two labs side by side");

    crashed.signal(Signal::SIGKILL);
    assert_eq!(crashed.ended().code(), None);
    assert!(base.traces(&[&crashed.id]).len() > 5, "nothing to take down");
    // A lab that nobody has is no reason to touch another.
    assert_eq!(base.run(&["down", "--id", "00000000"]).0, Some(0));
    assert!(base.run(&["down"]).0 == Some(1), "which lab?");
    assert!(base.traces(&[&crashed.id]).len() > 5);

    let (code, said) = base.run(&["down", one.to_str().unwrap()]);
    assert_eq!((code, said.trim()), (Some(0), &*format!("down: {}", crashed.id)));
    assert_eq!(base.traces(&[&crashed.id]), Vec::<String>::new());
    // The other lab works on.
    assert!(other.child.try_wait().unwrap().is_none());
    let rundir = base.labs().join(&other.id);
    let dump =
        Command::new(binary()).args(["dump-flows", "br0"]).env("OVS_RUNDIR", &rundir).output().unwrap();
    assert!(dump.status.success() && dump.stdout.len() > 1000, "{dump:?}");

    // Taken down by somebody else, it ends by itself.
    let (code, said) = base.run(&["down", "--all"]);
    assert_eq!((code, said.trim()), (Some(0), &*format!("down: {}", other.id)));
    assert_eq!(other.ended().code(), Some(0));
    assert!(other.said().contains("was taken down by somebody else"), "{}", other.said());
    assert_eq!(base.traces(&[&crashed.id, &other.id]), Vec::<String>::new());
    assert_eq!(devices(), before);
}
