//! A private Open vSwitch, with its own processes, database, sockets and network namespace,
//! independent of a system one.

use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Timeout for the start and the end of the processes.
const PATIENCE: Duration = Duration::from_secs(20);

/// ovsdb-server and ovs-vswitchd in a directory and a network namespace of their own, with the
/// userspace datapath only. They end when the value is dropped, and also when the thread that
/// started them ends. So a killed test leaves no process behind.
///
/// The namespace is that of ovsdb-server. Bridges of different tests may share names, because their
/// devices are in different namespaces.
#[derive(Debug)]
pub struct PrivateOvs {
    dir: TempDir,
    ovsdb: Child,
    vswitchd: Option<Child>,
}

impl PrivateOvs {
    /// Starts both, without a bridge.
    ///
    /// # Panics
    /// Panics if Open vSwitch is not installed or does not start.
    #[expect(clippy::new_without_default, reason = "starting processes is nothing to do by default")]
    pub fn new() -> Self {
        let dir = TempDir::with_prefix("ovs-").unwrap();
        let db = dir.path().join("conf.db");
        let created = Command::new("ovsdb-tool")
            .arg("create")
            .arg(&db)
            .arg("/usr/share/openvswitch/vswitch.ovsschema")
            .output()
            .expect("ovsdb-tool: is openvswitch-switch installed?");
        text(created, "ovsdb-tool create");
        let remote = format!("--remote=punix:{}", dir.path().join("db.sock").display());
        let own = [OsStr::new("unshare"), OsStr::new("--net"), OsStr::new("ovsdb-server")];
        let ovsdb = daemon(dir.path(), &[&own[..], &[db.as_os_str(), OsStr::new(&remote)]].concat());
        let mut ovs = Self { dir, ovsdb, vswitchd: None };
        wait_until("db.sock", || UnixStream::connect(ovs.rundir().join("db.sock")).is_ok());
        ovs.vsctl(&["--no-wait", "init"]);
        ovs.start_vswitchd();
        ovs
    }

    /// Returns the directory of sockets, `OVS_RUNDIR`.
    pub fn rundir(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the management socket of a bridge.
    pub fn mgmt(&self, bridge: &str) -> PathBuf {
        self.rundir().join(format!("{bridge}.mgmt"))
    }

    /// Returns the path of the network namespace for `nsenter --net=`. It survives restarts of
    /// ovs-vswitchd.
    pub fn netns(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.ovsdb.id()))
    }

    /// Starts ovs-vswitchd if it is not running, and waits until it answers.
    ///
    /// # Panics
    /// Panics if it does not start.
    pub fn start_vswitchd(&mut self) {
        if self.vswitchd.is_none() {
            let db = format!("unix:{}", self.rundir().join("db.sock").display());
            let net = format!("--net={}", self.netns().display());
            let args = ["nsenter", &net, "ovs-vswitchd", &db, "--disable-system"].map(OsStr::new);
            self.vswitchd = Some(daemon(self.rundir(), &args));
            wait_until("ovs-vswitchd", || self.output("ovs-appctl", &["version"]).status.success());
        }
    }

    /// Ends ovs-vswitchd by a signal, and waits for its exit.
    ///
    /// # Panics
    /// Panics if it is not running.
    pub fn kill_vswitchd(&mut self, signal: Signal) {
        let mut child = self.vswitchd.take().expect("ovs-vswitchd runs");
        send(&child, signal);
        child.wait().unwrap();
    }

    /// Runs `ovs-vsctl` with these arguments, and returns its output.
    ///
    /// # Panics
    /// Panics if it fails.
    pub fn vsctl(&self, args: &[&str]) -> String {
        let db = format!("--db=unix:{}", self.rundir().join("db.sock").display());
        text(self.output("ovs-vsctl", &[&[db.as_str(), "--timeout=20"], args].concat()), "ovs-vsctl")
    }

    /// Runs `ovs-ofctl -O OpenFlow13` with these arguments, and returns its output.
    ///
    /// # Panics
    /// Panics if it fails.
    pub fn ofctl(&self, args: &[&str]) -> String {
        text(self.try_ofctl(args), "ovs-ofctl")
    }

    /// Runs `ovs-ofctl` like [`PrivateOvs::ofctl`], but may fail.
    ///
    /// # Panics
    /// Panics if it cannot be started.
    pub fn try_ofctl(&self, args: &[&str]) -> Output {
        self.output("ovs-ofctl", &[&["-O", "OpenFlow13", "--timeout=20"], args].concat())
    }

    /// Runs `ovs-appctl` on ovs-vswitchd with these arguments, and returns its output.
    ///
    /// # Panics
    /// Panics if it fails.
    pub fn appctl(&self, args: &[&str]) -> String {
        text(self.output("ovs-appctl", &[&["--timeout=20"], args].concat()), "ovs-appctl")
    }

    /// Adds a bridge that speaks OpenFlow 1.3 and drops packets that match no flow.
    ///
    /// # Panics
    /// Panics if `ovs-vsctl` fails.
    pub fn add_bridge(&self, name: &str) {
        let settings = ["datapath_type=netdev", "protocols=OpenFlow13", "fail_mode=secure"];
        self.vsctl(&[&["add-br", name, "--", "set", "bridge", name], &settings[..]].concat());
        wait_until("management socket", || self.mgmt(name).exists());
    }

    fn output(&self, program: &str, args: &[&str]) -> Output {
        let output = Command::new(program).args(args).env("OVS_RUNDIR", self.rundir()).output();
        output.unwrap_or_else(|error| panic!("{program}: {error}"))
    }
}

impl Drop for PrivateOvs {
    fn drop(&mut self) {
        // vswitchd first, because it would report the lost database.
        for child in self.vswitchd.iter_mut().chain([&mut self.ovsdb]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a daemon in the foreground, as a child. Each program of the command replaces the previous
/// one, with one pid.
fn daemon(rundir: &Path, command: &[&OsStr]) -> Child {
    // A destructor does not run when the test is killed, hence the signal at the parent's death.
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .args(command)
        .args(["--pidfile", "-vconsole:off", "-vsyslog:off"])
        .env("OVS_RUNDIR", rundir)
        .current_dir(rundir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.unwrap_or_else(|error| panic!("setpriv: {error}"))
}

fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("a pid");
    kill(Pid::from_raw(pid), signal).unwrap();
}

fn text(output: Output, what: &str) -> String {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what} did not come up");
        sleep(Duration::from_millis(10));
    }
}
