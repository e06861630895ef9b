//! A controller of a comparison: started on its core, and ended in every case.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::contender::Contender;
use super::cpu;
use super::error::BenchError;
use super::fleet::FleetWatch;
use crate::Progress;

/// Time that a controller has to start listening.
const START: Duration = Duration::from_secs(10);
/// Time that a controller has to end by itself.
const GRACE: Duration = Duration::from_millis(1500);
/// Number of bytes reported from the end of its output.
const LAST_WORDS: u64 = 600;

/// A running controller. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Controller {
    child: Child,
    log: File,
    /// The directory for its files, which is removed with it.
    _dir: TempDir,
    name: String,
    /// The address that it listens at.
    pub(super) address: SocketAddr,
}

impl Controller {
    /// Starts the controller on a free port, on this core if one is given, and waits until it
    /// listens.
    ///
    /// # Errors
    /// Returns [`BenchError::Start`] with the end of its output, or the error that `watch` returns.
    pub(super) fn start(
        contender: &Contender,
        core: Option<usize>,
        watch: FleetWatch<'_>,
    ) -> Result<Self, BenchError> {
        let fail = |why: String| BenchError::Start { name: contender.name.clone(), why };
        let address = free().map_err(BenchError::system("find a free port"))?;
        let dir = tempfile::tempdir().map_err(BenchError::system("make a temporary directory"))?;
        let (program, arguments) =
            contender.words(address.port(), &dir.path().to_string_lossy()).map_err(fail)?;
        let log = tempfile::tempfile().map_err(BenchError::system("make a temporary file"))?;
        let output = log.try_clone().and_then(|one| Ok((one, log.try_clone()?)));
        let (stdout, stderr) = output.map_err(BenchError::system("share a temporary file"))?;
        let mut command = Command::new(&program);
        command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child =
            on(core, || command.spawn())?.map_err(|e| fail(format!("cannot start {program}: {e}")))?;
        let mut controller = Self { child, log, _dir: dir, name: contender.name.clone(), address };
        controller.wait(watch)?;
        Ok(controller)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait(&mut self, watch: FleetWatch<'_>) -> Result<(), BenchError> {
        let began = Instant::now();
        loop {
            self.alive()?;
            if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            let seconds = began.elapsed().as_secs_f64();
            if began.elapsed() > START {
                let (address, said) = (self.address, self.process_output());
                let why = format!("nobody listens at tcp:{address} after {seconds:.0} s{said}");
                return Err(BenchError::Start { name: self.name.clone(), why });
            }
            let (served, answers_per_second, faults) = (0, 0.0, false);
            watch(&Progress { phase: "starting", served, answers_per_second, faults, seconds })?;
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Checks that the process still runs.
    ///
    /// # Errors
    /// Returns an error if the process has ended, or if the system cannot tell.
    pub(super) fn alive(&mut self) -> Result<(), BenchError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let why = format!("it ended, {status}{}", self.process_output());
                Err(BenchError::Start { name: self.name.clone(), why })
            }
            Err(source) => Err(BenchError::System { what: "wait for a controller", source }),
        }
    }

    /// Returns the end of its output.
    fn process_output(&mut self) -> String {
        let mut text = Vec::new();
        let length = self.log.metadata().map_or(0, |meta| meta.len());
        let from = SeekFrom::Start(length.saturating_sub(LAST_WORDS));
        let read = self.log.seek(from).and_then(|_| self.log.read_to_end(&mut text));
        match String::from_utf8_lossy(&text).trim() {
            said if read.is_ok() && !said.is_empty() => format!("; it said: {said}"),
            _ => String::new(),
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id())
            && matches!(self.child.try_wait(), Ok(None))
        {
            // The process is not reaped yet, so the pid still belongs to it.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a closure on a core. Threads and processes that it starts stay on that core.
fn on<T>(core: Option<usize>, what: impl FnOnce() -> T) -> Result<T, BenchError> {
    let Some(core) = core else { return Ok(what()) };
    let before = cpu::cores().map_err(BenchError::system("read on which cores it may run"))?;
    cpu::pin(&[core]).map_err(BenchError::system("pin the controller to its core"))?;
    let done = what();
    cpu::pin(&before).map_err(BenchError::system("go back to the core before"))?;
    Ok(done)
}

/// Returns a loopback address with a port that is free now.
fn free() -> std::io::Result<SocketAddr> {
    std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
