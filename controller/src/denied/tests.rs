use std::net::{IpAddr, Ipv4Addr};

use etherparse::PacketBuilder;
use flows::compile::{Origin, OriginKind, PortMap, Program, Reason, TimeContext, compile};
use flows::network::{NetworkFile, parse};
use flows::verify::interp::{Output, Packet, Pipeline, TCP_SYN};
use ofproto::PortNo;

use super::*;

const FILE: &str = r#"
[bridge.br0]
sample_denied = 10

[network.n]
bridge = "br0"
subnets = ["10.9.0.0/24"]

[network.m]
bridge = "br0"
subnets = ["10.8.0.0/24"]

[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.9.0.1"] }]

[endpoint.b]
attach = [{ network = "n", port = "b0", addresses = ["10.9.0.2"] }]

[endpoint.d]
attach = [{ network = "m", port = "d0", addresses = ["10.8.0.1"] }]

[exit.up]
network = "n"
port = "up0"

[outside.dns]
exit = "up"
addresses = ["192.0.2.53/32"]

[[allow]]
name = "later"
from = "a"
to = "b"
protocol = "tcp"
ports = [22]
temp = "night"

[[allow]]
name = "a-to-b-udp-53"
from = "b"
to = "a"
protocol = "udp"
ports = [54]
"#;

const PORTS: [&str; 5] = ["a0", "b0", "d0", "up0", "stray"];
const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

fn file(text: &str) -> NetworkFile {
    parse(text, "test.toml").unwrap_or_else(|findings| panic!("{text}\n{findings:#?}")).0
}

fn ports() -> PortMap {
    PORTS.iter().zip(1..).map(|(name, number)| ((*name).to_owned(), PortNo(number))).collect()
}

fn program(text: &str) -> Program {
    compile(&file(text), "br0", &ports(), &TimeContext::default())
}

/// Returns a packet of a protocol: its frame, and its form for the interpreter.
fn packet(protocol: Protocol, from: &str, to: &str, port: u16) -> (Vec<u8>, Packet) {
    let (from, to): (Ipv4Addr, Ipv4Addr) = (from.parse().unwrap(), to.parse().unwrap());
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4(from.octets(), to.octets(), 64);
    let ip = |number| Packet::ipv4(MACS.0, MACS.1, from, to, number);
    let mut frame = Vec::new();
    let packet = match protocol {
        Protocol::Tcp => {
            builder.tcp(4_000, port, 0, 100).syn().write(&mut frame, &[]).unwrap();
            ip(6).tcp(4_000, port, TCP_SYN)
        }
        Protocol::Udp => {
            builder.udp(4_000, port).write(&mut frame, &[7; 300]).unwrap();
            ip(17).udp(4_000, port)
        }
        _ => {
            builder.icmpv4_echo_request(1, 1).write(&mut frame, &[7; 300]).unwrap();
            ip(1).icmp(8, 0)
        }
    };
    frame.truncate(flows::compile::sample::LENGTH.into());
    (frame, packet)
}

/// Runs a packet through the flows of a file. Returns the sample that the controller would get, and
/// whether the packet was forwarded.
fn run(text: &str, port: &str, frame: &[u8], packet: &Packet) -> (Option<Sample>, bool) {
    let program = program(text);
    let pipeline = Pipeline::new(program.flows().cloned().collect());
    let in_port = ports()[port];
    let outcome = pipeline.run(in_port, packet);
    let (shown, out): (Vec<_>, Vec<_>) =
        outcome.outputs.iter().partition(|(output, _)| *output == Output::Controller);
    let sample = || {
        let origin = program.origin(outcome.path.last()?.cookie)?.clone();
        Some(Sample { in_port, port_name: port.to_owned(), seen: Seen::parse(frame), origin })
    };
    assert_eq!(shown.is_empty(), outcome.dropped_by.is_none(), "{outcome:?}");
    (sample().filter(|_| !shown.is_empty()), !out.is_empty())
}

fn told(text: &str, sample: Sample) -> DeniedReport {
    let mut table = DeniedTable::default();
    table.add(sample, 1_000);
    report(&file(text), "br0", table.entries().next().unwrap())
}

#[test]
fn the_line_that_is_proposed_is_taken_and_lets_the_packet_pass() {
    for (port, protocol, from, to, number, who, whom) in [
        ("a0", Protocol::Tcp, "10.9.0.1", "10.9.0.2", 443, "a", "b"),
        ("a0", Protocol::Udp, "10.9.0.1", "10.9.0.2", 53, "a", "b"),
        ("b0", Protocol::Icmp, "10.9.0.2", "10.9.0.1", 0, "b", "a"),
        ("a0", Protocol::Tcp, "10.9.0.1", "192.0.2.53", 853, "a", "dns"),
        ("a0", Protocol::Tcp, "10.9.0.1", "198.51.100.1", 80, "a", "up"),
        ("up0", Protocol::Tcp, "198.51.100.1", "10.9.0.1", 80, "up", "a"),
    ] {
        let (frame, packet) = packet(protocol, from, to, number);
        let (sample, passed) = run(FILE, port, &frame, &packet);
        assert!(!passed, "{from} {to} {number}");
        let told = told(FILE, sample.expect("a sample"));
        assert_eq!((told.from.as_deref(), told.to.as_deref()), (Some(who), Some(whom)), "{told:#?}");
        assert_eq!(told.reason, "not-allowed");
        let line = told.allow.unwrap_or_else(|| panic!("{:?}", told.help));
        let (_, passed) = run(&format!("{FILE}\n{line}"), port, &frame, &packet);
        assert!(passed, "{line}");
    }
}

#[test]
fn a_name_of_an_assertion_is_not_proposed() {
    for rule in ["never", "always", "confine"] {
        let text = format!("{FILE}\n[[{rule}]]\nname = \"a-to-b-tcp-443\"\nfrom = \"a\"\nto = \"b\"\n");
        let (frame, packet) = packet(Protocol::Tcp, "10.9.0.1", "10.9.0.2", 443);
        let (sample, _) = run(&text, "a0", &frame, &packet);
        let line = told(&text, sample.expect("a sample")).allow.expect("a line");
        assert!(line.contains("name = \"a-to-b-tcp-443.2\"\n"), "{rule}: {line}");
        file(&format!("{text}\n{line}"));
    }
}

#[test]
fn where_no_line_would_do_it_is_said_what_would() {
    for (port, protocol, from, to, number, reason, help) in [
        ("a0", Protocol::Tcp, "10.9.0.1", "10.8.0.1", 80, "isolation", "[[crossing]]"),
        ("a0", Protocol::Tcp, "10.9.0.9", "10.9.0.2", 80, "spoofed", "not the sender's own"),
        ("stray", Protocol::Tcp, "192.0.2.9", "10.9.0.2", 80, "unknown-port", "no port stray"),
        ("stray", Protocol::Tcp, "10.9.0.9", "10.9.0.2", 80, "spoofed", "no port stray"),
        ("a0", Protocol::Tcp, "10.9.0.1", "10.9.0.77", 80, "not-allowed", "nobody in network n"),
        ("a0", Protocol::Tcp, "10.9.0.1", "10.9.0.2", 22, "not-allowed", "window night"),
    ] {
        let (frame, packet) = packet(protocol, from, to, number);
        let (sample, passed) = run(FILE, port, &frame, &packet);
        assert!(!passed, "{from} {to} {number}");
        let told = told(FILE, sample.expect("a sample"));
        assert_eq!((&*told.reason, told.allow.as_deref()), (reason, None), "{told:#?}");
        assert!(told.help.as_deref().is_some_and(|said| said.contains(help)), "{told:#?}");
    }
}

#[test]
fn an_answer_opens_nothing_and_a_question_for_an_address_names_no_protocol() {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4([10, 9, 0, 1], [10, 9, 0, 2], 64);
    builder.tcp(443, 5_000, 0, 100).syn().ack(1).write(&mut frame, &[]).unwrap();
    let packet = Packet::ipv4(MACS.0, MACS.1, [10, 9, 0, 1].into(), [10, 9, 0, 2].into(), 6);
    let (sample, _) = run(FILE, "a0", &frame, &packet.tcp(443, 5_000, 0x12));
    let told_of = told(FILE, sample.expect("a sample"));
    assert!(told_of.help.is_some_and(|help| help.contains("opens no connection")));

    let none = FILE.split("[[allow]]").next().unwrap();
    let (from, to) = (Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2));
    let packet = etherparse::ArpEthIpv4Packet {
        operation: etherparse::ArpOperation::REQUEST,
        sender_mac: MACS.0,
        sender_ipv4: from.octets(),
        target_mac: [0; 6],
        target_ipv4: to.octets(),
    };
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(MACS.0, [0xff; 6]).arp(packet.into()).write(&mut frame).unwrap();
    let (sample, _) = run(none, "a0", &frame, &Packet::arp(MACS.0, [0xff; 6], 1, from, to));
    let told = told(none, sample.expect("a sample"));
    assert_eq!((&*told.reason, &*told.protocol, told.to.as_deref()), ("not-joined", "arp", Some("b")));
}

fn sample(n: u16) -> Sample {
    let seen = Seen {
        from: Some(IpAddr::from([10, 9, 0, 1])),
        to: Some(IpAddr::from([10, 9, 0, 2])),
        protocol: Protocol::Udp,
        port: Some(n),
        opens: true,
    };
    let origin = Origin {
        kind: OriginKind::Deny,
        rule: "deny".to_owned(),
        reason: Some(Reason::NotAllowed),
        detail: String::new(),
    };
    Sample { in_port: PortNo(1), port_name: "a0".to_owned(), seen, origin }
}

#[test]
fn a_table_keeps_those_that_were_seen_last() {
    let mut table = DeniedTable::default();
    for n in 0..5_000u16 {
        table.add(sample(n), n.into());
        // One key is seen again and again.
        table.add(sample(7), n.into());
    }
    assert_eq!(table.entries().count(), CAPACITY);
    let last: Vec<u16> = table.entries().take(3).filter_map(|entry| entry.last.seen.port).collect();
    assert_eq!(last, [7, 4_999, 4_998]);
    let often = table.entries().next().unwrap();
    assert_eq!((often.samples, often.first_at, often.last_at), (5_001, 0, 4_999));
    assert_eq!(table.forgotten(), 5_000 - CAPACITY as u64);
}

#[test]
fn whatever_the_bytes_are_they_are_read() {
    let (frame, _) = packet(Protocol::Udp, "10.9.0.1", "10.9.0.2", 53);
    for end in 0..frame.len() {
        let seen = Seen::parse(&frame[..end]);
        assert!(seen.port.is_none_or(|port| port == 53 && end >= 38), "{end}: {seen:?}");
        for value in [0, 0xff] {
            let mut frame = frame.clone();
            frame[end] = value;
            Seen::parse(&frame);
        }
    }
    assert_eq!(Seen::parse(&[]).protocol, Protocol::Ethernet(0));
}

#[test]
fn sampling_changes_no_verdict_and_no_order_of_changes() {
    let plain = FILE.replace("sample_denied = 10", "");
    let (sampled, plain) = (program(FILE), program(&plain));
    let shown = sampled.flows().filter(|flow| !flow.instructions.is_empty() && flow.drops()).count();
    assert!(shown > 3, "{shown}");
    for (a, b) in sampled.flows().zip(plain.flows()) {
        assert_eq!((a.key(), a.cookie, a.drops()), (b.key(), b.cookie, b.drops()));
        assert!(a.drops() || a.instructions == b.instructions);
    }
    let mods = flows::diff::diff(sampled.flows(), [], |_| false);
    let drops = |m: &ofproto::message::FlowMod| {
        let flow = flows::Flow::new(m.table_id, m.priority, flows::FlowMatch::any());
        flows::Flow { instructions: m.instructions.clone(), ..flow }.drops()
    };
    let first_pass = mods.iter().position(|m| !drops(m)).unwrap();
    assert!(!mods[first_pass..].iter().any(drops));

    let mut without = sampled;
    without.unsample();
    assert!(without.flows().eq(plain.flows()));
}
