//! The compiled dual-socket network: what the interpreter says about it is what Open vSwitch does, return flows
//! included.

use std::collections::BTreeSet;

use flows::compile::PortMap;
use flows::network;
use flows::verify::bridge_flows::{BridgeFlows, compiled};
use flows::verify::interp::{Packet, Pipeline, TCP_ACK, TCP_RST, TCP_SYN};
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::agree;
use super::packets::Gene;
use super::switch::Switch;

const FILE: &str = include_str!("../../../../flows/networks/dual-socket.toml");

/// So many packets a bridge.
const PACKETS: usize = 150;

#[test]
fn the_compiled_network_agrees() {
    let (file, _) = network::parse(FILE, "dual-socket.toml").unwrap();
    let bridges = compiled(&file);
    let sizes: Vec<(&str, u32)> =
        bridges.iter().map(|b| (b.name, u32::try_from(b.ports.len()).unwrap())).collect();
    let switch = Switch::start(&sizes);
    let mut runner = TestRunner::deterministic();
    let mut put_out = 0;
    let mut learned = 0;
    for BridgeFlows { name, flows, ports, .. } in bridges {
        let asked = flows.len();
        let flows = switch.install(name, flows);
        assert_eq!(flows.len(), asked, "the switch refuses flows of {name}");
        let mut pipeline = Pipeline::new(flows);
        for _ in 0..PACKETS {
            let gene = any::<[u8; 16]>().new_tree(&mut runner).unwrap().current();
            let (in_port, packet) = packet(&gene, &ports);
            let outcome = agree(&switch, name, &pipeline, in_port, &packet, true);
            put_out += usize::from(!outcome.outputs.is_empty());
            // And the way back of what was let out, which only a learned flow can open.
            if let (Some((flows::verify::interp::Output::Port(port), out)), false) =
                (outcome.outputs.first(), outcome.learned.is_empty())
            {
                let reply = reversed(out);
                pipeline.learn(outcome.learned.clone());
                let back = agree(&switch, name, &pipeline, *port, &reply, true);
                assert_eq!(back.outputs.len(), 1, "no way back for {reply:?}");
                pipeline.learn(back.learned);
            } else {
                pipeline.learn(outcome.learned);
            }
        }
        // What the switch has learned is what the interpreter has.
        let hard = |flow: &flows::Flow| flow.hard_timeout > 0;
        let learnt = |flow: &&flows::Flow| [TableId(1), TableId(5)].contains(&flow.table) && hard(flow);
        let what = |f: &flows::Flow| (f.priority, f.cookie.0, f.matches.clone(), format!("{f:?}"));
        let ours: BTreeSet<_> = pipeline.flows().iter().filter(learnt).map(what).collect();
        let real = switch.flows(name);
        let real: BTreeSet<_> = real.iter().filter(learnt).map(what).collect();
        assert_eq!(ours, real);
        learned += ours.len();
    }
    println!("{put_out} packets came out, {learned} flows learned");
    assert!(put_out > PACKETS / 4 && learned > PACKETS / 20);
}

#[test]
fn an_established_connection_agrees() {
    let (file, _) = network::parse(FILE, "dual-socket.toml").unwrap();
    let bridge = compiled(&file).into_iter().find(|b| b.name == "vmbr1").unwrap();
    let switch = Switch::start(&[("vmbr1", u32::try_from(bridge.ports.len()).unwrap())]);
    let mut pipeline = Pipeline::new(switch.install("vmbr1", bridge.flows));
    let (mesh, api) = (bridge.ports["from-mgmt"], bridge.ports["veth201"]);
    let syn = Packet::ipv4(
        [2, 0, 0, 0, 0, 1],
        [2, 0, 0, 0, 0, 2],
        [10, 1, 0, 50].into(),
        [10, 1, 0, 201].into(),
        6,
    )
    .tcp(33_000, 9573, TCP_SYN);
    let answer = reversed(&syn).with(Field::TcpFlags, (TCP_SYN | TCP_ACK).into());
    assert!(agree(&switch, "vmbr1", &pipeline, api, &answer, false).outputs.is_empty());
    let opened = agree(&switch, "vmbr1", &pipeline, mesh, &syn, true);
    // Answers with ACK, resets without, and what has no ports.
    assert_eq!(opened.learned.len(), 3);
    pipeline.learn(opened.learned);
    assert_eq!(agree(&switch, "vmbr1", &pipeline, api, &answer, false).outputs.len(), 1);
    // By service: whichever port of the client it is for. But nothing is opened from there.
    let another = answer.clone().with(Field::TcpDst, 33_001);
    assert_eq!(agree(&switch, "vmbr1", &pipeline, api, &another, false).outputs.len(), 1);
    let reset = answer.clone().with(Field::TcpFlags, TCP_RST.into());
    assert_eq!(agree(&switch, "vmbr1", &pipeline, api, &reset, false).outputs.len(), 1);
    let opening = answer.clone().with(Field::TcpFlags, TCP_SYN.into());
    assert!(agree(&switch, "vmbr1", &pipeline, api, &opening, false).outputs.is_empty());
    let service = answer.clone().with(Field::TcpSrc, 9574);
    assert!(agree(&switch, "vmbr1", &pipeline, api, &service, false).outputs.is_empty());
    // An ICMP error, and a later fragment: of the one who was asked, to the one who asked.
    let error = Packet::ipv4(
        [2, 0, 0, 0, 0, 2],
        [2, 0, 0, 0, 0, 1],
        [10, 1, 0, 201].into(),
        [10, 1, 0, 50].into(),
        1,
    )
    .icmp(3, 3);
    assert_eq!(agree(&switch, "vmbr1", &pipeline, api, &error, false).outputs.len(), 1);
    let elsewhere =
        error.clone().with(Field::Ipv4Dst, u32::from(std::net::Ipv4Addr::new(10, 1, 0, 51)).into());
    assert!(agree(&switch, "vmbr1", &pipeline, api, &elsewhere, false).outputs.is_empty());
    let echo = error.with(Field::Icmpv4Type, 8);
    assert!(agree(&switch, "vmbr1", &pipeline, api, &echo, false).outputs.is_empty());
}

/// The answer to a packet: everything exchanged.
fn reversed(packet: &Packet) -> Packet {
    let mut back = packet.clone();
    let pairs = [
        (Field::EthSrc, Field::EthDst),
        (Field::Ipv4Src, Field::Ipv4Dst),
        (Field::TcpSrc, Field::TcpDst),
        (Field::UdpSrc, Field::UdpDst),
        (Field::SctpSrc, Field::SctpDst),
    ];
    for (a, b) in pairs {
        if let (Some(x), Some(y)) = (packet.value(a), packet.value(b)) {
            back.put(a, y);
            back.put(b, x);
        }
    }
    // An answer has ACK, whatever else it has.
    if let Some(flags) = packet.value(Field::TcpFlags) {
        back.put(Field::TcpFlags, flags | u128::from(TCP_ACK));
    }
    if packet.value(Field::Icmpv4Type) == Some(8) {
        back.put(Field::Icmpv4Type, 0);
    }
    back
}

/// Packets of the dual-socket network's own addresses and some others.
fn packet(gene: &[u8], ports: &PortMap) -> (PortNo, Packet) {
    let mut g = Gene(gene);
    let addresses = [
        [10, 0, 0, 100],
        [10, 0, 0, 102],
        [10, 0, 0, 1],
        [10, 0, 0, 50],
        [10, 8, 0, 9],
        [10, 1, 0, 200],
        [10, 1, 0, 201],
        [10, 1, 0, 202],
        [10, 1, 0, 1],
        [10, 1, 0, 50],
        [1, 1, 1, 1],
        [255, 255, 255, 255],
    ];
    // Half of the packets are what an honest sender sends: a rule may be for them.
    let honest = g.below(2) == 0;
    let names: Vec<&str> = ports.keys().map(String::as_str).chain(["LOCAL"]).collect();
    let name = g.pick(&names);
    let in_port = ports.get(name).copied().unwrap_or(PortNo::LOCAL);
    let (from, to) = match name {
        "veth100" if honest => (g.pick(&[[10, 0, 0, 100], [10, 8, 0, 9]]), [1, 1, 1, 1]),
        "veth102" if honest => ([10, 0, 0, 102], [1, 1, 1, 1]),
        "from-privacy" | "nm-privacy" if honest => ([10, 0, 0, 50], g.pick(&[[1, 1, 1, 1], [10, 0, 0, 100]])),
        "warp0" if honest => ([1, 1, 1, 1], [10, 0, 0, 100]),
        "veth200" if honest => ([10, 1, 0, 200], [10, 1, 0, 201]),
        "from-mgmt" | "nm-mgmt" if honest => ([10, 1, 0, 50], [10, 1, 0, 201]),
        "LOCAL" if honest => ([10, 1, 0, 1], [10, 1, 0, 202]),
        _ => (g.pick(&addresses), g.pick(&addresses)),
    };
    let (src, dst) = ([2, 0, 0, 0, 0, 1], g.pick(&[[2, 0, 0, 0, 0, 2], [0xff; 6]]));
    let v4 = Packet::ipv4(src, dst, from.into(), to.into(), 0);
    let v6 = Packet::ipv6(src, dst, (0xfe80_u128 << 112 | 1).into(), (0xfe80_u128 << 112 | 2).into(), 0);
    let (sport, dport) = (g.pick(&[33_000, 33_001]), g.pick(&[9573, 9574, 51820, 443]));
    let packet = match g.below(12) {
        0..=3 => v4.tcp(sport, dport, g.pick(&[TCP_SYN, TCP_ACK])),
        4..=5 => v4.udp(sport, dport),
        6..=7 => v4.icmp(g.pick(&[8, 8, 0, 3]), 0),
        8 => v4.sctp(sport, dport),
        9 => v4.with(Field::IpProto, 47),
        10 => v6.udp(sport, dport),
        _ => Packet::arp(src, dst, g.pick(&[1, 2]), from.into(), to.into()),
    };
    (in_port, if g.below(12) == 0 { packet.tagged(7, 0) } else { packet })
}
