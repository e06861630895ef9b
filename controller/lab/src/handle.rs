//! A running lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flows::network::NetworkFile;
use nix::sys::signal::Signal;

use super::build::LabBuilder;
use super::command::{PROGRAMS, output, ovs_tool, require, run};
use super::daemons::{Daemons, spawn_in, wait_until};
use super::error::LabError;
use super::options::LabOptions;
use super::plan::{HOST, LabPlan};
use super::process::{self, ProcessRecord};
use super::state::{LabState, default_base};
use super::{netns, teardown};

/// A running lab. It is taken down when dropped.
///
/// The names for [`exec`](Self::exec) and similar methods are those of [places](super::PlannedPort)
/// (endpoints, exits, ports of other nodes), [`INTERNET`](super::INTERNET), or [`HOST`] for the
/// lab's host. All methods block. Call them from a blocking thread of an async program.
#[derive(Debug)]
pub struct Lab {
    id: String,
    dir: PathBuf,
    plan: LabPlan,
    daemons: Daemons,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: LabState,
    children: Vec<(ProcessRecord, Child)>,
    vswitchd: Option<ProcessRecord>,
    logs: u32,
    down: bool,
}

/// A process that runs in the lab: [`Lab::spawn`].
#[derive(Debug)]
pub struct Spawned {
    record: ProcessRecord,
    log: PathBuf,
}

impl Spawned {
    /// Returns the process id.
    pub fn pid(&self) -> i32 {
        self.record.pid
    }

    /// Returns whether the process still runs.
    pub fn running(&self) -> bool {
        self.record.alive()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        self.record.signal(signal);
    }

    /// Returns the standard output and standard error so far.
    pub fn output(&self) -> String {
        fs::read(&self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Returns the path of the file that holds [`output`](Self::output). It is removed with the
    /// lab.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until the process has ended, for `limit` at most. Returns whether it has.
    pub fn wait(&self, limit: Duration) -> bool {
        wait_until("", limit, || !self.running()).is_ok()
    }

    /// Ends the process: SIGTERM, then SIGKILL if it still runs.
    pub fn stop(&self) {
        process::end(std::slice::from_ref(&self.record));
    }
}

/// Returns a new short id: eight characters, from the time, the process, and the number of its labs
/// so far.
pub(super) fn fresh_id() -> String {
    static LABS: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    let number = LABS.fetch_add(1, Ordering::Relaxed);
    let mixed = nanos.rotate_left(7) ^ std::process::id().wrapping_mul(0x9e37_79b1) ^ (number << 27);
    format!("{mixed:08x}")
}

impl Lab {
    /// Brings a lab up, with all cables and addresses, and with closed bridges (no flows, no
    /// controller).
    pub fn up(file: &NetworkFile, options: LabOptions) -> Result<Self, LabError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(LabError::NotRoot);
        }
        require(PROGRAMS)?;
        let plan = LabPlan::new(file).with(&options);
        for remark in &plan.remarks {
            tracing::warn!("{remark}");
        }
        let base = options.base.clone().unwrap_or_else(default_base);
        fs::create_dir_all(&base).map_err(LabError::io(format!("making {}", base.display())))?;
        let base = fs::canonicalize(&base).map_err(LabError::io(base.display().to_string()))?;
        let id = options.id.clone().unwrap_or_else(fresh_id);
        let dir = base.join(&id);
        Daemons::check_paths(&dir, &plan)?;
        // Fails if the directory exists: two labs never share an id.
        fs::create_dir(&dir).map_err(LabError::io(format!("making {}", dir.display())))?;
        let me = i32::try_from(std::process::id()).unwrap_or(0);
        let state = LabState {
            id: id.clone(),
            file: options.source.as_deref().map(|f| fs::canonicalize(f).unwrap_or_else(|_| f.to_owned())),
            owner: ProcessRecord::of(me, "owner"),
            namespaces: plan.namespaces.iter().map(|n| full(&id, &n.key)).collect(),
            processes: Vec::new(),
        };
        state.save(&dir)?;
        let daemons = Daemons { namespace: full(&id, HOST), rundir: dir.clone() };
        let inner = Inner { state, children: Vec::new(), vswitchd: None, logs: 0, down: false };
        // From here on a failure drops the lab, which takes down its existing parts.
        let lab = Self { id, dir, plan, daemons, inner: Mutex::new(inner) };
        lab.build()?;
        tracing::debug!(id = lab.id, "lab is up");
        Ok(lab)
    }

    fn build(&self) -> Result<(), LabError> {
        let name = |key: &str| full(&self.id, key);
        let builder = LabBuilder { plan: &self.plan, full: &name };
        builder.namespaces()?;
        // The daemons start while the cables are laid.
        let (cables, daemons) = std::thread::scope(|scope| {
            let daemons = scope.spawn(|| {
                let ovsdb = self.daemons.start_ovsdb()?;
                self.adopt(ovsdb)?;
                self.launch_vswitchd()
            });
            (builder.cables(), daemons.join().unwrap_or_else(|_| Err(LabError::Worker("OVS".to_owned()))))
        });
        cables?;
        daemons?;
        self.daemons.make_bridges(&self.plan)?;
        builder.host_addresses()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a process in the state, and keeps its handle to reap it.
    fn adopt(&self, (child, record): (Child, ProcessRecord)) -> Result<ProcessRecord, LabError> {
        let mut inner = self.inner();
        inner.state.processes.retain(ProcessRecord::alive);
        inner.state.processes.push(record.clone());
        inner.children.retain_mut(|(_, child)| matches!(child.try_wait(), Ok(None)));
        inner.children.push((record.clone(), child));
        inner.state.save(&self.dir)?;
        Ok(record)
    }

    fn launch_vswitchd(&self) -> Result<(), LabError> {
        let record = self.adopt(self.daemons.start_vswitchd()?)?;
        self.inner().vswitchd = Some(record);
        Ok(())
    }

    /// Returns the lab's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the plan of the lab.
    pub fn plan(&self) -> &LabPlan {
        &self.plan
    }

    /// Returns the name of the lab's host namespace, as `ip netns` knows it.
    pub fn host(&self) -> String {
        full(&self.id, HOST)
    }

    /// Returns the OVS_RUNDIR of the lab's Open vSwitch. The directory is removed with the lab.
    pub fn rundir(&self) -> &Path {
        &self.dir
    }

    /// Returns the name of the namespace of `name`, as `ip netns` knows it.
    pub fn namespace(&self, name: &str) -> Result<String, LabError> {
        let key = self.plan.namespace_of(name).ok_or_else(|| LabError::NoSuchPlace(name.to_owned()))?;
        Ok(full(&self.id, key))
    }

    /// Returns the name of the namespace with that key in the plan.
    pub(crate) fn full_name(&self, key: &str) -> String {
        full(&self.id, key)
    }

    /// Runs a command to its end in the namespace of `name`. A failed command is no error: check
    /// its status.
    pub fn exec(&self, name: &str, command: &[&str]) -> Result<Output, LabError> {
        let namespace = self.namespace(name)?;
        let mut ip = Command::new("ip");
        ip.args(["netns", "exec", &namespace]).args(command).env("OVS_RUNDIR", &self.dir);
        output(&mut ip, None)
    }

    /// Starts a command in the namespace of `name`, with `OVS_RUNDIR` set. It ends with the lab.
    pub fn spawn(&self, name: &str, command: &[&str]) -> Result<Spawned, LabError> {
        let namespace = self.namespace(name)?;
        let log = {
            let mut inner = self.inner();
            inner.logs += 1;
            self.dir.join(format!("{}.log", inner.logs))
        };
        let started = spawn_in(&namespace, command, &[("OVS_RUNDIR", &self.dir)], Some(&log))?;
        let record = self.adopt(started)?;
        Ok(Spawned { record, log })
    }

    /// Runs `work` on a thread inside the namespace of `name`. Sockets made there stay there, and
    /// may be returned and used from anywhere.
    pub fn within<T, F>(&self, name: &str, work: F) -> Result<T, LabError>
    where
        T: Send,
        F: FnOnce() -> T + Send,
    {
        netns::enter(&self.namespace(name)?, work)
    }

    /// Runs ovs-vsctl on the lab's Open vSwitch. Returns its output.
    pub fn vsctl(&self, args: &[&str]) -> Result<String, LabError> {
        self.daemons.vsctl(args)
    }

    /// Runs `ovs-ofctl -O OpenFlow13`. Returns its output.
    pub fn ofctl(&self, args: &[&str]) -> Result<String, LabError> {
        run(ovs_tool("ovs-ofctl", &self.dir).args(["-O", "OpenFlow13"]).args(args), None)
    }

    /// Runs ovs-appctl. Returns its output.
    pub fn appctl(&self, args: &[&str]) -> Result<String, LabError> {
        run(ovs_tool("ovs-appctl", &self.dir).args(args), None)
    }

    /// Kills ovs-vswitchd as a crash does (SIGKILL). The bridges' internal ports disappear with it.
    pub fn kill_vswitchd(&self) -> Result<(), LabError> {
        let mut inner = self.inner();
        let Some(record) = inner.vswitchd.take() else { return Ok(()) };
        record.signal(Signal::SIGKILL);
        if let Some((_, child)) = inner.children.iter_mut().find(|(r, _)| *r == record) {
            child.wait().map_err(LabError::io("waiting for ovs-vswitchd"))?;
        }
        Ok(())
    }

    /// Starts ovs-vswitchd again. On return, the bridges and the host's addresses on their internal
    /// ports are back.
    pub fn start_vswitchd(&self) -> Result<(), LabError> {
        self.launch_vswitchd()?;
        self.daemons.settle()?;
        let name = |key: &str| full(&self.id, key);
        LabBuilder { plan: &self.plan, full: &name }.host_addresses()
    }

    /// Removes a port from a bridge. Its device stays.
    pub fn del_port(&self, bridge: &str, port: &str) -> Result<(), LabError> {
        self.vsctl(&["del-port", bridge, port]).map(drop)
    }

    /// Adds a device (back) to a bridge, with a port number of the caller's choice.
    pub fn add_port(&self, bridge: &str, port: &str, number: Option<u16>) -> Result<(), LabError> {
        match number {
            Some(number) => {
                let request = format!("ofport_request={number}");
                self.vsctl(&["add-port", bridge, port, "--", "set", "interface", port, &request])
            }
            None => self.vsctl(&["add-port", bridge, port]),
        }
        .map(drop)
    }

    /// Returns whether another process took the lab down.
    pub fn is_gone(&self) -> bool {
        !self.dir.exists()
    }

    /// Takes the lab down: processes, namespaces, the directory.
    pub fn down(self) -> Result<(), LabError> {
        self.clear()
    }

    fn clear(&self) -> Result<(), LabError> {
        let mut inner = self.inner();
        if inner.down {
            return Ok(());
        }
        inner.down = true;
        let result = teardown::clear(&self.dir, &inner.state);
        for (_, child) in &mut inner.children {
            // The processes have ended. This only removes them from the process table.
            let _ = child.try_wait();
        }
        result
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            tracing::error!(id = self.id, %error, "lab could not be taken down; try `portcullis lab down --all`");
        }
    }
}

/// Returns the name of a namespace as `ip netns` knows it.
fn full(id: &str, key: &str) -> String {
    let prefix = teardown::PREFIX;
    if key.is_empty() { format!("{prefix}{id}") } else { format!("{prefix}{id}-{key}") }
}
