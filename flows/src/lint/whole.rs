//! Everything that can be said about a network file without a switch, beyond what reading it says.

use super::overlap::overlaps;
use super::raw::lint_raw;
use crate::compile::{Origin, OriginKind};
use crate::finding::{Finding, has_errors};
use crate::model::Flow;
use crate::network::NetworkFile;
use crate::never::{self, BridgeFlows};

/// Lints the raw flows, compiles every bridge, looks for compiled flows that contradict each other, and checks every
/// `never`. Where raw flows cannot be read, nothing is compiled: a check of half the flows would say too much.
pub fn check(file: &NetworkFile) -> Vec<Finding> {
    let mut findings = lint_raw(file);
    if has_errors(&findings) {
        return findings;
    }
    let bridges = never::compiled(file);
    for bridge in &bridges {
        contradictions(file, bridge, &mut findings);
    }
    findings.extend(never::check(file, &bridges).findings(file));
    findings
}

/// Compiled flows of one priority that contradict each other, or a raw line: OpenFlow leaves open which one wins.
fn contradictions(file: &NetworkFile, bridge: &BridgeFlows<'_>, findings: &mut Vec<Finding>) {
    let origin = |n: usize| -> Option<(&Flow, &Origin)> {
        let flow = bridge.flows.get(n)?;
        Some((flow, bridge.origins.get(&flow.cookie)?))
    };
    for (a, b) in overlaps(&bridge.flows) {
        let (Some((flow, a)), Some((_, b))) = (origin(a), origin(b)) else { continue };
        let name = |o: &Origin| format!("{} {} ({})", o.kind.label(), o.rule, o.detail);
        let place = format!("on {}, table {}, priority {}", bridge.name, flow.table.0, flow.priority);
        match (a.kind == OriginKind::Raw, b.kind == OriginKind::Raw) {
            // Told with their places by the lints of raw flows.
            (true, true) => {}
            (false, false) => findings.push(Finding::error(
                "compiled-overlap",
                None,
                format!("{} and {} contradict each other {place}", name(a), name(b)),
                "two rules of the file claim the same packets: narrow one of them",
            )),
            (raw_first, _) => {
                let (raw, other) = if raw_first { (a, b) } else { (b, a) };
                let line =
                    file.bridge(bridge.name).and_then(|b| b.flows.iter().find(|f| f.line == raw.detail));
                findings.push(Finding::warning(
                    "overlap",
                    line.map(|l| l.span.clone()),
                    format!("this flow and {} contradict each other {place}", name(other)),
                    "give the line another priority, or narrow its match",
                ));
            }
        }
    }
}
