//! All checks of a network file without a switch, beyond the language itself: its raw lines, its
//! compiled flows, and its assertions.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::compile::layout::LEVELS;
use crate::compile::{OriginKind, raw_lines};
use crate::finding::Finding;
use crate::finding_code::FindingCode;
use crate::network;
use crate::network::NetworkFile;
use crate::verify::bridge_flows::{self, BridgeFlows};
use crate::verify::lint::{RegisterReach, lint_raw, overlaps_where};
use crate::verify::proof::{self, Budget, ProofReport};

/// The findings, and the verdicts.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// The findings, notes included; a file with an error among them must not be installed.
    pub findings: Vec<Finding>,
    /// The verdicts on the file's assertions.
    pub proof: ProofReport,
}

/// Checks a file that was read without errors.
pub fn check(file: &NetworkFile) -> Checked {
    let mut findings = network::notes(file);
    findings.extend(lint_raw(file));
    let bridges = bridge_flows::compiled(file);
    for bridge in &bridges {
        findings.extend(undefined(file, bridge));
    }
    findings.extend(unlimited(file, &bridges));
    let proof = proof::prove(file, &bridges, Budget::default());
    findings.extend(proof.findings());
    Checked { findings, proof }
}

/// Finds two flows of one priority that a packet can match both of, with different actions. For two
/// raw lines that is a warning of the lints. For a raw line and a compiled flow it is an error,
/// whatever the other tables do.
fn undefined(file: &NetworkFile, bridge: &BridgeFlows<'_>) -> Vec<Finding> {
    let lines = raw_lines(file, bridge.name, &bridge.ports);
    let first_raw = bridge.flows.len().saturating_sub(lines.len());
    let line = |n: usize| n.checked_sub(first_raw).and_then(|n| lines.get(n).copied());
    let mut reach = RegisterReach::new(&bridge.flows, first_raw);
    let pairs = overlaps_where(&bridge.flows, |a, b| match (line(a), line(b)) {
        (None, None) => bridge.flows.get(a).zip(bridge.flows.get(b)).is_some_and(|(a, b)| reach.both(a, b)),
        (Some(_), Some(_)) => false,
        _ => true,
    });
    let origin = |n: usize| bridge.flows.get(n).and_then(|flow| bridge.origins.get(&flow.cookie));
    let mut by_line: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut rules = None;
    // Raw lines are the last flows of a bridge.
    for (a, b) in pairs {
        match line(b) {
            Some(_) => by_line.entry(b).or_default().push(a),
            None => rules = rules.or(origin(a).zip(origin(b))),
        }
    }
    let beside = by_line.iter().filter_map(|(b, compiled)| {
        let (raw, flow) = (line(*b)?, bridge.flows.get(*b)?);
        let first = compiled.iter().find_map(|a| origin(*a))?;
        let more = match compiled.len() {
            1 => String::new(),
            all => format!(", and {} more", all - 1),
        };
        let message = format!(
            "bridge {}: {:?} matches packets of a compiled flow of its priority {} and does something else with them: \
             {} ({}){more}",
            bridge.name, raw.line, flow.priority, first.rule, first.detail
        );
        let help = "give the raw line another priority, or match less with it";
        Some(Finding::error(FindingCode::Overlap, raw.span.clone(), message, help))
    });
    let many = rules.map(|(a, b)| {
        let rule = file.allows.iter().find(|allow| allow.name == b.rule);
        let message = format!(
            "bridge {}: of the rules that overlap {LEVELS} have an order, and {} ({}) and {} ({}) are beyond",
            bridge.name, a.rule, a.detail, b.rule, b.detail
        );
        let help = "join rules for the same protocol and port into one with longer lists";
        Finding::error(FindingCode::TooManyOverlaps, rule.map(|allow| allow.span.clone()), message, help)
    });
    beside.chain(many).collect()
}

/// Finds rules whose `limit` bounds nothing, because none of their flows learns.
fn unlimited(file: &NetworkFile, bridges: &[BridgeFlows<'_>]) -> Vec<Finding> {
    fn group(allow: &network::Allow) -> &str {
        allow.chain.as_deref().unwrap_or(&allow.name)
    }
    let limited = file
        .allows
        .iter()
        .filter(|allow| allow.limit.is_some() && allow.place == network::EnforcementPoint::Switch);
    let limited: Vec<&network::Allow> = limited.collect();
    if limited.is_empty() {
        return Vec::new();
    }
    let of: HashMap<&str, &str> = limited.iter().map(|allow| (&*allow.name, group(allow))).collect();
    let (mut has_flows, mut learns) = (HashSet::new(), HashSet::new());
    for bridge in bridges {
        for flow in &bridge.flows {
            let origin = bridge.origins.get(&flow.cookie).filter(|origin| origin.kind == OriginKind::Allow);
            let Some(group) = origin.and_then(|origin| of.get(&*origin.rule)) else { continue };
            has_flows.insert(*group);
            if flow.learns().any(|learn| learn.limit > 0) {
                learns.insert(*group);
            }
        }
    }
    let mut told = HashSet::new();
    let unlimited = limited.into_iter().filter(|allow| {
        let group = group(allow);
        has_flows.contains(group) && !learns.contains(group) && told.insert(group)
    });
    let finding = |allow: &network::Allow| {
        let message = format!(
            "`limit` of {:?} bounds nothing: what anybody outside may open by TCP is answered without learning",
            group(allow)
        );
        let help = "take `limit` away, or learn each connection with returns = \"connection\"";
        Finding::error(FindingCode::LimitWithoutLearning, Some(allow.span.clone()), message, help)
    };
    unlimited.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Severity, has_errors};

    const DUAL_SOCKET: &str = include_str!("../../networks/dual-socket.toml");

    fn checked(text: &str) -> Checked {
        check(&network::parse(text, "test.toml").unwrap().0)
    }

    #[test]
    fn the_shipped_network_has_no_findings() {
        let checked = checked(DUAL_SOCKET);
        let notes = |finding: &Finding| finding.severity == Severity::Note;
        assert!(checked.findings.iter().all(notes), "{:#?}", checked.findings);
        assert_eq!(checked.proof.counts(), [checked.proof.results.len(), 0, 0], "{:?}", checked.proof);
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

    const SYMMETRICAL: &str = "[network.lan]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
        [endpoint.a]\nattach = [{ network = \"lan\", port = \"a\", addresses = [\"10.0.0.1\"] }]\n\
        [endpoint.b]\nattach = [{ network = \"lan\", port = \"b\", addresses = [\"10.0.0.2\"] }]\n\
        [endpoint.c]\nattach = [{ network = \"lan\", port = \"c\", addresses = [\"10.0.0.3\"] }]\n\
        [exit.uplink]\nnetwork = \"lan\"\nport = \"up\"\nnext_hop = [\"10.0.0.254\"]\n\
        [outside.dns]\nexit = \"uplink\"\naddresses = [\"1.1.1.1\"]\n\
        [link.far]\nends = [{ network = \"lan\", port = \"l\", behind = [\"10.0.0.128/25\"] }, { bridge = \"br1\", port = \"m\" }]\n";

    fn rules(rules: &[(&str, &str, &str)]) -> String {
        let rule = |(n, (from, to, more)): (usize, &(&str, &str, &str))| {
            format!("[[allow]]\nname = \"r{n}\"\nfrom = {from}\nto = {to}\n{more}\n")
        };
        format!("{SYMMETRICAL}{}", rules.iter().enumerate().map(rule).collect::<String>())
    }

    #[test]
    fn rules_both_ways_and_lists_of_inside_and_outside_are_no_contradiction() {
        let https = "protocol = \"tcp\"\nports = [443]";
        for file in [
            rules(&[("[\"a\", \"b\"]", "\"c\"", https), ("\"c\"", "[\"a\", \"b\"]", https)]),
            rules(&[("\"lan\"", "\"uplink\"", ""), ("\"uplink\"", "\"lan\"", "")]),
            rules(&[("[\"lan\", \"uplink\"]", "[\"lan\", \"uplink\"]", "")]),
            rules(&[("\"a\"", "[\"b\", \"dns\"]", https)]),
            rules(&[("\"a\"", "[\"b\", \"far\"]", https), ("[\"b\", \"far\"]", "\"a\"", https)]),
            rules(&[
                ("[\"a\", \"b\"]", "[\"b\", \"c\"]", https),
                ("[\"b\", \"c\"]", "[\"a\", \"b\"]", https),
            ]),
            format!(
                "{SYMMETRICAL}[[chain]]\nname = \"k\"\nfrom = \"uplink\"\nhops = [{{ to = [\"a\", \"b\"], protocol = \
                 \"tcp\", ports = [443] }}, {{ to = [\"c\", \"dns\"] }}, {{ to = [\"a\", \"uplink\"] }}]\n"
            ),
        ] {
            let errors: Vec<_> = checked(&file).findings.into_iter().filter(Finding::is_error).collect();
            assert_eq!(errors, [], "{file}");
        }
    }

    #[test]
    fn crossings_of_the_same_two_are_no_contradiction() {
        let link = |n: u8| {
            format!(
                "[link.w{n}]\nends = [{{ bridge = \"br0\", port = \"w{n}a\" }}, {{ bridge = \"br1\", port = \"w{n}b\" }}]\n"
            )
        };
        let crossing = |name: &str, from: &str, to: &str, over: u8, more: &str| {
            format!(
                "[[crossing]]\nname = \"{name}\"\nfrom = \"{from}\"\nto = \"{to}\"\nprotocol = \"tcp\"\nover = \"w{over}\"\n\
                 approved_by = \"me\"\nreason = \"test\"\n{more}\n"
            )
        };
        let ends = "[network.a]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
            [network.b]\nbridge = \"br1\"\nsubnets = [\"10.1.0.0/24\"]\n\
            [endpoint.x]\nattach = [{ network = \"a\", port = \"x\", addresses = [\"10.0.0.1\"], mac = \"02:00:00:00:00:01\" }]\n\
            [endpoint.y]\nattach = [{ network = \"b\", port = \"y\", addresses = [\"10.1.0.1\"], mac = \"02:00:00:00:00:02\" }]\n";
        let text = [
            ends.to_owned(),
            link(1),
            link(2),
            crossing("ends", "x", "y", 1, "ports = [80, 443]\nexpires = 2090-01-01"),
            crossing("lasts", "x", "y", 2, "ports = [80]"),
            crossing("back", "y", "x", 1, "ports = [80]"),
            crossing("more", "x", "y", 1, "ports = [22]"),
        ]
        .concat();
        let checked = checked(&text);
        assert!(!has_errors(&checked.findings), "{:#?}", checked.findings);
        for bridge in bridge_flows::compiled(&network::parse(&text, "test.toml").unwrap().0) {
            let keys: std::collections::BTreeSet<_> = bridge.flows.iter().map(crate::Flow::key).collect();
            assert_eq!(keys.len(), bridge.flows.len(), "{}: two flows with one key", bridge.name);
            let web = |origin: &&crate::compile::Origin| {
                origin.kind == OriginKind::Crossing
                    && origin.detail.starts_with("x ")
                    && origin.detail.contains("tcp 80")
            };
            let rules: Vec<&str> = bridge.origins.values().filter(web).map(|origin| &*origin.rule).collect();
            // On the leaving side there is one path; on the arriving side each crossing has its own
            // link.
            assert_eq!(rules.len(), if bridge.name == "br0" { 1 } else { 2 }, "{rules:?}");
            assert!(rules.contains(&"lasts"), "{rules:?}");
        }
    }

    #[test]
    fn the_raw_line_that_contradicts_a_rule_is_named() {
        let text = rules(&[("\"a\"", "\"b\"", "protocol = \"tcp\"\nports = [443]")]);
        let flows = ["priority=1,actions=drop", "table=2,priority=40000,tcp,tp_dst=443,actions=drop"];
        let text = format!("{text}[bridge.br0]\nflows = {flows:?}\n");
        let errors: Vec<_> = checked(&text).findings.into_iter().filter(Finding::is_error).collect();
        let [error] = errors.as_slice() else { panic!("{errors:#?}") };
        assert_eq!(error.code, "overlap");
        assert_eq!(&text[error.span.clone().unwrap()], format!("{:?}", flows[1]));
        assert!(error.message.contains("tp_dst=443") && error.message.contains("r0 ("), "{}", error.message);
    }

    /// Returns the notes of a text.
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
    fn what_gives_and_binds_leased_addresses_is_said() {
        let text = |subnets: &str, router: &str, rule: &str| {
            let network = NETWORK.replace("\"10.0.0.0/24\"", subnets);
            format!(
                "{network}[endpoint.x]\nattach = [{{ network = \"a\", port = \"x\", leased = true }}]\n\
                 [endpoint.y]\nattach = [{{ network = \"a\", port = \"y\", leased = true }}]\n\
                 [endpoint.z]\nattach = [{{ network = \"a\", port = \"z\", addresses = [\"10.0.0.2\"]{router} }}]\n{rule}"
            )
        };
        let dhcp = "[[allow]]\nname = \"dhcp\"\nfrom = \"a\"\nto = \"z\"\nprotocol = \"dhcp\"\n";
        let (v4, both) = ("\"10.0.0.0/24\"", "\"10.0.0.0/24\", \"fd00::/64\"");
        let (v6, router) = ("\"fd00::/64\", \"10.0.0.2/32\"", ", router = true, link_local = \"fe80::1\"");
        assert_eq!(notes(&text(v4, "", dhcp)), [""; 0], "each has what it leased");
        assert_eq!(notes(&text(both, "", dhcp)), [""; 0], "and over IPv6");
        let all = [text(v4, "", ""), text(both, router, dhcp), text(v6, "", "")];
        insta::assert_snapshot!(all.map(|text| notes(&text).join("\n")).join("\n---\n"));
    }

    #[test]
    fn a_routers_link_local_address_is_somebodys() {
        let text = |words: &str| {
            format!(
                "{NETWORK}[endpoint.x]\nattach = [{{ network = \"a\", port = \"x\", addresses = [\"10.0.0.9\"], router = true{words} }}]\n"
            )
        };
        let notes = |words: &str| {
            notes(&text(words)).into_iter().filter(|note| note.contains("router-link-local")).count()
        };
        assert_eq!(notes(""), 1);
        assert_eq!(notes(", link_local = \"fe80::1\""), 0);
        assert_eq!(notes(", mac = \"52:54:00:00:00:01\""), 0);
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
