//! `portcullis bench`: how fast a controller is.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use loadgen::compare::{Contender, Plan, compare, suite};
use loadgen::null::Null;
use loadgen::plot::svg;
use loadgen::{self, BenchError, FrameKind, Mode, Options, Progress};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use portcullis::address::ListenAddress;

use super::Failure;
use super::output::{complain, print};

/// Interval at which the progress line is rewritten.
const LINE: Duration = Duration::from_millis(200);
/// The exit code that a shell reports of a command ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Measure a controller: an OpenFlow 1.3 load generator for any of them.
///
/// Emulates switches that send packet-ins, checks that each is answered once, in order and with the right port, and ends with exit
/// code 1 if one was not.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where the controller listens.
    #[arg(default_value = "tcp:127.0.0.1:6653")]
    target: ListenAddress,
    /// How many switches: 16, or 1 with --latency, unless this says otherwise.
    #[arg(long)]
    switches: Option<u16>,
    /// How many MACs each switch has, spread over its ports.
    #[arg(long, default_value_t = 100)]
    macs: u32,
    /// How many ports each switch has.
    #[arg(long, default_value_t = 4)]
    ports: u8,
    /// How many packet-ins of a switch may be unanswered.
    #[arg(long, default_value_t = 128)]
    outstanding: u32,
    /// Measure latency: one packet-in outstanding, on one switch unless --switches says otherwise.
    #[arg(long, conflicts_with_all = ["outstanding", "connect"])]
    latency: bool,
    /// Let so many switches connect at once, and tell when all are served: handshake done, first packet-in answered.
    #[arg(long, value_name = "SWITCHES", conflicts_with_all = ["switches", "outstanding"])]
    connect: Option<u16>,
    /// How long to measure.
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// How long to send before the clock starts.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// How long an answer may take before it counts as lost, and connecting before it counts as failed.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// What the packets are: ICMP of 98 bytes or UDP of 60, with the Ethernet header.
    #[arg(long, value_enum, default_value = "icmp")]
    frame: Frame,
    /// Name a buffer in every packet-in, as switches that keep the packets do; Open vSwitch does not.
    #[arg(long)]
    buffered: bool,
    /// The controller's process id, for its processor time by answer.
    #[arg(long)]
    pid: Option<u32>,
    /// Compare controllers with the null responder: each is started, measured and ended in turn, several times. May be repeated; the
    /// first one named is the one that the exit code is about.
    ///
    /// The command's words are separated by blanks; {port} in it stands for the port to listen at, on 127.0.0.1, {dir} for an
    /// empty directory that is removed afterwards.
    #[arg(long, value_name = "NAME=COMMAND", conflicts_with_all = ["target", "pid"])]
    compare: Vec<Contender>,
    /// With --compare: all of the works that matter in place of one: 1, 16 and 64 switches, many MACs, latency, 1,000 connecting.
    #[arg(long, requires = "compare", conflicts_with_all = ["switches", "macs", "latency", "connect"])]
    suite: bool,
    /// With --compare: how often each is measured.
    #[arg(long, requires = "compare", default_value_t = 5)]
    rounds: u32,
    /// With --compare: the core that the controllers run on. By default the first one there is, if there are two.
    #[arg(long, requires = "compare", value_name = "CORE")]
    controller_core: Option<usize>,
    /// With --compare: the core that the load generator runs on. By default the second one there is.
    #[arg(long, requires = "compare", value_name = "CORE")]
    generator_core: Option<usize>,
    /// With --compare: draw it, as SVG.
    #[arg(long, requires = "compare", value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Write what was measured as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Null(NullArgs),
}

/// Answer every packet-in of `portcullis bench` with canned bytes: what there is to win.
#[derive(Debug, Args)]
struct NullArgs {
    /// Where to listen.
    #[arg(default_value = "tcp:127.0.0.1:6653")]
    listen: ListenAddress,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Frame {
    Icmp,
    Udp,
}

impl BenchArgs {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        match &self.command {
            Some(Command::Null(args)) => null(&args.listen),
            None if self.compare.is_empty() => self.single(),
            None => self.several(),
        }
    }

    fn options(&self, target: SocketAddr) -> Options {
        let mode = match (self.latency, self.connect) {
            (true, _) => Mode::Latency,
            (_, Some(_)) => Mode::Connect,
            _ => Mode::Throughput,
        };
        Options {
            mode,
            switches: self.connect.or(self.switches).unwrap_or(if self.latency { 1 } else { 16 }),
            ports: self.ports,
            macs: self.macs,
            outstanding: self.outstanding,
            warm_up: self.warm_up,
            duration: self.duration,
            timeout: self.timeout,
            frame: match self.frame {
                Frame::Icmp => FrameKind::Icmp,
                Frame::Udp => FrameKind::Udp,
            },
            buffered: self.buffered,
            pid: self.pid,
            ..Options::new(target)
        }
    }

    fn single(self) -> Result<ExitCode, Failure> {
        let options = self.options(tcp(&self.target)?);
        let mut line = ProgressLine::new();
        let report = loadgen::run(&options, &mut |progress| {
            line.show("", progress);
            Ok(())
        });
        line.clear();
        let report = report.map_err(failure)?;
        print(&report.to_string())?;
        self.save(&report)?;
        Ok(if report.right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn several(self) -> Result<ExitCode, Failure> {
        let base = self.options(SocketAddr::from(([127, 0, 0, 1], 0)));
        let own = std::env::current_exe().into_diagnostic()?;
        let null = Contender::null(&own.to_string_lossy());
        let subject = self.compare.first().map_or(String::new(), |first| first.name.clone());
        let (controller_core, generator_core) = self.cores()?;
        let plan = Plan {
            works: if self.suite { suite(&base) } else { vec![base] },
            contenders: [null].into_iter().chain(self.compare.clone()).collect(),
            rounds: self.rounds,
            controller_core,
            generator_core,
        };
        let stop = Stop::new()?;
        let mut line = ProgressLine::new();
        let comparison = compare(&plan, &mut |what, progress| {
            line.show(what, progress);
            stop.check()
        });
        line.clear();
        let comparison = match comparison {
            Err(BenchError::Interrupted) => return Ok(ExitCode::from(INTERRUPTED)),
            other => other.map_err(failure)?,
        };
        print(&comparison.to_string())?;
        self.save(&comparison)?;
        if let Some(file) = &self.plot {
            write(file, &svg(&comparison))?;
        }
        Ok(if comparison.right(&subject) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The cores of the controllers and of this load generator: none where there is only one.
    fn cores(&self) -> Result<(Option<usize>, Option<usize>), Failure> {
        let cores = loadgen::cores().into_diagnostic().wrap_err("cannot read on which cores it may run")?;
        let (first, second) = match cores.as_slice() {
            [first, second, ..] => (Some(*first), Some(*second)),
            _ => (None, None),
        };
        Ok((self.controller_core.or(first), self.generator_core.or(second)))
    }

    fn save(&self, what: &impl serde::Serialize) -> Result<(), Failure> {
        match &self.json {
            Some(file) => write(file, &(serde_json::to_string_pretty(what).into_diagnostic()? + "\n")),
            None => Ok(()),
        }
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).into_diagnostic().wrap_err_with(|| file.display().to_string())
}

/// Tells of Ctrl-C, so that the controllers that were started are ended first.
struct Stop(SignalFd);

impl Stop {
    fn new() -> Result<Self, Failure> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            signals.add(signal);
        }
        signals.thread_block().into_diagnostic()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(&signals, flags).map(Self).into_diagnostic()
    }

    fn check(&self) -> Result<(), BenchError> {
        match self.0.read_signal() {
            Ok(Some(_)) => Err(BenchError::Interrupted),
            _ => Ok(()),
        }
    }
}

fn null(listen: &ListenAddress) -> Result<ExitCode, Failure> {
    let null = Null::bind(tcp(listen)?).into_diagnostic().wrap_err_with(|| listen.to_string())?;
    complain(format_args!("null responder at tcp:{}", null.address().into_diagnostic()?));
    null.serve().into_diagnostic()?;
    Ok(ExitCode::SUCCESS)
}

fn tcp(address: &ListenAddress) -> Result<SocketAddr, Failure> {
    match address {
        ListenAddress::Tcp(address) => Ok(*address),
        other => Err(miette!(help = "as in tcp:127.0.0.1:6653", "{other}: only TCP can be measured")),
    }
}

fn failure(error: BenchError) -> Failure {
    match error.help() {
        Some(help) => miette!(help = help, "{error}"),
        None => miette!("{error}"),
    }
}

/// The progress line: on standard error, and only for a person.
struct ProgressLine {
    shown: bool,
    terminal: bool,
    next: Instant,
}

impl ProgressLine {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { shown: false, terminal, next: Instant::now() + LINE }
    }

    fn show(&mut self, what: &str, progress: &Progress) {
        let now = Instant::now();
        if !self.terminal || now < self.next {
            return;
        }
        self.next = now + LINE;
        self.shown = true;
        let Progress { phase, served, answers_per_second, faults, seconds } = progress;
        let colon = if what.is_empty() { "" } else { ": " };
        let faults = if *faults { ", with faults" } else { "" };
        // A line that cannot be written tells nobody anything.
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[K{what}{colon}{phase}, {served} switches served, {answers_per_second:.0} answers/s, {seconds:.1} s{faults}"
        );
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
