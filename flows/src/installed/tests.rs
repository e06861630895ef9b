//! Installed flows: learned ones are left out if their learner is there, and all others count.

use ofctl::syntax::{parse_flow, print_flow};
use ofproto::PortNo;

use super::*;
use crate::network;
use crate::verify::bridge_flows::compiled;
use crate::verify::interp::{Packet, Pipeline, TCP_SYN};

const TEXT: &str = r#"
[network.lan]
bridge = "br"
subnets = ["10.0.0.0/24"]
[endpoint.a]
attach = [{ network = "lan", port = "a0", addresses = ["10.0.0.1"] }]
[endpoint.b]
attach = [{ network = "lan", port = "b0", addresses = ["10.0.0.2"] }]
[endpoint.c]
attach = [{ network = "lan", port = "c0", addresses = ["10.0.0.3"] }]
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
purpose = "a test"
[[never]]
name = "c-is-silent"
from = ["c"]
to = ["a", "b"]
[[always]]
name = "a-asks-b"
from = ["a"]
to = ["b"]
protocol = "tcp"
ports = [80]
"#;

struct Switch {
    file: NetworkFile,
    ports: PortMap,
    flows: Vec<Flow>,
}

impl Switch {
    fn new() -> Self {
        let file = network::parse(TEXT, "n.toml").unwrap().0;
        let [bridge] = &compiled(&file)[..] else { panic!() };
        let (ports, flows) = (bridge.ports.clone(), bridge.flows.clone());
        Self { file, ports, flows }
    }

    /// Returns what the switch learns from a packet of `a` to `b`.
    fn learned(&self) -> Vec<Flow> {
        let (from, to) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let packet =
            Packet::ipv4([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], from, to, 6).tcp(4_000, 80, TCP_SYN);
        let learned = Pipeline::new(self.flows.clone()).run(self.ports["a0"], &packet).learned;
        assert!(!learned.is_empty());
        learned
    }

    fn decide(&self) -> InstalledReport {
        let (ports, flows) = (self.ports.clone(), self.flows.clone());
        decide(&self.file, &[InstalledBridge { name: "br", ports, flows: flows.into() }], Budget::default())
    }

    /// Returns a learned flow for the answers of `b`, with other words.
    fn forged(&self, words: &[(&str, &str)]) -> Flow {
        let to_a = |flow: &&Flow| flow.table == TableId(1);
        let mut line = print_flow(self.learned().iter().find(to_a).unwrap(), &self.ports);
        for (from, to) in words {
            assert!(line.contains(from), "{from}: {line}");
            line = line.replace(from, to);
        }
        parse_flow(line.trim(), &self.ports).unwrap()
    }
}

fn words(report: &InstalledReport) -> String {
    let [_, violated, _] = report.proof.counts();
    assert_ne!(violated, 0, "{report:#?}");
    report.proof.findings().iter().map(|finding| finding.help.clone()).collect()
}

#[test]
fn what_a_learner_wrote_is_left_out() {
    let mut switch = Switch::new();
    let learned = switch.learned();
    switch.flows.extend(learned.clone());
    let report = switch.decide();
    assert_eq!(report.proof.counts(), [2, 0, 0], "{:#?}", report.proof);
    let [counts] = &report.bridges[..] else { panic!() };
    assert_eq!((counts.flows, counts.learned, counts.foreign), (switch.flows.len(), learned.len(), 0));
    assert_eq!(report.unread, [""; 0]);
}

#[test]
fn a_learned_flow_without_its_learner_is_drift() {
    let mut switch = Switch::new();
    let learned = switch.learned();
    switch.flows.retain(|flow| flow.learns().next().is_none());
    switch.flows.extend(learned.clone());
    let report = switch.decide();
    let [counts] = &report.bridges[..] else { panic!() };
    assert_eq!((counts.learned, counts.foreign), (0, learned.len()));
    assert_eq!(counts.examples.len(), learned.len().min(NAMED));
    // Without its learner, the rule is not there.
    assert_eq!(report.proof.counts(), [1, 1, 0], "{:#?}", report.proof);
}

#[test]
fn a_forged_learned_flow_leaks() {
    let mut switch = Switch::new();
    let flow = switch.forged(&[("in_port=b0", "in_port=c0"), ("nw_src=10.0.0.2", "nw_src=10.0.0.3")]);
    switch.flows.push(flow);
    let report = switch.decide();
    assert_eq!(report.bridges[0].foreign, 1, "{report:#?}");
    let words = words(&report);
    assert!(words.contains("not of the file: cookie="), "{words}");
    assert!(words.contains("nw_src=10.0.0.3"), "{words}");
}

#[test]
fn a_flow_with_the_cookie_and_the_key_of_a_rule_is_foreign() {
    // A changed copy of a flow of the file: its cookie does not make it the file's.
    let mut switch = Switch::new();
    let (c, out) = (switch.ports["c0"], Action::Output { port: switch.ports["b0"], max_len: 0 });
    let at = |flow: &&mut Flow| flow.table == TableId(0) && flow.matches.in_port() == Some(c);
    let stolen = switch.flows.iter_mut().find(at).unwrap();
    stolen.instructions = vec![Instruction::ApplyActions(vec![out])];
    let report = switch.decide();
    assert_eq!(report.bridges[0].foreign, 1);
    assert!(words(&report).contains("not of the file: "), "{report:#?}");
}

#[test]
fn what_is_not_known_holds_for_nobody() {
    let switch = Switch::new();
    let report = decide(&switch.file, &[], Budget::default());
    assert_eq!(report.proof.counts(), [0, 0, 2]);
    assert_eq!(report.unread, ["br"]);
    let shown = format!("{:?}", report.proof.results);
    assert!(shown.contains("the flows of br are not known") && !shown.contains("Holds"), "{shown}");
}

#[test]
fn other_port_numbers_are_those_of_the_switch() {
    let switch = Switch::new();
    let numbers = switch.ports.keys().cloned().zip([12, 11, 10].map(PortNo));
    let ports: PortMap = numbers.collect();
    let flows = compile(&switch.file, "br", &ports, &TimeContext::default()).flows().cloned().collect();
    let report = Switch { file: switch.file, ports, flows }.decide();
    assert_eq!(report.proof.counts(), [2, 0, 0]);
    assert_eq!(report.bridges[0].foreign, 0);
}

#[test]
fn a_wire_to_an_unknown_bridge_is_no_way_out() {
    let text = include_str!("../../networks/dual-socket.toml");
    let file = network::parse(text, "n.toml").unwrap().0;
    let bridges = compiled(&file);
    let given = |name: &str| {
        let bridge = bridges.iter().find(|bridge| bridge.name == name).unwrap();
        InstalledBridge { name: bridge.name, ports: bridge.ports.clone(), flows: (&*bridge.flows).into() }
    };
    let report = decide(&file, &[given("vmbr0")], Budget::default());
    assert_eq!(report.proof.counts(), [0, 0, 4], "{:#?}", report.proof);
    let all = ["vmbr0", "vmbr1", "mesh-privacy", "mesh-mgmt"].map(given);
    assert_eq!(decide(&file, &all, Budget::default()).proof.counts(), [4, 0, 0]);
}
