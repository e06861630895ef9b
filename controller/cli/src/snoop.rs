//! `portcullis snoop`: what passes between a bridge and its controller.

use std::process::ExitCode;

use clap::Args;
use nix::sys::signal::{SigSet, Signal};
use ofctl::ofp_print::print_message;
use ofctl::syntax::PortNames;
use ofproto::TableId;
use ofproto::message::Message;
use portcullis::bridge::Ports;

use super::Failure;
use super::output::BufferedOutput;
use super::target::{connect, listen};

/// Verbosity of `ovs-ofctl snoop` for a message.
const VERBOSITY: u8 = 2;
/// Ports whose names are kept.
const MAX_PORTS: usize = 65_536;

/// Print what passes between a bridge and its controller, as it passes, until Ctrl-C.
///
/// Each message is printed as `ovs-ofctl snoop` prints it, but to standard output. Listens at the bridge's socket for that
/// (BRIDGE.snoop in $OVS_RUNDIR), so it changes nothing; a bridge without a controller is silent.
#[derive(Debug, Args)]
pub(super) struct Snoop {
    /// A bridge's name, or unix:PATH of its snoop socket.
    target: String,
    /// Port numbers in place of names.
    #[arg(long, overrides_with = "names")]
    no_names: bool,
    /// Names in place of port numbers: the default.
    #[arg(long)]
    names: bool,
}

impl Snoop {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        end_on_signal();
        let mut client = listen(&self.target)?;
        // A snoop socket answers nothing: the names are those of the bridge itself, where it is known.
        let by_name = !self.no_names && !self.target.contains(['/', ':']);
        let mut ports = Ports::default();
        let mut names = PortNames::new();
        let mut tables = Vec::new();
        if by_name {
            let mut switch = connect(&self.target)?;
            ports = Ports::new(&switch.ports()?);
            tables = switch.tables()?;
            names = named(&ports, &tables);
        }
        let mut out = BufferedOutput::new();
        while let Some(frame) = client.next_frame()? {
            if !self.no_names
                && let Ok((_, Message::PortStatus(status))) = Message::decode(&frame)
                && ports.apply(&status, MAX_PORTS)
            {
                names = named(&ports, &tables);
            }
            out.text(&print_message(&frame, VERBOSITY, &names))?;
            out.flush()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn named(ports: &Ports, tables: &[(TableId, String)]) -> PortNames {
    let mut names = ports.names();
    tables.iter().for_each(|(table, name)| names.insert_table(name, *table));
    names
}

/// Ends the process well on Ctrl-C or SIGTERM, between two messages.
fn end_on_signal() {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // Blocked here, so that they wait for the thread that asks for them. If that fails they end the process as usual.
    if signals.thread_block().is_ok() {
        std::thread::spawn(move || {
            if signals.wait().is_ok() {
                // Whoever prints now has the lock: nothing is cut off.
                let _printed = std::io::stdout().lock();
                std::process::exit(0);
            }
        });
    }
}
