//! The same networks with `stateful = "conntrack"`: the same rows pass and the same do not. What differs:
//!
//! 1. Answers are not learned: tables 1 and 5 have no flow with a timeout, the switch's connection tracker has entries. Only
//!    for answers in fragments there are learned flows, in tables 10 and 11.
//! 2. An answer belongs to one connection: a segment with ACK from a port that was asked, to another port of the client,
//!    passes with learned flows by service and not with the tracker.
//! 3. An ICMP error must be about a packet of the connection: one with the right addresses but about nothing passes with
//!    learned flows and not with the tracker.
//! 4. Fragments never reach the tracker: a request in fragments is answered through learned flows.
//! 5. Traffic by way of a next hop and crossings are learned there too: their answers come from elsewhere than the
//!    packets went to.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;
use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::frames::mac;
use portcullis_tests::running::dual_socket;
use portcullis_tests::traffic::tcp;

use super::{arrive, lab, passed, probed, related};

/// A file's networks with the connection tracker.
pub(super) fn tracked(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        out += line;
        out.push('\n');
        if line.starts_with("[network.") && line.matches('.').count() == 1 {
            out += "stateful = \"conntrack\"\n";
        }
    }
    assert!(out.contains("conntrack"));
    out
}

#[test]
fn the_dual_socket_network_with_the_connection_tracker() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tracked.toml");
    std::fs::write(&path, tracked(&dual_socket())).unwrap();
    let (scenario, lab) = lab(&path);
    let rounds = probed(&scenario, &lab);
    for rule in ["warp-egress", "vpn-clients", "op-dbus-api", "inside management", "privacy-health"] {
        assert!(passed(&rounds, rule), "{rule}");
    }
}

#[test]
fn what_belongs_to_a_conversation_without_its_ports() {
    let net = Running::start(&tracked(related::FILE), LabOptions::default());
    related::long_answers(&net);
    related::refusals(&net);
    learns_nothing(&net);
}

/// Difference 1.
fn learns_nothing(net: &Running) {
    let learned = |f: &&String| {
        let head = f.split(" actions=").next().unwrap();
        head.contains("hard_timeout=") && !head.contains("table=10,") && !head.contains("table=11,")
    };
    assert_eq!(net.flows("br0").iter().filter(learned).collect::<Vec<_>>(), Vec::<&String>::new());
    let tracked = net.lab.appctl(&["dpctl/dump-conntrack", "netdev@ovs-netdev"]).unwrap();
    assert!(tracked.contains("10.7.0.2"), "{tracked}");
}

/// Difference 2, from both sides.
#[test]
fn an_answer_belongs_to_one_connection() {
    for (text, passes) in [(related::FILE.to_owned(), true), (tracked(related::FILE), false)] {
        let net = Running::start(&text, LabOptions::default());
        assert!(tcp(&net.lab, "a", "b", "10.7.0.2:80"));
        let macs = (mac(&net.lab, "b"), mac(&net.lab, "a"));
        let (a, b) = (Ipv4Addr::new(10, 7, 0, 1), Ipv4Addr::new(10, 7, 0, 2));
        let mut stray = Vec::new();
        let segment =
            PacketBuilder::ethernet2(macs.0, macs.1).ipv4(b.octets(), a.octets(), 60).tcp(80, 9, 7, 9);
        segment.ack(1).write(&mut stray, b"").unwrap();
        assert_eq!(arrive(&net, "b", "a", &[stray]) > 0, passes, "{text}");
    }
}
