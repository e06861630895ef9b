//! Proofs of broken flows. The sampling check sees nothing that the proof does not.

use flow_model::{Flow, FlowMatch};
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};

use super::{Budget, Verdict, prove, prove_installed};
use crate::compile::PortMap;
use crate::network::{self, NetworkFile};
use crate::verify::bridge_flows::{BridgeFlows, compiled};
use crate::verify::sampling;
use crate::verify::witness::Witness;

const DUAL_SOCKET: &str = include_str!("../../../networks/dual-socket.toml");

/// Two networks on one bridge, each with one endpoint; nothing is allowed.
const TWO: &str = r#"
[network.left]
bridge = "br"
subnets = ["10.0.0.0/24"]
[network.right]
bridge = "br"
subnets = ["10.1.0.0/24", "fd00:1::/64"]
[endpoint.a]
attach = [{ network = "left", port = "p1", addresses = ["10.0.0.2"] }]
[endpoint.b]
attach = [{ network = "right", port = "p2", addresses = ["10.1.0.2", "fd00:1::2"] }]
[endpoint.c]
attach = [{ network = "left", port = "p3", addresses = ["10.0.0.3"] }]
[[never]]
name = "apart"
from = ["left"]
to = ["right"]
"#;

fn file(text: &str) -> NetworkFile {
    network::parse(text, "n.toml").unwrap().0
}

fn flow(table: u8, priority: u16, matches: FlowMatch, actions: Vec<Action>) -> Flow {
    let mut flow = Flow::new(TableId(table), priority, matches);
    flow.instructions = vec![Instruction::ApplyActions(actions)];
    flow
}

fn out(port: PortNo) -> Action {
    Action::Output { port, max_len: 0 }
}

fn at(port: PortNo) -> FlowMatch {
    FlowMatch::any().with(Field::InPortOxm, port.0.into())
}

/// Returns the witnesses of the file's nevers, in their order. What the sampling check sees is
/// among them.
fn witnesses(file: &NetworkFile, bridges: &[BridgeFlows<'_>]) -> Vec<Witness> {
    let report = prove_installed(file, bridges, Budget::default());
    for sampled in &sampling::check(file, bridges).witnesses {
        let (_, verdict) = report.results.iter().find(|(a, _)| a.name == sampled.assertion).unwrap();
        assert!(matches!(verdict, Verdict::Violated { .. }), "{verdict:?}: {sampled}");
    }
    let of = |verdict: &Verdict| match verdict {
        Verdict::Violated { witnesses } => witnesses.clone(),
        Verdict::Holds => Vec::new(),
        Verdict::Unknown { reasons } => panic!("{reasons:?}"),
    };
    report.results.iter().flat_map(|(_, verdict)| of(verdict)).collect()
}

/// Returns the witnesses of dual-socket with one more flow.
fn dual_socket_and(bridge: &str, more: impl Fn(&PortMap) -> Flow) -> Vec<Witness> {
    let file = file(DUAL_SOCKET);
    let mut bridges = compiled(&file);
    let broken = bridges.iter_mut().find(|b| b.name == bridge).unwrap();
    let flow = more(&broken.ports);
    broken.flows.push(flow);
    witnesses(&file, &bridges)
}

#[test]
fn dual_socket_holds() {
    let file = file(DUAL_SOCKET);
    let report = prove(&file, &compiled(&file), Budget::default());
    let all = file.nevers.len() + file.always.len() + file.confines.len();
    assert_eq!(report.counts(), [all, 0, 0], "{report:#?}");
    assert!(all >= 4);
    let sampled = sampling::check(&file, &compiled(&file));
    assert_eq!(sampled.witnesses, []);
    // Each of 13 ports tries its forged sources against every destination with every transport.
    assert!(sampled.packets > 1_000_000 && sampled.runs > 10_000 && sampled.incomplete.is_empty());
}

#[test]
fn networks_with_the_connection_tracker_are_decided() {
    let tracked = DUAL_SOCKET.replace("inside = ", "stateful = \"conntrack\"\ninside = ");
    let holds = file(&tracked);
    let report = prove(&holds, &compiled(&holds), Budget::default());
    assert_eq!(report.counts(), [report.results.len(), 0, 0], "{report:#?}");
    // The rule lets its connections through, whatever the tracker knows.
    let leaks = "[[never]]\nname = \"xray-stays\"\nfrom = [\"xray\"]\nto = [\"warp\"]\n";
    let leaks = file(&format!("{tracked}\n{leaks}"));
    let report = prove_installed(&leaks, &compiled(&leaks), Budget::default());
    let (_, verdict) = report.results.iter().find(|(a, _)| a.name == "xray-stays").unwrap();
    assert!(matches!(verdict, Verdict::Violated { .. }), "{verdict:?}");
}

#[test]
fn a_host_that_forwards_is_seen() {
    // One flow gives the host xray's packets: with the host's management address as its source, a
    // packet passes for the host's own on vmbr1.
    let found =
        dual_socket_and("vmbr0", |ports| flow(0, 65_500, at(ports["veth102"]), vec![out(PortNo::LOCAL)]));
    let witness = &found[0];
    assert_eq!(witness.assertion, "privacy-reaches-management");
    assert_eq!(witness.start(), ("vmbr0", "veth102"));
    assert_eq!(witness.hops.len(), 2);
    assert!(witness.hops[1].forwarded);
    assert_eq!((&*witness.hops[1].bridge, &*witness.hops[1].in_port), ("vmbr1", "LOCAL"));
    assert!(witness.hops[1].packet.contains("=10.1.0.1,"), "{}", witness.hops[1].packet);
    let shown = witness.to_string();
    assert!(shown.contains("admission host: "), "{shown}");
    assert!(shown.contains("inside management: "), "{shown}");
    assert!(shown.contains("in_port=veth102 actions=LOCAL"), "{shown}");
}

#[test]
fn flooded_arp_is_seen() {
    let arp = FlowMatch::any().with(Field::EthType, 0x806);
    let found = dual_socket_and("vmbr0", |_| flow(0, 65_500, arp.clone(), vec![out(PortNo::FLOOD)]));
    let witness = &found[0];
    assert!(witness.hops[0].packet.contains("dl_type=0x0806"), "{witness}");
    assert_eq!(witness.end().0, "vmbr1");
}

#[test]
fn normal_may_send_anywhere() {
    let found = dual_socket_and("vmbr0", |_| flow(0, 65_500, FlowMatch::any(), vec![out(PortNo::NORMAL)]));
    assert!(!found.is_empty());
}

#[test]
fn one_wrong_allow_is_seen() {
    // Only one source, one destination, one protocol and port: the probes must include it.
    let file = file(TWO);
    let mut bridges = compiled(&file);
    let matches = at(bridges[0].ports["p1"])
        .with(Field::EthType, 0x86dd)
        .with(Field::Ipv6Src, "2001:db8:1::5".parse::<std::net::Ipv6Addr>().unwrap().into())
        .with(Field::Ipv6Dst, "fd00:1::2".parse::<std::net::Ipv6Addr>().unwrap().into())
        .with(Field::IpProto, 17)
        .with(Field::UdpSrc, 777)
        .with(Field::UdpDst, 999);
    let leak = flow(0, 65_500, matches, vec![out(bridges[0].ports["p2"])]);
    assert_eq!(witnesses(&file, &bridges), []);
    bridges[0].flows.push(leak);
    let found = witnesses(&file, &bridges);
    let [witness] = &found[..] else { panic!("{found:?}") };
    assert!(witness.hops[0].packet.contains("udp_src=777,udp_dst=999"), "{witness}");
    let findings = prove(&file, &bridges, Budget::default()).findings();
    let [finding] = &findings[..] else { panic!() };
    assert!(finding.is_error());
    assert_eq!(finding.code, "never-violated");
    assert_eq!(finding.position(TWO).unwrap().line, 15);
}

#[test]
fn what_another_packet_taught_is_seen() {
    // Every packet of b teaches: from a, to b's port. No other flow leads there.
    let file = file(TWO);
    let mut bridges = compiled(&file);
    let (a, b) = (bridges[0].ports["p1"], bridges[0].ports["p2"]);
    let whole = Subfield::whole;
    let learn = Learn {
        specs: vec![
            LearnSpec::Match { dst: whole(Field::InPort), src: LearnSrc::Immediate(a.0.into()) },
            LearnSpec::Match { dst: whole(Field::EthDst), src: LearnSrc::Field(whole(Field::EthSrc)) },
            LearnSpec::Output { src: whole(Field::InPort) },
        ],
        ..learner()
    };
    bridges[0].flows.push(flow(0, 65_400, at(b), vec![Action::Learn(Box::new(learn))]));
    let found = witnesses(&file, &bridges);
    let [witness] = &found[..] else { panic!("{found:?}") };
    assert_eq!(witness.openers.len(), 1);
    assert!(witness.to_string().contains("(cookie=0x1, priority=65500,in_port=p1,"), "{witness}");
}

#[test]
fn what_is_not_understood_is_said() {
    let file = file(TWO);
    let mut bridges = compiled(&file);
    let group = Action::Group(ofproto::GroupId(1));
    bridges[0].flows.push(flow(0, 65_500, FlowMatch::any().with(Field::EthType, 0x88b5), vec![group]));
    let report = prove_installed(&file, &bridges, Budget::default());
    assert_eq!(report.counts(), [0, 0, 1]);
    let [finding] = &report.findings()[..] else { panic!() };
    assert_eq!(finding.code, "undecided");
    assert!(finding.message.contains("group 1"), "{}", finding.message);
}

#[test]
fn a_multi_homed_endpoint_that_forwards_is_seen() {
    let text = TWO.replace(
        r#"[endpoint.c]
attach = [{ network = "left", port = "p3", addresses = ["10.0.0.3"] }]"#,
        r#"[endpoint.c]
attach = [
  { network = "left", port = "p3", addresses = ["10.0.0.3"] },
  { network = "right", port = "p4", addresses = ["10.1.0.3"] },
]"#,
    );
    let file = file(&text.replace("to = [\"right\"]", "to = [\"b\"]"));
    let mut bridges = compiled(&file);
    let ports = bridges[0].ports.clone();
    bridges[0].flows.push(flow(0, 65_500, at(ports["p1"]), vec![out(ports["p3"])]));
    bridges[0].flows.push(flow(0, 65_500, at(ports["p4"]), vec![out(ports["p2"])]));
    let found = witnesses(&file, &bridges);
    assert!(found.iter().any(|w| w.start().1 == "p1" && w.hops.len() == 2), "{found:?}");
}

#[test]
fn the_documents_own_flows_isolate_nothing() {
    // NORMAL carries WARP's packets to the host, and the host forwards them. OpenFlow only ensures
    // that no wire joins the bridges.
    let verbatim = include_str!("../../../networks/dual-socket-verbatim.toml");
    let file = file(&format!(
        "{verbatim}\n[[never]]\nname = \"warp-reaches-management\"\nfrom = [\"warp\"]\nto = [\"management-mesh\"]\n"
    ));
    let found = witnesses(&file, &compiled(&file));
    let witness = &found[0];
    assert_eq!(witness.start(), ("vmbr0", "warp0"));
    assert_eq!((&*witness.hops[1].in_port, witness.hops[1].forwarded), ("LOCAL", true));
    assert!(witness.to_string().contains("NORMAL"), "{witness}");
}

#[test]
fn a_raw_line_that_leaks_is_named() {
    let raw = "[bridge.vmbr0]\nflows = [\"priority=65500,in_port=veth102,tcp,tp_dst=8080,actions=LOCAL\"]\n";
    let file = file(&DUAL_SOCKET.replace("[endpoint.gateway]", &format!("{raw}[endpoint.gateway]")));
    let found = witnesses(&file, &compiled(&file));
    let witness = &found[0];
    assert!(witness.hops[0].packet.contains("tcp_dst=8080"), "{witness}");
    assert!(witness.hops[0].flows[0].rule.contains("in_port=veth102"), "{witness}");
}

/// Returns the verdict on the assertion of [`TWO`] with more flows.
fn verdict_with(more: impl Fn(&PortMap) -> Vec<Flow>) -> Verdict {
    let file = file(TWO);
    let mut bridges = compiled(&file);
    let flows = more(&bridges[0].ports);
    bridges[0].flows.extend(flows);
    let report = prove_installed(&file, &bridges, Budget::default());
    report.results[0].1.clone()
}

fn ip() -> FlowMatch {
    FlowMatch::any().with(Field::EthType, 0x800)
}

#[test]
fn a_clause_of_one_port_takes_no_packets_of_its_class() {
    // a and c are one class. What a alone fulfils drops; what c sends leaks below.
    let clause = |clause| Action::Conjunction { id: 1, clause, n_clauses: 2 };
    let verdict = verdict_with(|ports| {
        let from = |port: &str| ip().with(Field::InPortOxm, ports[port].0.into());
        vec![
            flow(1, 65_500, from("p1"), vec![clause(0)]),
            flow(1, 65_500, ip(), vec![clause(1)]),
            flow(1, 65_500, ip().with(Field::ConjId, 1), vec![]),
            flow(1, 65_400, from("p3"), vec![out(ports["p2"])]),
        ]
    });
    assert!(matches!(verdict, Verdict::Violated { .. } | Verdict::Unknown { .. }), "{verdict:?}");
}

#[test]
fn a_resubmit_as_from_a_port_of_a_class_is_followed() {
    let verdict = verdict_with(|ports| {
        let again = Action::Resubmit { port: Some(ports["p3"]), table: Some(TableId(30)) };
        vec![flow(1, 65_500, ip(), vec![again]), flow(30, 1, at(ports["p3"]), vec![out(ports["p2"])])]
    });
    assert!(matches!(verdict, Verdict::Violated { .. }), "{verdict:?}");
}

#[test]
fn a_bit_of_the_packet_length_may_be_either() {
    let bit = Subfield { field: Field::EthDst, ofs: 0, n_bits: 1 };
    let verdict = verdict_with(|ports| {
        let check = Action::CheckPktLarger { len: 100, dst: bit };
        let zero = Action::Load { dst: bit, value: 0 };
        let again = Action::Resubmit { port: None, table: Some(TableId(30)) };
        let odd = FlowMatch::any().with_masked(Field::EthDst, 1, 1);
        vec![
            flow(0, 65_500, at(ports["p1"]), vec![zero, check, again]),
            flow(30, 1, odd, vec![out(ports["p2"])]),
        ]
    });
    // The interpreter does not know the action.
    assert!(matches!(verdict, Verdict::Unknown { .. }), "{verdict:?}");
}

#[test]
fn a_learner_that_copies_more_than_the_proof_keeps_is_said() {
    let whole = Subfield::whole;
    let load = |dst, src| LearnSpec::Load { dst: whole(dst), src: LearnSrc::Field(whole(src)) };
    let specs = vec![load(Field::Ipv6Src, Field::Ipv6Dst), load(Field::EthDst, Field::EthSrc)];
    let learn = Learn { specs, ..learner() };
    let v6 = FlowMatch::any().with(Field::EthType, 0x86dd);
    let verdict =
        verdict_with(|_| vec![flow(0, 65_400, v6.clone(), vec![Action::Learn(Box::new(learn.clone()))])]);
    let Verdict::Unknown { reasons } = &verdict else { panic!("{verdict:?}") };
    assert!(reasons.iter().any(|why| why.contains("copies more")), "{reasons:?}");
}

/// A learner without specs, into table 0.
fn learner() -> Learn {
    Learn {
        idle_timeout: 0,
        hard_timeout: 0,
        priority: 65_500,
        cookie: Cookie(1),
        flags: 0,
        table: TableId(0),
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        limit: 0,
        result_dst: None,
        specs: Vec::new(),
    }
}
