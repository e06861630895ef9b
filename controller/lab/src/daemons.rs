//! The lab's own ovsdb-server and ovs-vswitchd.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::command::{not_started, ovs_tool, run};
use super::error::LabError;
use super::plan::{LabPlan, TAGGER, TaggedPorts};
use super::process::ProcessRecord;

/// Deadline of a daemon for opening its socket.
const START: Duration = Duration::from_secs(10);
/// Longest path of a Unix socket, without the byte that ends it (unix(7)).
const SOCKET_PATH: usize = 107;
/// Upper bound of the names that OVS gives its sockets for daemons (`ovs-vswitchd.PID.ctl`).
const SOCKET_NAME: usize = 32;

/// Starts a program in a namespace, in a process group of its own. So Ctrl-C does not end it with
/// its parent.
pub(crate) fn spawn_in(
    namespace: &str,
    command: &[&str],
    env: &[(&str, &Path)],
    log: Option<&Path>,
) -> Result<(Child, ProcessRecord), LabError> {
    let what = command.first().copied().unwrap_or_default().to_owned();
    // `ip netns exec` replaces itself by the command, so the child's pid is the command's.
    let mut ip = Command::new("ip");
    ip.args(["netns", "exec", namespace]).args(command).envs(env.iter().copied());
    ip.stdin(Stdio::null()).process_group(0);
    match log {
        Some(path) => {
            let file = std::fs::File::create(path).map_err(LabError::io(format!("{}", path.display())))?;
            let again = file.try_clone().map_err(LabError::io(format!("{}", path.display())))?;
            ip.stdout(file).stderr(again);
        }
        None => {
            ip.stdout(Stdio::null()).stderr(Stdio::null());
        }
    }
    let mut child = ip.spawn().map_err(|e| not_started(&ip, e))?;
    let record = i32::try_from(child.id()).ok().and_then(|pid| ProcessRecord::of(pid, &what));
    match record {
        Some(record) => Ok((child, record)),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            Err(LabError::Timeout(format!("{what} to start")))
        }
    }
}

/// Waits until `done` returns true, or `limit` has passed.
pub(crate) fn wait_until(
    what: &str,
    limit: Duration,
    mut done: impl FnMut() -> bool,
) -> Result<(), LabError> {
    let deadline = Instant::now() + limit;
    while !done() {
        if Instant::now() >= deadline {
            return Err(LabError::Timeout(what.to_owned()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The directory and the namespace of the daemons.
#[derive(Debug, Clone)]
pub(crate) struct Daemons {
    pub(crate) namespace: String,
    pub(crate) rundir: PathBuf,
}

impl Daemons {
    /// Checks that the paths of all sockets fit.
    pub(crate) fn check_paths(rundir: &Path, plan: &LabPlan) -> Result<(), LabError> {
        let bridge = plan.bridges.iter().map(|b| b.name.len() + ".mgmt".len()).max().unwrap_or(0);
        if rundir.as_os_str().len() + 1 + bridge.max(SOCKET_NAME) > SOCKET_PATH {
            return Err(LabError::DirectoryTooLong(rundir.to_owned()));
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.rundir.join(name)
    }

    fn spawn(&self, command: &[&str]) -> Result<(Child, ProcessRecord), LabError> {
        let program = command.first().copied().unwrap_or_default();
        let env = [("OVS_RUNDIR", self.rundir.as_path()), ("OVS_LOGDIR", self.rundir.as_path())];
        spawn_in(&self.namespace, command, &env, Some(&self.path(&format!("{program}.out"))))
    }

    /// Makes the database and starts its server.
    pub(crate) fn start_ovsdb(&self) -> Result<(Child, ProcessRecord), LabError> {
        let database = self.path("conf.db").display().to_string();
        // The tool finds the schema of its package, or of OVS_PKGDATADIR: not every system has
        // Debian's paths.
        run(ovs_tool("ovsdb-tool", &self.rundir).args(["create", &database]), None)?;
        let socket = self.path("db.sock");
        let remote = format!("--remote=punix:{}", socket.display());
        let pidfile = format!("--pidfile={}", self.path("ovsdb-server.pid").display());
        let started = self.spawn(&["ovsdb-server", &database, &remote, &pidfile, "-vconsole:warn"])?;
        // The socket exists a moment before the server listens.
        wait_until("ovsdb-server", START, || UnixStream::connect(&socket).is_ok() || !started.1.alive())?;
        self.vsctl(&["--no-wait", "init"])?;
        Ok(started)
    }

    /// Starts ovs-vswitchd. Its bridges exist when [`settle`](Self::settle) returns.
    pub(crate) fn start_vswitchd(&self) -> Result<(Child, ProcessRecord), LabError> {
        let database = format!("unix:{}", self.path("db.sock").display());
        let pidfile = format!("--pidfile={}", self.path("ovs-vswitchd.pid").display());
        let log = format!("--log-file={}", self.path("ovs-vswitchd.log").display());
        // `--disable-system`: the kernel's datapath belongs to the host.
        let command =
            ["ovs-vswitchd", &database, &pidfile, &log, "--disable-system", "-vconsole:warn", "-vfile:info"];
        self.spawn(&command)
    }

    /// Waits until the running ovs-vswitchd has applied the whole database.
    pub(crate) fn settle(&self) -> Result<(), LabError> {
        // Without --no-wait, ovs-vsctl waits until the sequence number it raised was processed.
        let touch = ["--timeout=10", "set", "Open_vSwitch", ".", "external-ids:lab=up"];
        self.vsctl(&touch)?;
        self.vsctl(&["--timeout=10", "remove", "Open_vSwitch", ".", "external-ids", "lab"]).map(drop)
    }

    /// Runs ovs-vsctl in the lab's host, so that it ends when the lab is taken down. Otherwise it
    /// would wait for the database to come back.
    pub(crate) fn vsctl(&self, args: &[&str]) -> Result<String, LabError> {
        let mut ip = ovs_tool("ip", &self.rundir);
        ip.args(["netns", "exec", &self.namespace, "ovs-vsctl", "--timeout=10"]).args(args);
        run(&mut ip, None)
    }

    /// Makes every bridge with its ports, closed. Without a flow no packet passes, and packets only
    /// ever pass by a flow (no in-band control, no standalone mode).
    pub(crate) fn make_bridges(&self, plan: &LabPlan) -> Result<(), LabError> {
        let mut words: Vec<String> = Vec::new();
        let mut add = |command: &[&str]| {
            words.push("--".to_owned());
            words.extend(command.iter().map(|w| (*w).to_owned()));
        };
        for bridge in &plan.bridges {
            let name = bridge.name.as_str();
            let [a, b, c, d, e, f] = bridge.mac;
            let mac = format!(r#"other-config:hwaddr="{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}""#);
            add(&["add-br", name]);
            add(&[
                "set",
                "bridge",
                name,
                "datapath_type=netdev",
                "protocols=OpenFlow13",
                "fail_mode=secure",
                "other-config:disable-in-band=true",
                &mac,
            ]);
            for (number, port) in bridge.ports.iter().enumerate() {
                add(&["add-port", name, port]);
                add(&["set", "interface", port, &format!("ofport_request={}", number + 1)]);
            }
        }
        let tagged: BTreeSet<&str> = plan.tags.iter().flat_map(|t| [&*t.member, &*t.trunk]).collect();
        if !tagged.is_empty() {
            add(&["add-br", TAGGER]);
            add(&[
                "set",
                "bridge",
                TAGGER,
                "datapath_type=netdev",
                "protocols=OpenFlow13",
                "fail_mode=secure",
            ]);
            for port in tagged {
                add(&["add-port", TAGGER, port]);
            }
        }
        if words.is_empty() {
            return Ok(());
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.vsctl(&words)?;
        for TaggedPorts { member, trunk, vlan } in &plan.tags {
            let vid = vlan | 0x1000;
            for flow in [
                format!("in_port={member},actions=push_vlan:0x8100,set_field:{vid}->vlan_vid,output:{trunk}"),
                format!("in_port={trunk},dl_vlan={vlan},actions=pop_vlan,output:{member}"),
            ] {
                let words = ["-O", "OpenFlow13", "add-flow", TAGGER, &flow];
                run(ovs_tool("ovs-ofctl", &self.rundir).args(words), None)?;
            }
        }
        Ok(())
    }
}
