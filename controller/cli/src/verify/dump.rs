//! Flows from a dump, and the numbers of their ports.
//!
//! Port numbers are also values of a register, so names alone are not enough. The flows that output
//! by the register tell the number behind each name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flows::Flow;
use flows::compile::PortMap;
use flows::compile::layout::forwarded_port;
use miette::miette;
use ofctl::syntax::{NoNames, SyntaxErrorKind, parse_flow};
use ofproto::PortNo;
use ofproto::action::Action;
use portcullis::policy::Policy;

use super::super::diff_flows::lines;
use super::super::{Failure, syntax};

/// The first number of ports whose number does not matter. Open vSwitch gives lower ones first.
const FREE: u32 = 40_000;

/// Reads the flows of a bridge, and its ports if they are not told.
pub(super) fn read(
    policy: &Policy,
    bridge: &str,
    path: &Path,
    told: Option<&PortMap>,
) -> Result<(PortMap, Vec<Flow>), Failure> {
    // A dump begins with a line of its own.
    let is_flow = |(_, line): &(usize, String)| line.contains("actions=");
    let lines: Vec<(usize, String)> = lines(path)?.into_iter().filter(is_flow).collect();
    let refused = |why: String| {
        let help = format!("say the numbers of the ports: --ports {bridge}=NAME:NUMBER,…");
        miette!(help = help, "{}: {why}", path.display())
    };
    if let Some(told) = told {
        let mut ports = told.clone();
        let flows = parse(path, &lines, &mut ports)?;
        return Ok((ports, flows));
    }
    if let Some((number, _)) = lines.iter().find(|(_, line)| has_numbers(line)) {
        return Err(refused(format!("line {number} has the number of a port")));
    }
    let mut seen = PortMap::new();
    let flows = parse(path, &lines, &mut seen)?;
    let of_file: BTreeSet<&str> = policy.file.bridge_ports(bridge).into_iter().collect();
    let mut numbers: BTreeMap<PortNo, BTreeSet<PortNo>> = BTreeMap::new();
    for (number, out) in flows.iter().filter_map(forwarded_port) {
        numbers.entry(out).or_default().insert(number);
    }
    let mut ports = PortMap::new();
    for (name, seen) in &seen {
        let told = numbers.get(seen).filter(|told| told.len() == 1).and_then(|told| told.first());
        match told {
            Some(number) => _ = ports.insert(name.clone(), *number),
            // Only flows that output by the register need the numbers of the file's ports.
            None if !numbers.is_empty() && of_file.contains(name.as_str()) => {
                return Err(refused(format!("no flow tells the number of port {name:?}")));
            }
            None => _ = ports.insert(name.clone(), *seen),
        }
    }
    let different: BTreeSet<PortNo> = ports.values().copied().collect();
    if different.len() < ports.len() {
        return Err(refused("two ports have one number".to_owned()));
    }
    let flows = parse(path, &lines, &mut ports)?;
    Ok((ports, flows))
}

/// Parses flows. A new name of a port gets a new number.
fn parse(path: &Path, lines: &[(usize, String)], ports: &mut PortMap) -> Result<Vec<Flow>, Failure> {
    let mut flows = Vec::new();
    for (number, line) in lines {
        let flow = loop {
            match parse_flow(line, &*ports) {
                Ok(flow) => break flow,
                Err(error) => match &error.kind {
                    SyntaxErrorKind::UnknownPort(name) if !ports.contains_key(name) => {
                        let next = ports.values().map(|port| port.0 + 1).max().unwrap_or(0).max(FREE);
                        ports.insert(name.clone(), PortNo(next));
                    }
                    _ => {
                        let what = format!("{}, line {number}", path.display());
                        return Err(syntax::in_text(&error, &what, line));
                    }
                },
            }
        };
        flows.push(flow);
    }
    Ok(flows)
}

/// Returns whether a line has the number of a port instead of its name.
fn has_numbers(line: &str) -> bool {
    let Ok(flow) = parse_flow(line, &NoNames) else { return false };
    let is_number = |port: PortNo| port < PortNo::MAX;
    flow.matches.in_port().is_some_and(is_number)
        || flow.actions().any(|action| matches!(action, Action::Output { port, .. } if is_number(*port)))
}
