//! The compiler against an oracle that reads the network file alone, and what else it promises.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod verdict;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::LazyLock;

use flows::compile::{Moment, OriginKind, PortMap, Program, compile, layout};
use flows::interp::{Output, Packet, Pipeline, TCP_SYN};
use flows::network::{self, NetworkFile};
use ofproto::PortNo;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use proptest::prelude::*;
use verdict::{Content, What, verdict};

const DUAL_SOCKET: &str = include_str!("../networks/dual-socket.toml");

/// Everything at once: three networks on a bridge, IPv4 and IPv6, every kind of rule.
const MIXED: &str = r#"
[network.red]
bridge = "br0"
subnets = ["192.168.1.0/24", "fd00:1::/64"]
inside = "allow"
[network.green]
bridge = "br0"
subnets = ["192.168.2.0/24", "fd00:2::/64"]
[network.blue]
bridge = "br0"
subnets = ["192.168.3.0/24"]
[endpoint.r1]
attach = [{ network = "red", port = "r1", addresses = ["192.168.1.1", "fd00:1::1"] }]
[endpoint.r2]
attach = [{ network = "red", port = "r2", addresses = ["192.168.1.2", "fd00:1::2"], behind = ["10.9.0.0/16", "fd09::/32"] }]
[endpoint.g1]
attach = [{ network = "green", port = "g1", addresses = ["192.168.2.1", "fd00:2::1"], mac = "02:00:00:00:02:01" }]
[endpoint.g2]
attach = [{ network = "green", port = "g2", addresses = ["192.168.2.2", "fd00:2::2"] }]
[endpoint.b1]
attach = [{ network = "blue", port = "b1", addresses = ["192.168.3.1"] }]
[exit.world]
network = "green"
port = "w"
next_hop = ["192.168.2.254", "fd00:2::fe"]
[link.far]
ends = [{ network = "green", port = "f", behind = ["192.168.2.128/25", "fd00:2:0:0:8000::/65"] }, { bridge = "br1", port = "n", forwards = "m" }]
[[allow]]
name = "web"
from = ["g1", "far"]
to = "g2"
protocol = "tcp"
ports = [80, 443]
[[allow]]
name = "out"
from = ["green"]
to = "world"
[[allow]]
name = "dns"
from = "world"
to = "g1"
protocol = "udp"
ports = [53]
[[allow]]
name = "echo"
from = "g2"
to = "far"
protocol = "icmp"
[[allow]]
name = "assoc"
from = "g2"
to = "g1"
protocol = "sctp"
"#;

fn file(text: &str) -> NetworkFile {
    network::parse(text, "test.toml").unwrap().0
}

fn ports(file: &NetworkFile, bridge: &str) -> PortMap {
    let names = file.bridge_ports(bridge).into_iter().filter(|p| *p != "LOCAL");
    (1..).map(PortNo).zip(names).map(|(number, name)| (name.to_owned(), number)).collect()
}

fn name_of(ports: &PortMap, number: PortNo) -> String {
    if number == PortNo::LOCAL {
        return "LOCAL".to_owned();
    }
    ports.iter().find(|(_, n)| **n == number).map(|(name, _)| name.clone()).unwrap()
}

const SRC_MAC: [u8; 6] = [2, 0, 0, 0, 2, 1];
const DST_MAC: [u8; 6] = [2, 0, 0, 0, 9, 9];

/// The packet in the form of headers; the oracle sees only `What`.
fn packet(what: What, answer: bool) -> Packet {
    match what {
        What::Resolution { sender: IpAddr::V4(spa), target: IpAddr::V4(tpa) } => {
            Packet::arp(SRC_MAC, DST_MAC, if answer { 2 } else { 1 }, spa, tpa)
        }
        What::Resolution { sender: IpAddr::V6(from), target: IpAddr::V6(target) } if answer => {
            Packet::ipv6(SRC_MAC, DST_MAC, from, target, 58).neighbour_advertisement(from, SRC_MAC)
        }
        What::Resolution { sender: IpAddr::V6(from), target: IpAddr::V6(target) } => {
            let group = format!(
                "ff02::1:ff{:02x}:{:02x}{:02x}",
                target.octets()[13],
                target.octets()[14],
                target.octets()[15]
            );
            Packet::ipv6(SRC_MAC, DST_MAC, from, group.parse().unwrap(), 58)
                .neighbour_solicitation(target, SRC_MAC)
        }
        What::Ip { src, dst, content } => {
            let proto = match content {
                Content::Tcp(_) => 6,
                Content::Udp { .. } => 17,
                Content::Sctp(_) => 132,
                Content::EchoRequest | Content::OtherIcmp(_) => {
                    if src.is_ipv4() {
                        1
                    } else {
                        58
                    }
                }
                Content::Other => 47,
            };
            let ip = match (src, dst) {
                (IpAddr::V4(s), IpAddr::V4(d)) => Packet::ipv4(SRC_MAC, DST_MAC, s, d, proto),
                (IpAddr::V6(s), IpAddr::V6(d)) => Packet::ipv6(SRC_MAC, DST_MAC, s, d, proto),
                mixed => unreachable!("{mixed:?}"),
            };
            match content {
                Content::Tcp(port) => ip.tcp(40_000, port, TCP_SYN),
                Content::Udp { src, dst } => ip.udp(src, dst),
                Content::Sctp(port) => ip.sctp(40_000, port),
                Content::EchoRequest if src.is_ipv4() => ip.icmp(8, 0),
                Content::EchoRequest => ip.icmpv6(128, 0),
                Content::OtherIcmp(kind) if src.is_ipv4() => ip.icmp(kind, 0),
                Content::OtherIcmp(kind) => ip.icmpv6(kind, 0),
                Content::Other => ip,
            }
        }
        mixed => unreachable!("{mixed:?}"),
    }
}

/// Addresses worth trying: everybody's, their neighbours', outsiders', nobody's.
fn addresses(v4: bool) -> Vec<IpAddr> {
    let list = if v4 {
        "10.0.0.1 10.0.0.50 10.0.0.100 10.0.0.102 10.0.0.255 10.8.0.7 10.1.0.1 10.1.0.50 10.1.0.200 10.1.0.201 \
         10.1.0.202 192.168.1.1 192.168.1.2 192.168.1.9 192.168.2.1 192.168.2.2 192.168.2.77 192.168.2.130 \
         192.168.2.254 192.168.3.1 10.9.4.4 1.1.1.1 127.0.0.1 0.0.0.0 224.0.0.251 255.255.255.255 198.51.100.10"
    } else {
        "fd00:1::1 fd00:1::2 fd00:1::9 fd00:2::1 fd00:2::2 fd00:2::fe fd00:2::9 fd00:2::8000:0:0:9 fd09::1 \
         2606:4700::1111 fe80::1 ::1 ::ffff:1.2.3.4"
    };
    list.split_whitespace().map(|a| a.parse().unwrap()).collect()
}

fn any_address(v4: bool) -> impl Strategy<Value = IpAddr> {
    proptest::sample::select(addresses(v4))
}

fn any_content() -> impl Strategy<Value = Content> {
    let port = || proptest::sample::select(vec![22u16, 53, 68, 80, 443, 444, 546, 9573, 9574, 51820]);
    let source = proptest::sample::select(vec![40_000u16, 53, 67, 547]);
    // Not 133 to 137 but for those that routers say: solicitations are `What::Resolution`.
    let kind = proptest::sample::select(vec![0u8, 1, 3, 5, 11, 129, 134, 137]);
    prop_oneof![
        port().prop_map(Content::Tcp),
        (source, port()).prop_map(|(src, dst)| Content::Udp { src, dst }),
        port().prop_map(Content::Sctp),
        Just(Content::EchoRequest),
        kind.prop_map(Content::OtherIcmp),
        Just(Content::Other),
    ]
}

fn any_what() -> impl Strategy<Value = What> {
    any::<bool>().prop_flat_map(|v4| {
        let pair = || (any_address(v4), any_address(v4));
        prop_oneof![
            1 => pair().prop_map(|(sender, target)| What::Resolution { sender, target }),
            3 => (pair(), any_content()).prop_map(|((src, dst), content)| What::Ip { src, dst, content }),
        ]
    })
}

/// A bridge, compiled once.
struct Compiled {
    file: NetworkFile,
    bridge: &'static str,
    ports: PortMap,
    program: Program,
    pipeline: Pipeline,
}

impl Compiled {
    fn new(text: &str, bridge: &'static str) -> Self {
        let file = file(text);
        let ports = ports(&file, bridge);
        let program = compile(&file, bridge, &ports, &Moment::default());
        let pipeline = Pipeline::new(program.flows.clone());
        Self { file, bridge, ports, program, pipeline }
    }
}

static BRIDGES: LazyLock<[Compiled; 3]> = LazyLock::new(|| {
    [Compiled::new(DUAL_SOCKET, "vmbr0"), Compiled::new(DUAL_SOCKET, "vmbr1"), Compiled::new(MIXED, "br0")]
});

fn agree(on: &Compiled, port: &proptest::sample::Index, what: What, answer: bool) {
    let names: Vec<&str> = on.file.bridge_ports(on.bridge);
    let in_port = *port.get(&names);
    let number = if in_port == "LOCAL" { PortNo::LOCAL } else { on.ports[in_port] };
    let outcome = on.pipeline.run(number, &packet(what, answer));
    let came_out: Vec<String> = outcome
        .outputs
        .iter()
        .map(|(output, _)| match output {
            Output::Port(port) => name_of(&on.ports, *port),
            other => panic!("{other:?} from a compiled pipeline"),
        })
        .collect();
    let expected: Vec<String> = verdict(&on.file, on.bridge, in_port, what);
    let path: Vec<_> = outcome.path.iter().map(|s| &on.program.origins[&s.cookie]).collect();
    assert_eq!(came_out, expected, "{what:?} at {in_port}: {path:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_pipeline_does_what_the_file_says(
        bridge in 0..3usize,
        port in any::<proptest::sample::Index>(),
        what in any_what(),
        answer in any::<bool>(),
    ) {
        agree(&BRIDGES[bridge], &port, what, answer);
    }
}

fn program(text: &str, bridge: &str) -> Program {
    let file = file(text);
    compile(&file, bridge, &ports(&file, bridge), &Moment::default())
}

#[test]
fn every_flow_has_a_cookie_of_its_own_that_leads_back_to_the_file() {
    for (text, bridge) in [
        (DUAL_SOCKET, "vmbr0"),
        (DUAL_SOCKET, "vmbr1"),
        (DUAL_SOCKET, "mesh-privacy"),
        (MIXED, "br0"),
        (MIXED, "br1"),
    ] {
        let program = program(text, bridge);
        let cookies: BTreeSet<_> = program.flows.iter().map(|f| f.cookie).collect();
        assert_eq!(cookies.len(), program.flows.len(), "{bridge}");
        assert!(program.flows.iter().all(|f| program.origins.contains_key(&f.cookie)));
        let keys: BTreeSet<_> = program.flows.iter().map(|f| f.key()).collect();
        assert_eq!(keys.len(), program.flows.len(), "{bridge}: two flows with one key");
    }
}

#[test]
fn every_rule_has_flows() {
    let program = program(DUAL_SOCKET, "vmbr0");
    let rules: BTreeSet<_> =
        program.origins.values().filter(|o| o.kind == OriginKind::Allow).map(|o| o.rule.as_str()).collect();
    assert_eq!(rules, BTreeSet::from(["warp-egress", "vpn-clients"]));
}

#[test]
fn flows_that_overlap_at_one_priority_do_the_same() {
    for (text, bridge) in
        [(DUAL_SOCKET, "vmbr0"), (DUAL_SOCKET, "vmbr1"), (DUAL_SOCKET, "mesh-mgmt"), (MIXED, "br0")]
    {
        let flows = program(text, bridge).flows;
        for (i, a) in flows.iter().enumerate() {
            for b in &flows[i + 1..] {
                let clash = a.table == b.table
                    && a.priority == b.priority
                    && a.matches.overlaps(&b.matches)
                    && a.instructions != b.instructions;
                assert!(!clash, "{bridge}: {a:#?}\n{b:#?}");
            }
        }
    }
}

#[test]
fn a_missing_port_is_named_by_nothing() {
    let file = file(DUAL_SOCKET);
    let all = ports(&file, "vmbr0");
    let mut fewer = all.clone();
    let warp = fewer.remove("warp0").unwrap();
    let program = compile(&file, "vmbr0", &fewer, &Moment::default());
    assert_eq!(program.missing_ports, BTreeSet::from(["warp0".to_owned()]));
    for flow in &program.flows {
        assert_ne!(flow.matches.exact(Field::InPortOxm), Some(warp.0.into()));
        assert!(!flow.instructions.iter().any(|i| names_port(i, warp)), "{flow:#?}");
    }
    // Without WARP the file's own drops are all still there.
    let drops = |p: &Program| {
        p.flows
            .iter()
            .filter(|f| f.table != layout::DESTINATION)
            .filter(|f| f.instructions.is_empty() && f.matches.exact(Field::InPortOxm).is_none())
            .count()
    };
    assert_eq!(drops(&program), drops(&compile(&file, "vmbr0", &all, &Moment::default())));
}

fn names_port(instruction: &Instruction, port: PortNo) -> bool {
    let Instruction::ApplyActions(actions) = instruction else { return false };
    actions.iter().any(|a| match a {
        Action::Output { port: p, .. } => *p == port,
        Action::Load { dst, value } => dst.field == Field::Reg1 && *value == u64::from(port.0),
        Action::Learn(learn) => format!("{learn:?}").contains(&format!("Immediate({})", port.0)),
        _ => false,
    })
}

#[test]
fn a_port_with_another_number_keeps_its_cookies() {
    let file = file(DUAL_SOCKET);
    let mut ports = ports(&file, "vmbr0");
    let cookies = |p: &PortMap| {
        compile(&file, "vmbr0", p, &Moment::default()).flows.iter().map(|f| f.cookie).collect::<BTreeSet<_>>()
    };
    let before = cookies(&ports);
    ports.insert("warp0".to_owned(), PortNo(77));
    assert_eq!(before, cookies(&ports));
}

#[test]
fn every_learner_has_a_bound_and_takes_its_flows_along() {
    let program = program(DUAL_SOCKET, "vmbr0");
    let mut learners = 0;
    for flow in &program.flows {
        for instruction in &flow.instructions {
            let Instruction::ApplyActions(actions) = instruction else { continue };
            for action in actions {
                let Action::Learn(learn) = action else { continue };
                learners += 1;
                assert!([layout::RETURNS, layout::RELATED].contains(&learn.table));
                assert_eq!(learn.priority, layout::RETURN_PRIORITY);
                assert_eq!(learn.cookie, flow.cookie);
                assert!(learn.hard_timeout > 0 && learn.limit > 0);
                assert_eq!(
                    learn.flags & ofproto::action::LEARN_DELETE_LEARNED,
                    ofproto::action::LEARN_DELETE_LEARNED
                );
            }
        }
    }
    assert!(learners > 10);
}

#[test]
fn of_two_rules_that_grant_the_same_the_first_does_it() {
    let more = "[[allow]]\nname = \"tcp-too\"\nfrom = \"gateway\"\nto = \"warp\"\nprotocol = \"tcp\"\n";
    let text = format!("{DUAL_SOCKET}\n{more}");
    assert_eq!(program(&text, "vmbr0").flows, program(DUAL_SOCKET, "vmbr0").flows);
    assert_eq!(flows::check::check(&file(&text)).findings.iter().filter(|f| f.is_error()).count(), 0);
}
