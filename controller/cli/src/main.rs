//! The `portcullis` command: one file a command.

mod attach;
mod bench;
mod capture;
mod check;
mod compile;
mod container;
mod control;
mod denied;
mod diff_flows;
mod diff_reach;
mod dump;
mod dump_flows;
mod exit;
mod finding;
mod import;
mod lab;
mod matrix;
mod network;
mod ofp_print;
mod output;
mod parse_flow;
mod proof;
mod question;
mod reach;
mod run;
mod schema;
mod snoop;
mod status;
mod syntax;
mod target;
mod verify;
mod why;
mod window;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use ofproto::message::multipart::MultipartRequestBody as Ask;
use portcullis::log_limit::LogLimit;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// An OpenFlow 1.3 controller for Open vSwitch that keeps isolated networks isolated.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100, after_help = exit::HELP)]
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
    Verify(verify::Verify),
    Why(why::Why),
    Reach(reach::Reach),
    DiffReach(diff_reach::DiffReach),
    Matrix(matrix::MatrixArgs),
    Import(import::Import),
    Schema(schema::Schema),
    DumpFlows(dump_flows::DumpFlows),
    /// Print the sums over flows, as `ovs-ofctl dump-aggregate` does.
    DumpAggregate(dump::DumpOne),
    /// Print what a switch is, its ports and its configuration, as `ovs-ofctl show` does.
    Show(dump::Dump),
    /// Print what the switch says of itself, as `ovs-ofctl dump-desc` does.
    DumpDesc(dump::Dump),
    /// Print the tables' counters, as `ovs-ofctl dump-tables` does.
    DumpTables(dump::Dump),
    /// Print the ports' counters, as `ovs-ofctl dump-ports` does.
    DumpPorts(dump::DumpOne),
    /// Print the ports, as `ovs-ofctl dump-ports-desc` does.
    DumpPortsDesc(dump::DumpOne),
    /// Print the groups, as `ovs-ofctl dump-groups` does.
    DumpGroups(dump::DumpOne),
    /// Print the groups' counters, as `ovs-ofctl dump-group-stats` does.
    DumpGroupStats(dump::DumpOne),
    /// Print what groups the switch can have, as `ovs-ofctl dump-group-features` does.
    DumpGroupFeatures(dump::Dump),
    /// Print the meters, as `ovs-ofctl dump-meters` does.
    DumpMeters(dump::DumpOne),
    /// Print the meters' counters, as `ovs-ofctl meter-stats` does.
    MeterStats(dump::DumpOne),
    /// Print what meters the switch can have, as `ovs-ofctl meter-features` does.
    MeterFeatures(dump::Dump),
    DiffFlows(diff_flows::DiffFlows),
    Snoop(snoop::Snoop),
    ParseFlow(parse_flow::ParseFlow),
    ParseFlows(parse_flow::ParseFlows),
    OfpPrint(ofp_print::OfpPrint),
    OfpParse(ofp_print::OfpParse),
    OfpParsePcap(ofp_print::OfpParsePcap),
    Attach(attach::Attach),
    Detach(attach::Detach),
    Lab(lab::LabArgs),
    Status(status::StatusArgs),
    Denied(denied::DeniedArgs),
    Window(window::WindowArgs),
    Container(container::ContainerArgs),
    Network(network::NetworkArgs),
    Bench(bench::BenchArgs),
}

/// Why a command failed.
type Failure = miette::Report;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody may read any further.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    // The peers of a daemon decide how much it has to log.
    let limit = matches!(cli.command, Command::Run(_)).then(LogLimit::default);
    log(cli.verbose, limit.clone());
    let done = match cli.command {
        Command::Run(args) => args.execute(limit.unwrap_or_default()),
        Command::Check(args) => args.execute(),
        Command::Compile(args) => args.execute(),
        Command::Verify(args) => args.execute(),
        Command::Why(args) => args.execute(),
        Command::Reach(args) => args.execute(),
        Command::DiffReach(args) => args.execute(),
        Command::Matrix(args) => args.execute(),
        Command::Import(args) => args.execute(),
        Command::Schema(args) => args.execute(),
        Command::DumpFlows(args) => args.execute(),
        Command::DumpAggregate(args) => args.aggregate(),
        Command::Show(args) => args.show(),
        Command::DumpDesc(args) => args.execute(Ask::Desc),
        Command::DumpTables(args) => args.execute(Ask::Table),
        Command::DumpPorts(args) => args.ports(),
        Command::DumpPortsDesc(args) => args.ports_desc(),
        Command::DumpGroups(args) => args.groups(),
        Command::DumpGroupStats(args) => args.group_stats(),
        Command::DumpGroupFeatures(args) => args.execute(Ask::GroupFeatures),
        Command::DumpMeters(args) => args.meters(Ask::MeterConfig),
        Command::MeterStats(args) => args.meters(Ask::Meter),
        Command::MeterFeatures(args) => args.execute(Ask::MeterFeatures),
        Command::DiffFlows(args) => args.execute(),
        Command::Snoop(args) => args.execute(),
        Command::ParseFlow(args) => args.execute(),
        Command::ParseFlows(args) => args.execute(),
        Command::OfpPrint(args) => args.execute(),
        Command::OfpParse(args) => args.execute(),
        Command::OfpParsePcap(args) => args.execute(),
        Command::Attach(args) => args.execute(),
        Command::Detach(args) => args.execute(),
        Command::Lab(args) => args.execute(),
        Command::Status(args) => args.execute(),
        Command::Denied(args) => args.execute(),
        Command::Window(args) => args.execute(),
        Command::Container(args) => args.execute(),
        Command::Network(args) => args.execute(),
        Command::Bench(args) => args.execute(),
    };
    done.unwrap_or_else(|failure| {
        if failure.downcast_ref::<output::OutputClosed>().is_some() {
            return ExitCode::SUCCESS;
        }
        if failure.downcast_ref::<finding::AlreadyPrinted>().is_some() {
            return ExitCode::FAILURE;
        }
        output::report(&failure);
        ExitCode::FAILURE
    })
}

/// The log goes to standard error: standard output is for what a command prints.
fn log(verbose: u8, limit: Option<LogLimit>) {
    let level = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // It would panic where nobody reads standard error.
        .log_internal_errors(false);
    tracing_subscriber::registry().with(filter).with(limit).with(lines).init();
}
