//! The commands `portcullis lab up
//!
//! test
//!
//! down`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::LabError;
use super::handle::fresh_id;
use super::options::LabOptions;
use super::probe::table;
use super::proxy;
use super::session::{ProbeRound, RunningLab, Scenario, start};
use super::teardown::{LabSelection, take_down};

/// Prints like `println!`, but ignores a reader that went away, because the lab still has to be
/// taken down.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Interval at which `lab up` checks that its lab still exists.
const LOOK: Duration = Duration::from_secs(1);
/// The exit code of a command that Ctrl-C ended (128 + SIGINT), as a shell has it.
const INTERRUPTED: u8 = 130;

/// Brings a lab up, starts the controller in it, probes, and prints the table and hints. Stays
/// until Ctrl-C or SIGTERM, and then removes the whole lab. `program` is the `portcullis` to run in
/// the lab. `base` is the directory of labs, mostly [`default_base`](super::default_base).
pub async fn up(file: &Path, program: PathBuf, base: &Path) -> Result<ExitCode, LabError> {
    let mut stop = Stop::new()?;
    let scenario = Scenario::read(file, program)?;
    let (options, id) = labelled(&scenario, base);
    let work = spawn_blocking(move || {
        let running = start(&scenario, options)?;
        let good = report(&running, &scenario)?;
        Ok((running, good))
    });
    let Some((running, good)) = stop.or(work, base, &id).await? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let proxy = proxy::start(running.lab.api_socket()).await;
    print_hints(&running, proxy.as_ref().map(proxy::Proxy::address));
    let code = stay(&running, &mut stop).await;
    drop(proxy);
    let down = spawn_blocking(move || running.lab.down()).await;
    down.unwrap_or_else(|_| Err(LabError::Worker("the lab's end".to_owned())))?;
    say!("lab {id} is down");
    Ok(if good { code } else { ExitCode::FAILURE })
}

/// Brings a lab up, starts the controller in it, probes, prints the table, and takes the lab down.
/// Fails if a probe contradicts the file.
pub async fn test(file: &Path, program: PathBuf, base: &Path) -> Result<ExitCode, LabError> {
    let mut stop = Stop::new()?;
    let scenario = Scenario::read(file, program)?;
    let (options, id) = labelled(&scenario, base);
    let work = spawn_blocking(move || {
        let running = start(&scenario, options)?;
        let good = report(&running, &scenario)?;
        running.lab.down()?;
        Ok(good)
    });
    match stop.or(work, base, &id).await? {
        Some(true) => Ok(ExitCode::SUCCESS),
        Some(false) => Ok(ExitCode::FAILURE),
        None => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// Takes labs down, also those whose owner crashed, and prints their names.
pub fn down(base: &Path, which: &LabSelection) -> Result<ExitCode, LabError> {
    let ids = take_down(base, which)?;
    match ids.as_slice() {
        [] => say!("no such lab under {}", base.display()),
        ids => say!("down: {}", ids.join(", ")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns options with an id that is known before the lab exists, so that a half-built lab can be
/// taken down.
fn labelled(scenario: &Scenario, base: &Path) -> (LabOptions, String) {
    let id = fresh_id();
    (LabOptions { id: Some(id.clone()), base: Some(base.to_owned()), ..scenario.options() }, id)
}

/// Probes and prints. Returns whether all results match the file and no hidden flow is left.
fn report(running: &RunningLab, scenario: &Scenario) -> Result<bool, LabError> {
    let lab = &running.lab;
    let mut good = true;
    for ProbeRound { when, findings } in running.probe(&scenario.file)? {
        if !when.is_empty() {
            say!("{when}:");
        }
        if findings.is_empty() {
            say!("the file has no rules to probe (raw flows say nothing about who may reach whom)");
        } else {
            say!("{}", table(&findings).trim_end());
            good &= findings.iter().all(|f| f.ok);
        }
    }
    let mut hidden = 0;
    for bridge in &lab.plan().bridges {
        for flow in lab.hidden_flows(&bridge.name)? {
            say!("✗ hidden flow on {}: {flow}", bridge.name);
            hidden += 1;
        }
    }
    if hidden == 0 {
        say!("no hidden flow on {} bridges", lab.plan().bridges.len());
    }
    Ok(good && hidden == 0)
}

fn print_hints(running: &RunningLab, metrics: Option<std::net::SocketAddr>) {
    let lab = &running.lab;
    let rundir = lab.rundir().display();
    say!("\nlab {} is up; Ctrl-C takes it down. Where to look:", lab.id());
    match metrics {
        Some(address) => say!("  curl http://{address}/metrics"),
        None => say!("  curl --unix-socket {} http://lab/metrics", lab.api_socket().display()),
    }
    if let Some(bridge) = lab.plan().bridges.first() {
        say!("  OVS_RUNDIR={rundir} portcullis dump-flows {}", bridge.name);
        say!("  OVS_RUNDIR={rundir} ovs-ofctl -O OpenFlow13 --names dump-flows {}", bridge.name);
    }
    if let Some(place) = lab.plan().places.first() {
        say!("  ip netns exec {} bash      # {}", lab.full_name(&place.namespace), place.name);
    }
    say!("  portcullis status --api {}", lab.api());
    say!("  portcullis window list --api {}", lab.control());
    say!("  ip netns exec {} ip link   # the lab's host", lab.host());
    say!("  tail -f {}", running.controller.log().display());
}

async fn stay(running: &RunningLab, stop: &mut Stop) -> ExitCode {
    let mut told = false;
    loop {
        tokio::select! {
            () = stop.asked() => return ExitCode::SUCCESS,
            () = tokio::time::sleep(LOOK) => {}
        }
        if running.lab.is_gone() {
            say!("lab {} was taken down by somebody else", running.lab.id());
            return ExitCode::SUCCESS;
        }
        if !told && !running.controller.running() {
            told = true;
            say!(
                "the controller has ended; the flows stay in force. Its log: {}",
                running.controller.log().display()
            );
        }
    }
}

/// The signals SIGINT and SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Self, LabError> {
        let listen = |kind| signal(kind).map_err(LabError::io("listening for signals"));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Returns the result of some work, or `None` if a signal came first. The lab of that id is
    /// gone then. The work has lost its lab, so it fails soon, and cleans up what it made
    /// meanwhile.
    async fn or<T>(
        &mut self,
        mut work: JoinHandle<Result<T, LabError>>,
        base: &Path,
        id: &str,
    ) -> Result<Option<T>, LabError> {
        let died = |_| Err(LabError::Worker("the lab".to_owned()));
        tokio::select! {
            done = &mut work => return done.unwrap_or_else(died).map(Some),
            () = self.asked() => {}
        }
        say!("taking lab {id} down");
        let clear = || {
            let (base, which) = (base.to_owned(), LabSelection::Id(id.to_owned()));
            spawn_blocking(move || take_down(&base, &which))
        };
        // Parts that cannot be removed during the work can be once it has ended.
        let _ = clear().await;
        let _ = work.await;
        clear().await.unwrap_or_else(|_| Err(LabError::Worker("the lab's end".to_owned())))?;
        Ok(None)
    }
}
