//! Gratuitous ARP, unsolicited advertisements, probes: what somebody says of itself reaches those whom a rule joins to it.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::PacketBuilder;
use lab::LabOptions;
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
link_local = "fe80::fe"
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
[[allow]]
name = "out"
from = "a"
to = "way"
protocol = "tcp"
ports = [443]
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

/// Announces an address, until each of those who may hear it has heard all four. (A datapath may change their order.)
fn say(net: &Running, from: &str, mac: [u8; 6], (v4, v6): (Ipv4Addr, Ipv6Addr), hearers: &mut [&mut Heard]) {
    emit(&net.lab, from, &announcements(mac, v4, v6));
    for hearer in hearers {
        let wanted = hearer.of(mac) + 4;
        while hearer.of(mac) < wanted {
            hearer.frames.extend(hearer.ear.until(|frame| frame[6..12] == mac));
        }
    }
}

/// All that a place has heard.
struct Heard {
    ear: Ear,
    frames: Vec<Vec<u8>>,
}

impl Heard {
    fn of(&self, mac: [u8; 6]) -> usize {
        self.frames.iter().filter(|frame| frame[6..12] == mac).count()
    }
}

fn what_somebody_says_of_itself(network: &str) {
    let net = Running::start(&file(network), LabOptions::default());
    let host = |n: u8| (Ipv4Addr::new(10, 5, 0, n), Ipv6Addr::new(0xfd05, 0, 0, 0, 0, 0, 0, n.into()));
    // By IPv6 it has a link-local address alone, which is its own.
    let hop = (Ipv4Addr::new(10, 5, 0, 254), Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe));
    let [mut a, mut b, mut c, mut way] =
        ["a", "b", "c", "way"].map(|place| Heard { ear: Ear::open(&net.lab, place), frames: Vec::new() });
    let [mac_a, mac_b, mac_c] = ["a", "b", "c"].map(|place| mac(&net.lab, place));

    // Forged first: c speaks of the next hop, of a, and of b; then of itself, which only b may hear.
    for of_another in [hop, host(1), host(2)] {
        say(&net, "c", mac_c, of_another, &mut []);
    }
    say(&net, "c", mac_c, host(3), &mut [&mut b]);
    // b is joined to a and to c, a to b and to the exit.
    say(&net, "b", mac_b, host(2), &mut [&mut a, &mut c]);
    say(&net, "a", mac_a, host(1), &mut [&mut b, &mut way]);

    // The next hop moves to another machine: who has its old MAC has the new one at once.
    let old = |address| {
        ["ip", "neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale"]
    };
    for address in ["10.5.0.254", "fe80::fe"] {
        must(&net, "a", &old(address));
    }
    say(&net, "way", NEW, hop, &mut [&mut a]);
    net.wait_for("the new MAC of the next hop", || {
        let neighbours = net.lab.exec("a", &["ip", "neigh"]).unwrap();
        (String::from_utf8_lossy(&neighbours.stdout).matches("02:00:00:00:be:ef").count() == 2).then_some(())
    });
    // Nobody has heard anything else: all of that is long past when this comes.
    say(&net, "b", mac_b, host(2), &mut [&mut a, &mut c]);
    say(&net, "a", mac_a, host(1), &mut [&mut b, &mut way]);
    let heard = |by: &Heard| [mac_a, mac_b, mac_c, NEW].map(|mac| by.of(mac));
    assert_eq!(heard(&a), [0, 8, 0, 4]);
    assert_eq!(heard(&b), [8, 0, 4, 0]);
    assert_eq!(heard(&c), [0, 8, 0, 0]);
    assert_eq!(heard(&way), [8, 0, 0, 0]);
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
    let mut heard = ear.until(|frame| frame[12..14] == [8, 0] && frame[34] == 13);
    emit(&net.lab, "a", &[icmp(13, all)]);
    heard.extend(ear.until(|frame| frame[12..14] == [8, 0] && frame[34] == 13));
    assert!(
        !heard.iter().any(|frame| frame[12..14] == [8, 0] && [9, 10].contains(&frame[34])),
        "{heard:02x?}"
    );
    net.wait_for("them to be counted", || (rogue() >= before + 4.0).then_some(()));
}
