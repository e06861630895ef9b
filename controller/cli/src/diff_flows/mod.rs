//! `portcullis diff-flows`: in what two sets of flows differ.

mod order;
mod source;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use flows::Flow;
use flows::diff::same;
use ofctl::syntax::{Names, NoNames, print_actions, print_match};

use self::order::FlowsSideBySide;
use self::source::FlowsSource;
pub(super) use self::source::{from_switch, lines};
use super::Failure;
use super::exit::DIFFERENT;
use super::output::{BufferedOutput, complain};

/// Print in what two sets of flows differ, as `ovs-ofctl -O OpenFlow13 --names diff-flows` does.
///
/// A and B are each a file of flows, a network file with the name of a bridge behind it (network.toml#vmbr0), or a switch.
/// What begins with / or . is a file and what has a colon is a switch; anything else is a file if there is one, and a switch
/// if not. The bridge of a network file may be left out where the other is a switch.
///
/// A flow that is only in A is printed behind a -, one that is only in B behind a +, and one with other actions, cookie or
/// timeouts in both ways: by table, and within one in the order of `ovs-ofctl`, which keeps together what matches the same
/// fields. Exit code 0: no difference; 2: differences; 1: an error. Beside a
/// network file, flows that the switch learned for one of its rules are no difference, and neither is the time that is left to a
/// flow which ends when the file says.
#[derive(Debug, Args)]
pub(super) struct DiffFlows {
    /// The one.
    a: String,
    /// The other.
    b: String,
    /// Port numbers in place of names.
    #[arg(long, overrides_with = "names")]
    no_names: bool,
    /// Names in place of port numbers: the default.
    #[arg(long)]
    names: bool,
}

impl DiffFlows {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let (a, b) = (FlowsSource::new(&self.a)?, FlowsSource::new(&self.b)?);
        // A switch knows the ports that a file speaks of; without one, those of a network file are numbered in its order.
        let ports = a.ports().or(b.ports()).cloned();
        let bridge = ports.as_ref().and_then(|ports| ports.bridge());
        let table = match &ports {
            Some(ports) => Some(ports.names()),
            None => a.assumed_names()?.or(b.assumed_names()?),
        };
        let names: &dyn Names = match &table {
            Some(table) if !self.no_names => table,
            _ => &NoNames,
        };
        let (a, b) = (a.flows(names, ports.as_ref(), bridge)?, b.flows(names, ports.as_ref(), bridge)?);
        let desired = b.desired().or(a.desired());
        let mut left_out = 0;
        let mut tables = FlowsSideBySide::default();
        for (set, flows) in [&a, &b].into_iter().enumerate() {
            let (flows, learned) = flows.beside(desired);
            left_out += learned;
            flows.into_iter().for_each(|flow| tables.insert(flow, set));
        }
        let different = print(tables, names)?;
        if left_out > 0 {
            complain(format_args!(
                "{left_out} learned flows are left out: the file's rules account for them"
            ));
        }
        Ok(if different { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
    }
}

/// Prints the differences; whether there are any.
fn print(tables: FlowsSideBySide, names: &dyn Names) -> Result<bool, Failure> {
    let mut out = BufferedOutput::new();
    let mut line = String::new();
    let mut different = false;
    for versions in tables.into_flows() {
        if let [Some(old), Some(new)] = &versions
            && alike(old, new)
        {
            continue;
        }
        different = true;
        for (sign, flow) in ['-', '+'].into_iter().zip(versions) {
            let Some(flow) = flow else { continue };
            line.clear();
            line.push(sign);
            put(&mut line, &flow, names);
            out.text(&line)?;
        }
    }
    out.flush()?;
    Ok(different)
}

/// Whether two versions of a flow do the same. Flags do not count, as they do not for `ovs-ofctl`: a file may say what a
/// switch does not keep.
fn alike(a: &Flow, b: &Flow) -> bool {
    same(&Flow { flags: b.flags, ..a.clone() }, b)
}

/// The line of a flow, which is not that of a dump.
fn put(line: &mut String, flow: &Flow, names: &dyn Names) {
    if flow.table.0 != 0 {
        let _ = write!(line, "table={} ", flow.table.0);
    }
    let matches = print_match(&flow.matches, names);
    if flow.priority != DEFAULT_PRIORITY {
        let comma = if matches.is_empty() { "" } else { "," };
        let _ = write!(line, "priority={}{comma}", flow.priority);
    }
    line.push_str(&matches);
    if flow.cookie.0 != 0 {
        let _ = write!(line, " cookie={}", flow.cookie);
    }
    for (name, value) in [
        ("idle_timeout", flow.idle_timeout),
        ("hard_timeout", flow.hard_timeout),
        ("importance", flow.importance),
    ] {
        if value != 0 {
            let _ = write!(line, " {name}={value}");
        }
    }
    let _ = writeln!(line, " actions={}", print_actions(&flow.instructions, names));
}

/// What is not printed, because a flow that does not say has it.
const DEFAULT_PRIORITY: u16 = 0x8000;
