//! A private Open vSwitch with eight hosts on one bridge, and a controller that makes a learning switch of it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use portcullis_tests::{PrivateOvs, binary, network_file};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The bridge. The file does not name it.
pub(crate) const BRIDGE: &str = "br0";

/// A process that ends with its test.
pub(crate) struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A network namespace, as long as a process in it lives.
pub(crate) struct Host {
    holder: Kept,
    pub(crate) number: usize,
}

impl Host {
    pub(crate) fn address(number: usize) -> String {
        format!("10.77.0.{number}")
    }

    pub(crate) fn mac(number: usize) -> String {
        format!("02:00:00:00:77:{number:02x}")
    }

    fn netns(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.holder.0.id()))
    }

    /// Runs a command there.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let netns = format!("--net={}", self.netns().display());
        Command::new("nsenter").arg(netns).args(words).output().unwrap()
    }

    /// The same, and it has to end well.
    pub(crate) fn must(&self, words: &[&str]) {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Whether another host answers within two seconds.
    pub(crate) fn reaches(&self, other: usize) -> bool {
        self.run(&["ping", "-n", "-c", "1", "-W", "2", &Self::address(other)]).status.success()
    }

    /// Pings another host so many times, fifty a second; gives how many answers came.
    pub(crate) fn pings(&self, other: usize, times: usize) -> usize {
        let times = times.to_string();
        let words = ["ping", "-n", "-i", "0.02", "-W", "1", "-c", &times, &Self::address(other)];
        let output = self.run(&words);
        String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.contains("bytes from")).count()
    }

    /// Sends frames from its device.
    pub(crate) fn emit(&self, frames: &[Vec<u8>]) {
        let netns = File::open(self.netns()).unwrap();
        std::thread::scope(|scope| {
            let send = || {
                setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
                portcullis_tests::frames::emit_on("eth0", frames).unwrap();
            };
            scope.spawn(send).join().unwrap();
        });
    }

    /// Takes an address and a MAC, in place of its own.
    pub(crate) fn become_host(&self, number: usize) {
        self.must(&["ip", "address", "flush", "dev", "eth0"]);
        self.must(&["ip", "link", "set", "eth0", "address", &Self::mac(number)]);
        self.must(&["ip", "address", "add", &format!("{}/24", Self::address(number)), "dev", "eth0"]);
    }
}

/// All of it.
pub(crate) struct Stage {
    pub(crate) hosts: Vec<Host>,
    controller: Kept,
    metrics: String,
    pub(crate) openflow: String,
    pub(crate) ovs: PrivateOvs,
    dir: tempfile::TempDir,
}

impl Stage {
    /// With so many hosts at ports `p1`, `p2` and so on, numbered so, and the controller settled.
    pub(crate) fn new(hosts: usize) -> Self {
        let ovs = PrivateOvs::new();
        ovs.add_bridge(BRIDGE);
        let hosts: Vec<Host> = (1..=hosts).map(|number| host(&ovs, number)).collect();
        let dir = tempfile::tempdir().unwrap();
        // Open vSwitch takes no controller's socket elsewhere.
        let target = format!("unix:{}", ovs.rundir().join("openflow").display());
        let (controller, metrics, openflow) = controller(&target, &dir);
        let stage = Self { hosts, controller, metrics, openflow, ovs, dir };
        stage.ovs.vsctl(&["set-controller", BRIDGE, &target]);
        stage.wait_for("the flow of what nobody knows", || {
            stage.flows().iter().any(|f| f.contains("CONTROLLER"))
        });
        stage
    }

    /// The controller ends at once, and another one begins.
    pub(crate) fn restart_controller(&mut self) {
        let (controller, metrics, openflow) = {
            let _ = self.controller.0.kill();
            let _ = self.controller.0.wait();
            controller(&format!("unix:{}", self.ovs.rundir().join("openflow").display()), &self.dir)
        };
        (self.controller, self.metrics, self.openflow) = (controller, metrics, openflow);
        self.wait_for("the session", || self.metric("portcullis_switches_connected") == Some(1.0));
    }

    pub(crate) fn host(&self, number: usize) -> &Host {
        self.hosts.iter().find(|host| host.number == number).unwrap()
    }

    /// The flows of the bridge.
    pub(crate) fn flows(&self) -> Vec<String> {
        let text = self.ovs.ofctl(&["--names", "--no-stats", "dump-flows", BRIDGE]);
        text.lines().filter(|line| line.contains("actions=")).map(str::to_owned).collect()
    }

    /// The flows between two addresses.
    pub(crate) fn learned(&self) -> Vec<String> {
        self.flows()
            .into_iter()
            .filter(|flow| flow.contains("idle_timeout=60") && flow.contains("dl_dst="))
            .collect()
    }

    /// What a port sent so far, in packets.
    pub(crate) fn sent_by(&self, port: usize) -> u64 {
        let text = self.ovs.ofctl(&["dump-ports", BRIDGE, &format!("p{port}")]);
        let (_, rest) = text.split_once("tx pkts=").unwrap();
        rest.split(',').next().unwrap().parse().unwrap()
    }

    /// A number that the controller shows; none where it has none of that name.
    pub(crate) fn metric(&self, sample: &str) -> Option<f64> {
        use std::io::Write as _;
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let line =
            text.lines().find(|line| line.starts_with(sample) && line[sample.len()..].starts_with(' '))?;
        line[sample.len()..].trim().parse().ok()
    }

    pub(crate) fn wait_for(&self, what: &str, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}; {:#?}", self.flows());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn host(ovs: &PrivateOvs, number: usize) -> Host {
    let holder = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let host = Host { holder: Kept(holder), number };
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    let start = Instant::now();
    while std::fs::read_link(host.netns()).is_ok_and(|netns| netns == own) {
        assert!(start.elapsed() < PATIENCE, "a namespace");
        std::thread::sleep(Duration::from_millis(2));
    }
    let (port, pid) = (format!("p{number}"), host.holder.0.id().to_string());
    let within = format!("--net={}", ovs.netns().display());
    for words in [
        &["ip", "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &pid][..],
        &["ip", "link", "set", &port, "up"],
    ] {
        assert!(Command::new("nsenter").arg(&within).args(words).status().unwrap().success(), "{words:?}");
    }
    host.become_host(number);
    host.must(&["ip", "link", "set", "eth0", "up"]);
    // A host that says something by itself would be learned before its time.
    host.must(&["sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1"]);
    ovs.vsctl(&["add-port", BRIDGE, &port]);
    host
}

/// The controller, and where it shows numbers and listens for switches over TCP.
fn controller(openflow: &str, dir: &tempfile::TempDir) -> (Kept, String, String) {
    let mut child = Command::new(binary())
        .arg("run")
        .arg(network_file("learning-switch.toml"))
        .args(["--no-audit", "--listen", openflow, "--listen", "tcp:127.0.0.1:0"])
        .args(["--metrics", "tcp:127.0.0.1:0", "--state"])
        .arg(dir.path().join("state"))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let (mut metrics, mut tcp, mut line) = (None, None, String::new());
    while metrics.is_none() || tcp.is_none() {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the controller ended");
        let address = line.trim_end().rsplit_once("tcp:").map(|(_, address)| address.to_owned());
        match address {
            Some(address) if line.contains("metrics and status") => metrics = Some(address),
            Some(address) if line.contains("listening for switches") => tcp = Some(format!("tcp:{address}")),
            _ => {}
        }
    }
    // Nobody else reads it, and it must not fill up.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (Kept(child), metrics.unwrap(), tcp.unwrap())
}
