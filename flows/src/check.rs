//! Everything that can be said about a network file without a switch, beyond what its words mean: its raw lines,
//! its compiled flows, and whether a `never` can be broken.

use crate::compile::OriginKind;
use crate::finding::Finding;
use crate::lint::{lint_raw, overlaps};
use crate::network::{self, NetworkFile};
use crate::never::{self, BridgeFlows, Report};

/// What was found, and how far the check of `never` went.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// The findings, notes among them; with an error among them the file is not to be installed.
    pub findings: Vec<Finding>,
    /// The check of `never`.
    pub never: Report,
}

/// Checks a file that was read without errors.
pub fn check(file: &NetworkFile) -> Checked {
    let mut findings = network::notes(file);
    findings.extend(lint_raw(file));
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
    use crate::finding::{Severity, has_errors};

    const DUAL_SOCKET: &str = include_str!("../networks/dual-socket.toml");

    fn checked(text: &str) -> Checked {
        check(&network::parse(text, "test.toml").unwrap().0)
    }

    #[test]
    fn the_shipped_network_has_no_findings() {
        let checked = checked(DUAL_SOCKET);
        let notes = |finding: &Finding| finding.severity == Severity::Note;
        assert!(checked.findings.iter().all(notes), "{:#?}", checked.findings);
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

    /// The notes of a text.
    fn notes(text: &str) -> Vec<String> {
        let checked = checked(text);
        assert!(!has_errors(&checked.findings), "{:#?}", checked.findings);
        let notes = checked.findings.iter().filter(|finding| finding.severity == Severity::Note);
        notes.map(|note| note.render("", text)).collect()
    }

    const NETWORK: &str = "[network.a]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n";

    #[test]
    fn rules_that_no_bridge_enforces_are_said() {
        let text = format!(
            "{NETWORK}[endpoint.x]\nattach = [{{ network = \"a\", port = \"x\", addresses = [\"10.0.0.1\"] }}]\n\
             [endpoint.y]\nattach = [{{ network = \"a\", port = \"y\", addresses = [\"10.0.0.2\"] }}]\n\
             [overlay.o]\nprotocol = \"udp\"\nports = [4242]\nmembers = {{ x = \"10.42.0.1\", y = \"10.42.0.2\" }}\n\
             [[allow]]\nname = \"in\"\nfrom = \"x\"\nto = \"y\"\noverlay = \"o\"\n\
             [[allow]]\nname = \"at\"\nfrom = \"x\"\nto = \"x\"\nelsewhere = \"docker0\"\n\
             [[allow]]\nname = \"here\"\nfrom = \"x\"\nto = \"y\"\n"
        );
        insta::assert_snapshot!(notes(&text).join("\n"));
    }

    #[test]
    fn a_gateway_has_an_owner_or_none() {
        let text = "[network.a]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
             gateway = [\"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\", \"10.0.0.4\", \"10.0.0.129\"]\n\
             [endpoint.x]\nattach = [{ network = \"a\", port = \"x\", addresses = [\"10.0.0.1\"] }]\n\
             [endpoint.y]\nattach = [{ network = \"a\", port = \"y\", behind = [\"10.0.0.2/31\"] }]\n\
             [exit.e]\nnetwork = \"a\"\nport = \"e\"\nnext_hop = [\"10.0.0.4\"]\n";
        insta::assert_snapshot!(notes(text).join("\n"));
    }

    #[test]
    fn what_a_template_gives_is_noted_once() {
        let text = "[network.a]\nbridge = \"br0\"\nsubnets = [\"10.1.0.0/24\"]\n\
             [template.t]\nnumbers = \"0-9\"\ninstances = \"all\"\n\
             [template.t.network.\"n-{n}\"]\nbridge = \"br0\"\nsubnets = [\"10.0.{n}.0/24\"]\n\
             gateway = [\"10.0.{n}.1\"]\n\
             [template.t.endpoint.\"x-{n}\"]\n\
             attach = [{ network = \"n-{n}\", port = \"x{n}\", addresses = [\"10.0.{n}.1\"] }]\n";
        insta::assert_snapshot!(notes(text).join("\n"));
    }

    #[test]
    fn leased_addresses_are_nobodys() {
        let text = |mac: &str, other: &str| {
            format!(
                "{NETWORK}[endpoint.x]\nattach = [{{ network = \"a\", port = \"x\", leased = true{mac} }}]\n\
                 [endpoint.y]\nattach = [{{ network = \"a\", port = \"y\", {other} }}]\n"
            )
        };
        let leased = text(", mac = \"52:54:00:00:00:01\"", "leased = true");
        let pinned = text(", mac = \"52:54:00:00:00:01\"", "leased = true, mac = \"52:54:00:00:00:02\"");
        insta::assert_snapshot!(
            notes(&leased).into_iter().chain(notes(&pinned)).collect::<Vec<_>>().join("\n")
        );
        assert_eq!(notes(&text("", "addresses = [\"10.0.0.2\"]")), [""; 0], "one alone has no neighbour");
    }

    #[test]
    fn a_rule_to_a_leased_address_opens_nothing() {
        let text = format!(
            "{NETWORK}[endpoint.x]\nattach = [{{ network = \"a\", port = \"x\", leased = true }}]\n\
             [endpoint.y]\nattach = [{{ network = \"a\", port = \"y\", addresses = [\"10.0.0.2\"] }}]\n\
             [[allow]]\nname = \"there\"\nfrom = \"y\"\nto = \"x\"\nprotocol = \"tcp\"\nports = [80]\n\
             [[allow]]\nname = \"back\"\nfrom = \"x\"\nto = \"y\"\nprotocol = \"tcp\"\nports = [80]\n\
             [[allow]]\nname = \"dhcp\"\nfrom = \"x\"\nto = \"y\"\nprotocol = \"dhcp\"\n"
        );
        let notes = notes(&text).join("\n");
        assert!(
            notes.contains("rule `there` opens nothing to `x`, whose address comes from DHCP"),
            "{notes}"
        );
        assert_eq!(notes.matches("leased-unreached").count(), 1, "{notes}");
    }

    #[test]
    fn numbers_of_containers_that_are_taken_are_said() {
        let text = "[network.a]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
             containers = { ids = \"100-299\", port = \"v{id}\", addresses = [\"10.0.0.{id}\"] }\n\
             [endpoint.x]\nattach = [{ network = \"a\", port = \"v101\", addresses = [\"10.0.0.9\"] }]\n\
             [endpoint.y]\nattach = [{ network = \"a\", port = \"w\", addresses = [\"10.0.0.103\"] }]\n";
        insta::assert_snapshot!(notes(text).join("\n"));
        let file = network::parse(text, "x.toml").unwrap().0;
        let free: Vec<u32> = file.free_container_ids("a").collect();
        assert_eq!(free[..4], [100, 102, 104, 105]);
        assert_eq!(free.last(), Some(&254), "255 is the broadcast address");
    }
}
