//! The command line: one file a command.

mod attach;
mod check;
mod compile;
mod dump_flows;
mod finding;
mod lab;
mod output;
mod run;
mod status;
mod target;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// An OpenFlow 1.3 controller for Open vSwitch that keeps isolated networks isolated.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100)]
struct Cli {
    /// More in the log; twice for everything. RUST_LOG has the last word.
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Check(check::Check),
    Compile(compile::Compile),
    DumpFlows(dump_flows::DumpFlows),
    Attach(attach::Attach),
    Detach(attach::Detach),
    Lab(lab::LabArgs),
    Status(status::StatusArgs),
}

/// Why a command failed.
type Failure = miette::Report;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.verbose);
    let done = match cli.command {
        Command::Run(args) => args.execute(),
        Command::Check(args) => args.execute(),
        Command::Compile(args) => args.execute(),
        Command::DumpFlows(args) => args.execute(),
        Command::Attach(args) => args.execute(),
        Command::Detach(args) => args.execute(),
        Command::Lab(args) => args.execute(),
        Command::Status(args) => args.execute(),
    };
    done.unwrap_or_else(|failure| {
        output::complain(format_args!("{failure:?}"));
        ExitCode::FAILURE
    })
}

/// The log goes to standard error: standard output is for what a command prints.
fn log(verbose: u8) {
    let level = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
