//! Gratuitous ARP, unsolicited advertisements, probes: what somebody says of itself reaches those whom a rule joins to it.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::PacketBuilder;
use portcullis::lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::frames::{ADVERTISEMENT, EVERYBODY, Ear, arp, emit, mac, nd};

use super::must;

fn file(network: &str) -> String {
    format!(
        r#"
[network.n]
bridge = "br0"
subnets = ["10.5.0.0/24", "fd05::/64"]
{network}
[endpoint.a]
attach = [{{ network = "n", port = "pa", addresses = ["10.5.0.1", "fd05::1"] }}]
[endpoint.b]
attach = [{{ network = "n", port = "pb", addresses = ["10.5.0.2", "fd05::2"] }}]
[endpoint.c]
attach = [{{ network = "n", port = "pc", addresses = ["10.5.0.3", "fd05::3"] }}]
[exit.way]
network = "n"
port = "up"
next_hop = ["10.5.0.254"]
[[allow]]
name = "web"
from = "a"
to = ["b", "way"]
protocol = "tcp"
ports = [80]
[[allow]]
name = "c"
from = "c"
to = "b"
protocol = "tcp"
ports = [80]
"#
    )
}

const NEW: [u8; 6] = [2, 0, 0, 0, 0xbe, 0xef];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// Announces an address from a MAC in all forms; the last of them is the advertisement.
fn announcements(mac: [u8; 6], v4: Ipv4Addr, v6: Ipv6Addr) -> Vec<Vec<u8>> {
    vec![
        arp((mac, EVERYBODY), true, v4, v4),
        arp((mac, EVERYBODY), false, v4, v4),
        arp((mac, EVERYBODY), true, Ipv4Addr::UNSPECIFIED, v4),
        nd((mac, NODES), ADVERTISEMENT, v6, ALL_NODES, v6),
    ]
}

/// The frames among those heard that come from the MAC.
fn of(heard: &[Vec<u8>], mac: [u8; 6]) -> usize {
    heard.iter().filter(|frame| frame[6..12] == mac).count()
}

fn is_advert(mac: [u8; 6]) -> impl Fn(&[u8]) -> bool {
    move |frame| frame[6..12] == mac && frame[12..14] == [0x86, 0xdd] && frame[54] == ADVERTISEMENT
}

fn what_somebody_says_of_itself(network: &str) {
    let net = Running::start(&file(network), LabOptions::default());
    let host = |n: u8| (Ipv4Addr::new(10, 5, 0, n), Ipv6Addr::new(0xfd05, 0, 0, 0, 0, 0, 0, n.into()));
    // By IPv6 it has a link-local address alone.
    let hop = (Ipv4Addr::new(10, 5, 0, 254), Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe));
    let ears = ["a", "b", "c", "way"].map(|place| Ear::open(&net.lab, place));
    let [a, b, c, way] = &ears;
    let say = |from: &str, mac: [u8; 6], (v4, v6)| emit(&net.lab, from, &announcements(mac, v4, v6));
    let [mac_a, mac_b, mac_c] = ["a", "b", "c"].map(|place| mac(&net.lab, place));

    // Forged first: c speaks of the next hop, of a, and of b; then of itself, which only b may hear.
    for of_another in [hop, host(1), host(2)] {
        say("c", mac_c, of_another);
    }
    say("c", mac_c, host(3));
    assert_eq!(of(&b.until(is_advert(mac_c)), mac_c), 4);
    // b is joined to a and to c, a to b and to the exit.
    say("b", mac_b, host(2));
    assert_eq!(of(&a.until(is_advert(mac_b)), mac_b), 4);
    assert_eq!(of(&c.until(is_advert(mac_b)), mac_b), 4);
    say("a", mac_a, host(1));
    let heard = way.until(is_advert(mac_a));
    assert_eq!((of(&heard, mac_a), of(&heard, mac_b), of(&heard, mac_c)), (4, 0, 0));

    // The next hop moves to another machine: who has its old MAC has the new one at once.
    let old = |address| {
        ["ip", "neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale"]
    };
    for address in ["10.5.0.254", "fe80::fe"] {
        must(&net, "a", &old(address));
    }
    say("way", NEW, hop);
    assert_eq!(of(&a.until(is_advert(NEW)), NEW), 4);
    net.wait_for("the new MAC of the next hop", || {
        let neighbours = net.lab.exec("a", &["ip", "neigh"]).unwrap();
        (String::from_utf8_lossy(&neighbours.stdout).matches("02:00:00:00:be:ef").count() == 2).then_some(())
    });
    // c, which no rule joins to the exit, heard nothing of it, nor of a.
    say("b", mac_b, host(2));
    let heard = c.until(is_advert(mac_b));
    assert_eq!((of(&heard, NEW), of(&heard, mac_a)), (0, 0));
    let heard = b.until(is_advert(mac_a));
    assert_eq!((of(&heard, NEW), of(&heard, mac_a)), (0, 4));
}

#[test]
fn what_somebody_says_of_itself_with_learned_returns() {
    what_somebody_says_of_itself("");
}

#[test]
fn what_somebody_says_of_itself_with_tracked_connections_under_a_tag() {
    what_somebody_says_of_itself("stateful = \"conntrack\"\nvlan = 7");
}

/// ICMP router discovery (RFC 1256) is dropped and counted where router advertisements are.
#[test]
fn icmp_router_discovery_is_rogue() {
    let net = Running::start(&file("inside = \"allow\""), LabOptions::default());
    let rogue = || net.metric("portcullis_denied_packets_total{bridge=\"br0\",reason=\"rogue\"}");
    let before = rogue();
    let ear = Ear::open(&net.lab, "b");
    let (from, macs) = (Ipv4Addr::new(10, 5, 0, 1), (mac(&net.lab, "a"), EVERYBODY));
    let icmp = |kind: u8, to: [u8; 4]| {
        let mut frame = Vec::new();
        let builder = PacketBuilder::ethernet2(macs.0, macs.1).ipv4(from.octets(), to, 1);
        builder.icmpv4_raw(kind, 0, [1, 2, 7, 8]).write(&mut frame, &[10, 5, 0, 1, 0, 0, 0, 0]).unwrap();
        frame
    };
    let (all, b) = ([224, 0, 0, 1], [10, 5, 0, 2]);
    emit(
        &net.lab,
        "a",
        &[icmp(9, all), icmp(9, b), icmp(10, [224, 0, 0, 2]), icmp(9, [255; 4]), icmp(13, all)],
    );
    let heard = ear.until(|frame| frame[12..14] == [8, 0] && frame[34] == 13);
    assert!(
        !heard.iter().any(|frame| frame[12..14] == [8, 0] && [9, 10].contains(&frame[34])),
        "{heard:02x?}"
    );
    net.wait_for("them to be counted", || (rogue() >= before + 4.0).then_some(()));
}
