//! Lints of the raw flow lines of a network file.

use std::ops::Range;

use flow_model::Flow;
use ofctl::syntax::{PortNames, SyntaxError, SyntaxErrorKind, parse_flow_with_warnings};
use ofproto::action::{Action, LearnSpec};
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};

use super::overlap::overlaps;
use super::tables::looked_up;
use crate::finding::Finding;
use crate::finding_code::FindingCode;
use crate::learner::Learner;
use crate::network::{Bridge, LearnBy, NetworkFile, RawFlow};

/// A line that was parsed.
struct RawLine<'f> {
    raw: &'f RawFlow,
    flow: Flow,
}

/// Lints the raw flows of every bridge of the file, in the order of the file. A line that cannot be
/// installed is an error; a line that will not act as its writer expects is a warning.
pub fn lint_raw(file: &NetworkFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for bridge in &file.bridges {
        lint_bridge(file, bridge, &mut findings);
    }
    findings.sort_by_key(|f| f.span.as_ref().map_or(0, |s| s.start));
    findings
}

fn lint_bridge(file: &NetworkFile, bridge: &Bridge, findings: &mut Vec<Finding>) {
    let names: PortNames = numbered(file, &bridge.name).collect();
    let mut lines = Vec::new();
    for raw in &bridge.flows {
        match parse_flow_with_warnings(&raw.line, &names) {
            Ok(parsed) => {
                for warning in parsed.warnings {
                    findings.push(Finding::warning(
                        FindingCode::FlowNotAsWritten,
                        part(raw, &warning.span),
                        warning.message,
                        "write it as it will be, so that file and switch say the same",
                    ));
                }
                lines.push(RawLine { raw, flow: parsed.flow });
            }
            Err(error) => findings.push(refused(file, bridge, raw, error)),
        }
    }
    let flows: Vec<Flow> = lines.iter().map(|l| l.flow.clone()).collect();
    contradictions(&lines, &flows, findings);
    learning(file, bridge, &lines, findings);
    normal(file, bridge, &lines, findings);
    if bridge.learn == LearnBy::Controller {
        executed(&lines, findings);
        if let Some(line) = lines.first().filter(|_| bridge.learning.is_some()) {
            findings.push(Finding::error(
                FindingCode::LearnBesideLearning,
                line.raw.span.clone(),
                format!(
                    "`learn` of bridge {} means nothing: what a learning switch sends to the controller is not looked at \
                     otherwise",
                    bridge.name
                ),
                "take `learning` away, or let the switch learn (learn = \"switch\")",
            ));
        }
    }
}

/// Checks the lines that the controller executes: whether it can, and whether it can identify the
/// line of a packet.
fn executed(lines: &[RawLine<'_>], findings: &mut Vec<Finding>) {
    for (n, line) in lines.iter().enumerate() {
        match Learner::of(&line.flow) {
            None => continue,
            Some(Err(unfit)) => findings.push(Finding::error(
                FindingCode::LearnByController,
                line.raw.span.clone(),
                format!("the controller cannot execute this line: {unfit}"),
                "leave that out, or let the switch learn (learn = \"switch\")",
            )),
            Some(Ok(_)) => {}
        }
        let same = |other: &RawLine<'_>| {
            (other.flow.table, other.flow.cookie) == (line.flow.table, line.flow.cookie)
        };
        let other = lines.iter().enumerate().find(|(m, other)| *m != n && same(other));
        if let Some((_, other)) = other {
            findings.push(Finding::error(
                FindingCode::LearnCookie,
                line.raw.span.clone(),
                format!(
                    "{:?} has the same cookie in the same table: the controller could not tell for which of the two a packet came",
                    other.raw.line
                ),
                "give each line with learn a cookie of its own: cookie=1,…",
            ));
        }
    }
}

/// Returns the ports that the file gives a bridge, with numbers.
fn numbered<'f>(file: &'f NetworkFile, bridge: &str) -> impl Iterator<Item = (&'f str, PortNo)> {
    file.bridge_ports(bridge).into_iter().filter(|p| *p != "LOCAL").zip((1..).map(PortNo))
}

/// Returns the place of a part of a line in the file. A line with escapes, or in a JSON file, has
/// no such place: then it is the whole line.
fn part(raw: &RawFlow, of_line: &Range<usize>) -> Range<usize> {
    // Between the quotes: none, one, or three on each side.
    let quotes = raw.span.len().checked_sub(raw.line.len());
    let skip = match quotes {
        Some(0) => 0,
        Some(2) => 1,
        Some(6) => 3,
        _ => return raw.span.clone(),
    };
    let at = |offset: usize| raw.span.start + skip + offset;
    at(of_line.start)..at(of_line.end)
}

fn refused(file: &NetworkFile, bridge: &Bridge, raw: &RawFlow, error: SyntaxError) -> Finding {
    let span = part(raw, &error.span);
    let SyntaxErrorKind::UnknownPort(port) = &error.kind else {
        return Finding::error(
            FindingCode::FlowSyntax,
            span,
            format!("this flow cannot be read: {}", error.message),
            error.help.unwrap_or_default(),
        );
    };
    let name = &bridge.name;
    // The far end of a wire is easily mistaken for the near one.
    let near = file.links.iter().find_map(|link| {
        let [a, b] = &link.ends;
        let (near, far) = if a.bridge == *name { (a, b) } else { (b, a) };
        (near.bridge == *name && far.port == *port).then_some(near)
    });
    let elsewhere = file.bridges.iter().find(|b| file.bridge_ports(&b.name).contains(&port.as_str()));
    let (message, help) = match (near, elsewhere) {
        (Some(near), Some(other)) => (
            format!("{name} has no port {port}: it is the end of the wire that {} has", other.name),
            format!("the end of that wire on {name} is {}", near.port),
        ),
        (_, Some(other)) => (
            format!("{name} has no port {port}: it is a port of {}", other.name),
            format!("output only to ports of {name}; a wire to {} is a [link]", other.name),
        ),
        _ => (
            format!("{name} has no port {port}"),
            format!("add it to the ports of [bridge.{name}], or correct the name"),
        ),
    };
    Finding::error(FindingCode::UnknownPort, span, message, help)
}

/// Reports contradictory lines of one priority at the first of them.
fn contradictions(lines: &[RawLine<'_>], flows: &[Flow], findings: &mut Vec<Finding>) {
    let mut pairs = overlaps(flows);
    pairs.dedup_by_key(|p| *p);
    let pairs: Vec<(&RawLine<'_>, &RawLine<'_>)> =
        pairs.into_iter().filter_map(|(a, b)| Some((lines.get(a)?, lines.get(b)?))).collect();
    let mut at = None;
    for (line, other) in &pairs {
        if line.flow.matches == other.flow.matches {
            findings.push(Finding::warning(
                FindingCode::FlowReplaced,
                other.raw.span.clone(),
                format!("this flow replaces {:?}: table, priority and match are the same", line.raw.line),
                "keep one of the two",
            ));
            continue;
        }
        if at == Some(line.raw.span.start) {
            continue;
        }
        at = Some(line.raw.span.start);
        let others: Vec<&str> = pairs
            .iter()
            .filter(|(a, b)| a.raw.span == line.raw.span && a.flow.matches != b.flow.matches)
            .map(|(_, b)| b.raw.line.as_str())
            .collect();
        let more = others.len().checked_sub(3).filter(|n| *n > 0);
        let shown: Vec<String> = others.iter().take(3).map(|o| format!("{o:?}")).collect();
        findings.push(Finding::warning(
            FindingCode::Overlap,
            line.raw.span.clone(),
            format!(
                "some packets match this flow and, with the same priority {}, also {}{}: which one they take is \
                 undefined",
                line.flow.priority,
                shown.join(" and "),
                more.map(|n| format!(" and {n} more")).unwrap_or_default(),
            ),
            "give one of them a higher priority, or narrow its match (with in_port, say)",
        ));
    }
}

fn learning(file: &NetworkFile, bridge: &Bridge, lines: &[RawLine<'_>], findings: &mut Vec<Finding>) {
    let flows: Vec<&Flow> = lines.iter().map(|l| &l.flow).collect();
    // A bridge of networks also has the compiled tables.
    let compiled = if file.networks_on(&bridge.name).next().is_some() { 0..=3 } else { 0..=0 };
    let looked_up = looked_up(&flows, compiled.map(TableId));
    let exits: Vec<(PortNo, &str)> = numbered(file, &bridge.name)
        .filter(|(name, _)| file.exits_on(&bridge.name).any(|e| e.port == *name))
        .map(|(name, port)| (port, name))
        .collect();
    for line in lines {
        for learn in line.flow.learns() {
            let span = || line.raw.span.clone();
            let table = learn.table.0;
            if !looked_up.contains(&learn.table) {
                findings.push(Finding::warning(
                    FindingCode::LearnedTableUnused,
                    span(),
                    format!("learn fills table {table}, and no flow ever looks there"),
                    format!("resubmit(,{table}) or goto_table:{table} in a flow that packets come to"),
                ));
            }
            let in_port = line.flow.matches.exact(Field::InPortOxm);
            let exit = exits.iter().find(|(port, _)| in_port == Some(port.0.into()));
            let towards_it = learn.specs.iter().any(|spec| {
                matches!(spec, LearnSpec::Output { src }
                    if matches!(src.field, Field::InPort | Field::InPortOxm))
            });
            if let Some((_, exit)) = exit.filter(|_| towards_it) {
                findings.push(Finding::warning(
                    FindingCode::LearnWrongDirection,
                    span(),
                    format!(
                        "learn on what comes in from {exit} writes flows towards {exit}: it teaches the way out, and \
                         anyone outside can write it"
                    ),
                    format!(
                        "learn the way back on the way out: in the flows that output to {exit}, with in_port={exit} and \
                         source and destination exchanged"
                    ),
                ));
            }
            if learn.limit == 0 {
                findings.push(Finding::warning(
                    FindingCode::LearnWithoutLimit,
                    span(),
                    "learn has no limit: a scan fills the table",
                    "learn(limit=10000,…)",
                ));
            }
        }
    }
}

/// Reports NORMAL, which isolates nothing: it outputs wherever a MAC address was last seen, LOCAL
/// included.
fn normal(file: &NetworkFile, bridge: &Bridge, lines: &[RawLine<'_>], findings: &mut Vec<Finding>) {
    let depends = file.networks.len() > 1
        || !file.links.is_empty()
        || !file.exits.is_empty()
        || !file.nevers.is_empty();
    if !depends {
        return;
    }
    for line in lines {
        let mut ports = line.flow.actions();
        if ports.any(|a| matches!(a, Action::Output { port: PortNo::NORMAL, .. })) {
            findings.push(Finding::warning(
                FindingCode::NormalAsIsolation,
                line.raw.span.clone(),
                format!(
                    "NORMAL forwards by MAC address alone, to any port of {} and to the host: it keeps nothing \
                     apart, and a host that forwards joins its bridges",
                    bridge.name
                ),
                "name the port to output to and drop the rest, or describe networks and rules and let them be \
                 compiled",
            ));
        }
    }
}
