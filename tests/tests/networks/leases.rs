//! Addresses that DHCP gives: each belongs to the port that leased it, and one that was not leased sends nothing.

use std::net::Ipv4Addr;

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::dhcp::{DhcpMessageType, Message, UNSET};
use portcullis_tests::frames::{EVERYBODY, mac};

use super::conntrack::tracked;
use super::{arrive, heard};

/// Two clients of one server, which may ask out; the server may ask the first.
pub(super) const FILE: &str = r#"
[network.l]
bridge = "br0"
subnets = ["10.5.0.0/24"]
[endpoint.l1]
attach = [{ network = "l", port = "l1", leased = true, mac = "02:00:00:00:05:01" }]
[endpoint.l2]
attach = [{ network = "l", port = "l2", leased = true }]
[endpoint.s]
attach = [{ network = "l", port = "s", addresses = ["10.5.0.9"], mac = "02:00:00:00:05:09" }]
[exit.out]
network = "l"
port = "lx"
next_hop = ["10.5.0.254"]
[[allow]]
name = "lease"
from = ["l1", "l2"]
to = "s"
protocol = "dhcp"
[[allow]]
name = "dns"
from = ["l1", "l2"]
to = "out"
protocol = "udp"
ports = [53]
[[allow]]
name = "look"
from = "s"
to = "l1"
protocol = "udp"
ports = [8080]
"#;

pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 5, 0, 9);
pub(super) const WORLD: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
pub(super) const FIRST: Ipv4Addr = Ipv4Addr::new(10, 5, 0, 77);
pub(super) const SECOND: Ipv4Addr = Ipv4Addr::new(10, 5, 0, 78);

/// A datagram with both ports.
pub(super) fn datagram(macs: ([u8; 6], [u8; 6]), from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ethernet2(macs.0, macs.1);
    let mut frame = Vec::new();
    builder.ipv4(from.0.octets(), to.0.octets(), 9).udp(from.1, to.1).write(&mut frame, b"frame").unwrap();
    frame
}

/// How many packets of a place as that address come out at the exit.
pub(super) fn asks(net: &Running, place: &str, source: Ipv4Addr) -> u64 {
    let macs = (mac(&net.lab, place), mac(&net.lab, "out"));
    arrive(net, place, "out", &[datagram(macs, (source, 4_000), (WORLD, 53))])
}

/// How many answers to that address come out at a place.
pub(super) fn answers(net: &Running, place: &str, target: Ipv4Addr) -> u64 {
    let macs = (mac(&net.lab, "out"), mac(&net.lab, place));
    arrive(net, "out", place, &[datagram(macs, (WORLD, 53), (target, 4_000))])
}

/// The client asks, the server gives; whether the client hears of it.
pub(super) fn lease(net: &Running, client: &str, address: Ipv4Addr) -> bool {
    lease_for(net, client, address, 3_600)
}

/// The same for so many seconds.
pub(super) fn lease_for(net: &Running, client: &str, address: Ipv4Addr, seconds: u32) -> bool {
    let (chaddr, server) = (mac(&net.lab, client), mac(&net.lab, "s"));
    let request = Message::of_client(DhcpMessageType::Request, 7, chaddr);
    let asked = arrive(net, client, "s", &[request.request(chaddr, UNSET, Ipv4Addr::BROADCAST)]);
    assert!(asked > 0, "{client}: the request");
    let ack =
        Message { lease: Some(seconds), ..Message::of_server(DhcpMessageType::Ack, 7, chaddr, address) };
    let frame = ack.answer((server, EVERYBODY), SERVER, Ipv4Addr::BROADCAST);
    arrive(net, "s", client, &[frame]) > 0
}

#[test]
fn an_address_belongs_to_the_port_that_leased_it() {
    let mut net = Running::start(FILE, LabOptions::default());
    assert_eq!(asks(&net, "l1", FIRST), 0, "before it is leased");
    assert!(lease(&net, "l1", FIRST) && lease(&net, "l2", SECOND));
    assert!(asks(&net, "l1", FIRST) > 0 && asks(&net, "l2", SECOND) > 0);
    assert!(answers(&net, "l1", FIRST) > 0, "the answer");

    // The other's address takes over nothing.
    assert_eq!(asks(&net, "l2", FIRST), 0, "the other's address");
    assert!(answers(&net, "l1", FIRST) > 0, "the answer is still the first one's");
    assert_eq!(heard(&net, "l2", || assert!(answers(&net, "l1", FIRST) > 0)), 0);
    for nobodys in [[10, 5, 0, 0], [10, 5, 0, 255], [10, 5, 0, 254], [10, 5, 0, 9], [10, 5, 0, 99]] {
        assert_eq!(asks(&net, "l2", nobodys.into()), 0, "{nobodys:?}");
        assert!(!lease(&net, "l1", nobodys.into()) || nobodys == [10, 5, 0, 99], "{nobodys:?} is given");
    }
    assert!(!lease(&net, "l2", Ipv4Addr::new(10, 5, 0, 99)), "what another has, and has not given back");
    assert_eq!(asks(&net, "l1", FIRST), 0, "the address that it gave up for another");
    assert!(lease(&net, "l1", FIRST));

    // Whoever has an address can be reached at it.
    let to = |address| datagram((mac(&net.lab, "s"), EVERYBODY), (SERVER, 4_000), (address, 8_080));
    assert!(arrive(&net, "s", "l1", &[to(FIRST)]) > 0, "a rule to a leased address");
    assert_eq!(arrive(&net, "s", "l2", &[to(SECOND)]), 0, "no rule");

    // Leases live without the controller, and the next one knows them.
    assert!(asks(&net, "l1", FIRST) > 0);
    net.kill_controller();
    assert!(asks(&net, "l1", FIRST) > 0, "without the controller");
    net.start_controller();
    assert!(asks(&net, "l1", FIRST) > 0, "after a restart");
    assert_eq!(asks(&net, "l2", FIRST), 0);

    // What somebody else writes is taken out.
    let flows = net.flows("br0");
    let real = flows.iter().find(|f| f.contains("table=7") && f.contains("nw_src=10.5.0.78")).unwrap();
    let forged = real.replace("10.5.0.78", "10.5.0.79");
    net.lab.ofctl(&["add-flow", "br0", &forged]).unwrap();
    net.wait_for("the forged lease to go", || {
        (!net.flows("br0").iter().any(|f| f.contains("nw_src=10.5.0.79"))).then_some(())
    });

    // Given back, it is nobody's, and nobody's answers come.
    let client = mac(&net.lab, "l1");
    let release = Message { ciaddr: FIRST, ..Message::of_client(DhcpMessageType::Release, 8, client) };
    assert!(arrive(&net, "l1", "s", &[release.request(client, FIRST, SERVER)]) > 0);
    assert_eq!(asks(&net, "l1", FIRST), 0, "after it was given back");
    assert_eq!(answers(&net, "l1", FIRST), 0, "the answers that it waited for");
    assert!(lease(&net, "l2", FIRST), "somebody else may have it now");
    assert!(asks(&net, "l2", FIRST) > 0 && answers(&net, "l2", FIRST) > 0);
}

/// The same with the connection tracker: who may send does not depend on how answers are told.
#[test]
fn a_tracked_network_binds_leases_too() {
    let net = Running::start(&tracked(FILE), LabOptions::default());
    assert_eq!(asks(&net, "l1", FIRST), 0, "before it is leased");
    assert!(lease(&net, "l1", FIRST) && lease(&net, "l2", SECOND));
    assert!(asks(&net, "l1", FIRST) > 0 && answers(&net, "l1", FIRST) > 0);
    assert_eq!(asks(&net, "l2", FIRST), 0, "the other's address");
    assert_eq!(heard(&net, "l2", || assert!(answers(&net, "l1", FIRST) > 0)), 0);
}
