//! `portcullis bench`: how fast a controller is.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::Failure;
use super::output::{complain, print};
use crate::bench::null::Null;
use crate::bench::{self, BenchError, FrameKind, Mode, Options, Progress};
use crate::net::Address;

/// How often the progress line is written anew.
const LINE: Duration = Duration::from_millis(200);

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
    target: Address,
    /// How many switches.
    #[arg(long, default_value_t = 16)]
    switches: u16,
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
    listen: Address,
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
            None => self.single(),
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
            switches: self.connect.unwrap_or(self.switches),
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
        let mut line = Line::new("");
        let report = bench::run(&options, &mut |progress| {
            line.show(progress);
            Ok(())
        });
        line.clear();
        let report = report.map_err(failure)?;
        print(&report.to_string())?;
        if let Some(file) = &self.json {
            let text = serde_json::to_string_pretty(&report).into_diagnostic()?;
            std::fs::write(file, text + "\n").into_diagnostic().wrap_err_with(|| file.display().to_string())?;
        }
        Ok(if report.right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn null(listen: &Address) -> Result<ExitCode, Failure> {
    let null = Null::bind(tcp(listen)?).into_diagnostic().wrap_err_with(|| listen.to_string())?;
    complain(format_args!("null responder at tcp:{}", null.address().into_diagnostic()?));
    null.serve().into_diagnostic()?;
    Ok(ExitCode::SUCCESS)
}

fn tcp(address: &Address) -> Result<SocketAddr, Failure> {
    match address {
        Address::Tcp(address) => Ok(*address),
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
struct Line {
    what: String,
    shown: bool,
    terminal: bool,
    next: Instant,
}

impl Line {
    fn new(what: &str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { what: what.to_owned(), shown: false, terminal, next: Instant::now() + LINE }
    }

    fn show(&mut self, progress: &Progress) {
        let now = Instant::now();
        if !self.terminal || now < self.next {
            return;
        }
        self.next = now + LINE;
        self.shown = true;
        let Progress { phase, served, answers_per_second, faults, seconds } = progress;
        let faults = if *faults { ", with faults" } else { "" };
        // A line that cannot be written tells nobody anything.
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[K{}{phase}: {served} switches served, {answers_per_second:.0} answers/s, {seconds:.1} s{faults}",
            self.what
        );
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
