//! Everything that can be said about a network file without a switch, beyond what its words mean: its raw lines,
//! its compiled flows, and whether a `never` can be broken.

use crate::compile::OriginKind;
use crate::finding::Finding;
use crate::lint::{lint_raw, overlaps};
use crate::network::NetworkFile;
use crate::never::{self, BridgeFlows, Report};

/// What was found, and how far the check of `never` went.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// The findings; with an error among them the file is not to be installed.
    pub findings: Vec<Finding>,
    /// The check of `never`.
    pub never: Report,
}

/// Checks a file that was read without errors.
pub fn check(file: &NetworkFile) -> Checked {
    let mut findings = lint_raw(file);
    let bridges = never::compiled(file);
    for bridge in &bridges {
        findings.extend(undefined(file, bridge));
    }
    let never = never::check(file, &bridges);
    findings.extend(never.findings(file));
    Checked { findings, never }
}

/// Two flows of one priority that a packet can match both of and that do different things: for two raw lines that
/// is a warning of the lints, for any other pair an error.
fn undefined(file: &NetworkFile, bridge: &BridgeFlows<'_>) -> Vec<Finding> {
    let span = file.bridge(bridge.name).map(|b| b.span.clone());
    let origin = |n: usize| bridge.flows.get(n).and_then(|f| bridge.origins.get(&f.cookie));
    overlaps(&bridge.flows)
        .into_iter()
        .filter_map(|(a, b)| Some((origin(a)?, origin(b)?)))
        .filter(|(a, b)| !(a.kind == OriginKind::Raw && b.kind == OriginKind::Raw))
        .map(|(a, b)| {
            let message = format!(
                "bridge {}: two flows of one priority match the same packets and do different things: {} ({}) and {} ({})",
                bridge.name, a.rule, a.detail, b.rule, b.detail
            );
            Finding::error("overlap", span.clone(), message, "give the raw line another priority, or match less with it")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::has_errors;
    use crate::network;

    const DUAL_SOCKET: &str = include_str!("../networks/dual-socket.toml");

    fn checked(text: &str) -> Checked {
        check(&network::parse(text, "test.toml").unwrap().0)
    }

    #[test]
    fn the_shipped_network_has_no_findings() {
        let checked = checked(DUAL_SOCKET);
        assert_eq!(checked.findings, vec![]);
        assert!(checked.never.packets > 10_000, "{:?}", checked.never.packets);
    }

    #[test]
    fn a_raw_line_that_joins_the_networks_is_found_out() {
        let leak = "[bridge.vmbr1]\nflows = [\"priority=65001,in_port=from-mgmt,actions=output:veth201\"]\n[bridge.vmbr0]\nflows = [\"priority=65001,ip,nw_dst=10.1.0.0/24,actions=LOCAL\"]\n[[never]]\nname=\"x\"\nfrom=\"privacy\"\nto=\"host\"\n";
        let checked = checked(&format!("{DUAL_SOCKET}\n{leak}"));
        let broken: Vec<_> = checked.findings.iter().filter(|f| f.code == "never-violated").collect();
        assert!(!broken.is_empty(), "{:#?}", checked.findings);
        assert!(broken.iter().all(|f| f.is_error() && f.span.is_some()));
    }

    #[test]
    fn a_raw_line_at_the_priority_of_a_compiled_flow_is_an_error() {
        let clash = "[bridge.vmbr0]\nflows = [\"priority=65000,in_port=veth100,actions=output:warp0\"]\n";
        let checked = checked(&format!("{DUAL_SOCKET}\n{clash}"));
        assert!(has_errors(&checked.findings));
        assert!(checked.findings.iter().any(|f| f.code == "overlap" && f.message.contains("tagged frames")));
    }
}
