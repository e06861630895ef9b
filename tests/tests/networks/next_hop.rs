//! The way out by the gateway: open while its window is, and then for the answers only.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;
use lab::LabOptions;
use portcullis_tests::frames::{mac, udp as datagram};
use portcullis_tests::traffic::{Udp, tcp, tcp_now, udp};
use portcullis_tests::{Running, network_file};

use super::{arrive, window};

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
const JOI: Ipv4Addr = Ipv4Addr::new(172, 22, 22, 2);

/// A segment from a server outside, as the gateway would hand it on: with ACK or without.
fn segment(net: &Running, port: u16, opens: bool) -> Vec<u8> {
    let macs = (mac(&net.lab, "gateway"), mac(&net.lab, "joi"));
    let tcp = PacketBuilder::ethernet2(macs.0, macs.1)
        .ipv4(OUTSIDE.octets(), JOI.octets(), 60)
        .tcp(port, 40_000, 7, 9);
    let mut frame = Vec::new();
    if opens { tcp.syn() } else { tcp.ack(1) }.write(&mut frame, b"").unwrap();
    frame
}

#[test]
fn answers_from_outside_come_in_only_while_the_window_is_open() {
    let text = std::fs::read_to_string(network_file("comm-matrix.toml")).unwrap();
    let net = Running::start(&text, LabOptions::default());
    // The gateway's address outside comes by DHCP.
    net.lab.lease(&net.file).unwrap();
    let to = |port: u16| format!("{OUTSIDE}:{port}");
    let out = |port: u16| tcp(&net.lab, "joi", "internet", &to(port));
    let refused = |port: u16| !tcp_now(&net.lab, "joi", "internet", &to(port));
    let answer = |port: u16| arrive(&net, "gateway", "joi", &[segment(&net, port, false)]);
    assert!(refused(443) && answer(443) == 0, "the window is closed");

    window(&net, &["open", "updates", "--for", "10m", "--reason", "apt upgrade"]);
    net.settle();
    // Nobody has asked yet.
    assert_eq!(answer(443), 0, "no answer, as nothing was asked");
    // Whoever asked for the MAC in vain a moment ago waits a little before it asks again.
    net.wait_for("the way by the gateway, with its address outside", || out(443).then_some(()));
    assert!(out(80));
    assert_eq!(udp(&net.lab, "joi", "internet", &to(53)), Udp::Answered);
    assert!(refused(8443), "no rule for that port");
    assert!(answer(443) > 0, "an answer");
    assert_eq!(answer(8443), 0, "of another service");
    assert_eq!(
        arrive(&net, "gateway", "joi", &[segment(&net, 443, true)]),
        0,
        "nothing is opened from outside"
    );
    let macs = (mac(&net.lab, "gateway"), mac(&net.lab, "joi"));
    assert_eq!(arrive(&net, "gateway", "joi", &[datagram(macs, OUTSIDE, JOI, 123)]), 0, "nor by UDP");
    // What the gateway may send outside to others is its own.
    let macs = (mac(&net.lab, "joi"), mac(&net.lab, "ntp"));
    assert_eq!(arrive(&net, "joi", "ntp", &[datagram(macs, JOI, OUTSIDE, 53)]), 0, "by another's MAC");

    window(&net, &["close", "updates"]);
    net.settle();
    net.wait_for("what was learned to go", || (answer(443) == 0).then_some(()));
    assert!(refused(443), "the window is closed again");
    assert!(net.flows("vmbr1").iter().all(|f| !f.contains("table=1,") || !f.contains("198.51.100.10")));
}
