//! DHCP: whom a client's requests reach, and whose answers reach it.

use std::net::Ipv4Addr;

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::dhcp::{DhcpMessageType, Message, UNSET};
use portcullis_tests::frames::{EVERYBODY, mac};

use super::arrive;

/// A client whose server is out on the Internet, and two neighbours.
const OUTSIDE: &str = r#"
[network.l]
bridge = "br0"
subnets = ["10.5.0.0/24"]
[endpoint.l1]
attach = [{ network = "l", port = "l1", leased = true, mac = "02:00:00:00:05:01" }]
[endpoint.l2]
attach = [{ network = "l", port = "l2", leased = true, mac = "02:00:00:00:05:02" }]
[endpoint.s]
attach = [{ network = "l", port = "s", addresses = ["10.5.0.9"] }]
[exit.out]
network = "l"
port = "lx"
next_hop = ["10.5.0.254"]
[outside.dhcp]
exit = "out"
addresses = ["203.0.113.5"]
[[allow]]
name = "lease"
from = "l1"
to = "dhcp"
protocol = "dhcp"
"#;

const ALL: Ipv4Addr = Ipv4Addr::BROADCAST;
const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
const STRANGER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

#[test]
fn requests_go_to_the_servers_and_answers_come_from_them_alone() {
    let net = Running::start(OUTSIDE, LabOptions::default());
    let client = mac(&net.lab, "l1");
    let discover = Message::of_client(DhcpMessageType::Discover, 7, client);
    let asks = |to| arrive(&net, "l1", "out", &[discover.request(client, UNSET, to)]);
    assert!(asks(ALL) > 0, "to everybody");
    assert!(asks(SERVER) > 0, "to the server");
    assert_eq!(asks(STRANGER), 0, "to any host on the Internet");
    assert_eq!(asks(Ipv4Addr::new(10, 5, 0, 254)), 0, "to the next hop, which is no server");
    assert_eq!(arrive(&net, "l1", "s", &[discover.request(client, UNSET, ALL)]), 0, "to a neighbour");

    let lease = Ipv4Addr::new(10, 5, 0, 77);
    let offer = Message::of_server(DhcpMessageType::Offer, 7, client, lease);
    let from = mac(&net.lab, "out");
    let answers = |to_mac, source, to| arrive(&net, "out", "l1", &[offer.answer((from, to_mac), source, to)]);
    assert!(answers(EVERYBODY, SERVER, ALL) > 0, "from the server");
    assert_eq!(answers(EVERYBODY, STRANGER, ALL), 0, "from any host on the Internet");
    assert_eq!(answers(client, STRANGER, lease), 0, "the same, to the client");
    assert_eq!(answers(client, SERVER, Ipv4Addr::new(10, 5, 0, 9)), 0, "a packet for another endpoint");
}
