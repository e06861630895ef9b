//! IPv6 by way of a router, which solicits its neighbours from its link-local address, and addresses that hosts make
//! themselves of what a router advertises.

use std::net::Ipv6Addr;
use std::process::Output;

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::frames::{
    ADVERTISEMENT, Ear, SOLICITATION, emit, icmpv6, mac, nd, router_advertisement,
};
use portcullis_tests::traffic::{ping, received};

use super::must;

/// A host, a router with a prefix behind it, and one whom no rule joins to them.
fn file(network: &str) -> String {
    format!(
        r#"
[network.n]
bridge = "br0"
subnets = ["fd05::/64"]
{network}
[endpoint.host]
attach = [{{ network = "n", port = "p-host", addresses = ["fd05::1"] }}]
[endpoint.router]
attach = [{{ network = "n", port = "p-router", addresses = ["fd05::9"], behind = ["fd09::/64"] }}]
[endpoint.other]
attach = [{{ network = "n", port = "p-other", addresses = ["fd05::3"] }}]
[[allow]]
name = "x"
from = "host"
to = "router"
"#
    )
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Neighbours are looked after a hundred times as often as by default: what takes a minute takes a second.
fn in_a_hurry(net: &Running, place: &str) {
    let device = &net.lab.plan().place(place).unwrap().device;
    for (setting, value) in
        [("base_reachable_time_ms", 300), ("delay_first_probe_time", 1), ("retrans_time_ms", 100)]
    {
        must(net, place, &["sysctl", "-qw", &format!("net.ipv6.neigh.{device}.{setting}={value}")]);
    }
}

fn no_packet_is_lost_behind_a_router(network: &str) {
    let net = Running::start(&file(network), LabOptions::default());
    let to = "fd09::77";
    // A host behind the router, with a wire to it.
    let beyond = net.lab.spawn("router", &["unshare", "-n", "sleep", "1000"]).unwrap();
    let pid = beyond.pid().to_string();
    must(&net, "router", &["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
    net.wait_for("a namespace of its own", || {
        let at = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let of_router = net.lab.exec("router", &["readlink", "/proc/self/ns/net"]).unwrap();
        at(&pid).filter(|ns| ns.to_string_lossy() != text(&of_router).trim())
    });
    must(
        &net,
        "router",
        &["ip", "link", "add", "wire", "type", "veth", "peer", "name", "far", "netns", &pid],
    );
    must(&net, "router", &["ip", "addr", "flush", "dev", "lo", "to", "fd09::/64"]);
    must(&net, "router", &["ip", "addr", "add", "fd09::1/64", "dev", "wire", "nodad"]);
    must(&net, "router", &["ip", "link", "set", "wire", "up"]);
    let far = |words: &[&str]| must(&net, "router", &[&["nsenter", "-n", "-t", &pid], words].concat());
    far(&["ip", "addr", "add", "fd09::77/64", "dev", "far", "nodad"]);
    far(&["ip", "link", "set", "far", "up"]);
    far(&["ip", "route", "add", "default", "via", "fd09::1"]);
    must(&net, "host", &["ip", "route", "replace", "fd09::/64", "via", "fd05::9"]);
    in_a_hurry(&net, "host");
    in_a_hurry(&net, "router");
    assert!(ping(&net.lab, "host", to));
    // With answers that come late for none.
    let words = ["ping", "-6", "-n", "-q", "-c", "300", "-i", "0.02", "-W", "10", to];
    let output = text(&net.lab.exec("host", &words).unwrap());
    assert!(output.contains("300 packets transmitted, 300 received"), "{output}");
}

#[test]
fn no_packet_is_lost_behind_a_router_with_learned_returns() {
    no_packet_is_lost_behind_a_router("");
}

#[test]
fn no_packet_is_lost_behind_a_router_with_tracked_connections_under_a_tag() {
    no_packet_is_lost_behind_a_router("stateful = \"conntrack\"\nvlan = 7");
}

const ROUTED: &str = r#"
[network.n]
bridge = "br0"
subnets = ["fd05::/64"]
[endpoint.host]
attach = [{ network = "n", port = "p-host", addresses = ["fd05::ff:fe00:501"], mac = "02:00:00:00:05:01" }]
[endpoint.router]
attach = [{ network = "n", port = "p-router", addresses = ["fd05::9"], behind = ["fd09::/64"], mac = "02:00:00:00:05:09", router = true }]
[endpoint.other]
attach = [{ network = "n", port = "p-other", addresses = ["fd05::3"] }]
[endpoint.apart]
attach = [{ network = "n", port = "p-apart", addresses = ["fd05::4"] }]
[[allow]]
name = "x"
from = ["host", "other"]
to = "router"
[[allow]]
name = "y"
from = "host"
to = "other"
protocol = "tcp"
ports = [80]
"#;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0x509);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd05, 0, 0, 0, 0, 0, 0, 0);

/// ICMPv6 of a type.
fn is(kind: u8) -> impl Fn(&[u8]) -> bool {
    // Listener reports have a hop-by-hop option before them.
    move |frame| {
        let at = if frame.get(20) == Some(&0) { 62 } else { 54 };
        frame.get(12..14) == Some(&[0x86, 0xdd]) && frame.get(at) == Some(&kind)
    }
}

/// The source address of an IPv6 frame.
fn source(frame: &[u8]) -> Ipv6Addr {
    <[u8; 16]>::try_from(&frame[22..38]).unwrap().into()
}

#[test]
fn a_host_makes_its_address_of_what_a_router_advertises() {
    let net = Running::start(ROUTED, LabOptions::default());
    let ears = ["router", "other"].map(|place| Ear::open(&net.lab, place));
    let addresses = || text(&net.lab.exec("host", &["ip", "-6", "addr", "show", "dev", "eth0"]).unwrap());
    for setting in ["accept_dad=1", "accept_ra=2", "router_solicitations=-1"] {
        must(&net, "host", &["sysctl", "-qw", &format!("net.ipv6.conf.eth0.{setting}")]);
    }
    // Down and up again it knows nothing: it looks for duplicates of its link-local address, and for routers.
    must(&net, "host", &["ip", "link", "set", "eth0", "down"]);
    must(&net, "host", &["ip", "link", "set", "eth0", "up"]);
    let heard = ears[0].until(is(133));
    assert!(heard.iter().any(|frame| is(SOLICITATION)(frame) && source(frame).is_unspecified()), "a probe");
    assert!(heard.iter().any(|frame| is(143)(frame)), "what the host listens to");
    assert!(!addresses().contains("fd05::"), "{}", addresses());

    // Another's advertisement is dropped and counted; so is one that is not from the router's own MAC.
    let rogue = || net.metric("portcullis_denied_packets_total{bridge=\"br0\",reason=\"rogue\"}");
    let before = rogue();
    let other = mac(&net.lab, "other");
    let evil = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xbad);
    let bad = "fd05:0:0:bad::".parse().unwrap();
    emit(
        &net.lab,
        "other",
        &[router_advertisement(other, evil, bad), router_advertisement(other, ROUTER, bad)],
    );
    emit(&net.lab, "router", &[router_advertisement([2, 0, 0, 0, 5, 8], ROUTER, bad)]);
    emit(&net.lab, "router", &[router_advertisement(mac(&net.lab, "router"), ROUTER, PREFIX)]);
    net.wait_for("the host's address", || {
        let all = addresses();
        all.lines().any(|l| l.contains("fd05::ff:fe00:501/64") && !l.contains("tentative")).then_some(())
    });
    assert!(!addresses().contains("bad"), "{}", addresses());
    net.wait_for("what is rogue to be counted", || (rogue() >= before + 3.0).then_some(()));

    // Its default route is the router's link-local address.
    must(&net, "router", &["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
    in_a_hurry(&net, "host");
    in_a_hurry(&net, "router");
    assert!(ping(&net.lab, "host", "fd05::9"));
    assert!(ping(&net.lab, "host", "fd09::2"), "beyond the router");
    let neighbours = text(&net.lab.exec("host", &["ip", "-6", "neigh"]).unwrap());
    assert!(neighbours.contains("fe80::ff:fe00:509 dev eth0 lladdr 02:00:00:00:05:09"), "{neighbours}");

    // Those whom a rule joins to the host heard its probe, and no solicitation of routers; who is apart heard nothing.
    let probe = nd(
        (mac(&net.lab, "router"), [0x33, 0x33, 0, 0, 0, 1]),
        ADVERTISEMENT,
        "fd05::9".parse().unwrap(),
        ALL_NODES,
        "fd05::9".parse().unwrap(),
    );
    emit(&net.lab, "router", &[probe]);
    let of_router =
        |frame: &[u8]| is(ADVERTISEMENT)(frame) && source(frame) == "fd05::9".parse::<Ipv6Addr>().unwrap();
    let heard = ears[1].until(of_router);
    assert!(heard.iter().any(|frame| is(SOLICITATION)(frame) && source(frame).is_unspecified()));
    assert!(!heard.iter().any(|frame| is(133)(frame) || is(143)(frame)));
    assert!(heard.iter().any(|frame| is(134)(frame)), "it is joined to the router as well");
    assert_eq!(received(&net.lab, "apart", "eth0"), 0);
}

/// Two with one link-local address, which the file gives to neither.
#[test]
fn a_duplicate_is_detected() {
    let net = Running::start(&file(""), LabOptions::default());
    must(&net, "router", &["ip", "addr", "add", "fe80::7/64", "dev", "eth0", "nodad"]);
    must(&net, "host", &["sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1"]);
    must(&net, "host", &["ip", "addr", "add", "fe80::7/64", "dev", "eth0"]);
    net.wait_for("the duplicate to be detected", || {
        let all = text(&net.lab.exec("host", &["ip", "-6", "addr", "show", "dev", "eth0"]).unwrap());
        all.lines().any(|l| l.contains("fe80::7/64") && l.contains("dadfailed")).then_some(())
    });
}

/// Nobody speaks of another's address, with whatever source, nor in the name of another's MAC.
#[test]
fn forged_neighbour_discovery_reaches_nobody() {
    let net = Running::start(ROUTED, LabOptions::default());
    let (host, router, other) = (mac(&net.lab, "host"), mac(&net.lab, "router"), mac(&net.lab, "other"));
    let nodes = [0x33, 0x33, 0, 0, 0, 1];
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap();
    let link = address("fe80::3");
    let tells = |mac: [u8; 6], kind, from: Ipv6Addr, to: Ipv6Addr, target: Ipv6Addr| {
        // The frame's own source is right: it is what is told that is not.
        let mut frame = nd((mac, nodes), kind, from, to, target);
        let own = if mac == other { other } else { router };
        frame[6..12].copy_from_slice(&own);
        frame
    };
    let ear = Ear::open(&net.lab, "host");
    let own = |at: &str| tells(other, ADVERTISEMENT, address(at), ALL_NODES, address("fd05::3"));
    emit(
        &net.lab,
        "other",
        &[
            tells(other, ADVERTISEMENT, link, ALL_NODES, address("fd05::9")),
            tells(other, ADVERTISEMENT, link, ALL_NODES, ROUTER),
            tells(other, ADVERTISEMENT, ROUTER, ALL_NODES, ROUTER),
            tells(other, ADVERTISEMENT, address("fd05::3"), ALL_NODES, ROUTER),
            tells(other, SOLICITATION, ROUTER, address("ff02::1:ff00:501"), address("fd05::ff:fe00:501")),
            tells(other, SOLICITATION, ROUTER, address("ff02::1:ff00:501"), address("fe80::ff:fe00:501")),
            tells(
                other,
                SOLICITATION,
                address("fd05::9"),
                address("ff02::1:ff00:501"),
                address("fd05::ff:fe00:501"),
            ),
            tells(
                other,
                SOLICITATION,
                Ipv6Addr::UNSPECIFIED,
                address("ff02::1:ff00:501"),
                address("fd05::ff:fe00:501"),
            ),
            icmpv6((other, nodes), 133, (ROUTER, ALL_ROUTERS), [0; 4], &[1, 1, 2, 0, 0, 0, 9, 9]),
            icmpv6((other, nodes), 137, (ROUTER, address("fd05::ff:fe00:501")), [0; 4], &[0; 32]),
            // And what is right.
            own("fe80::3"),
        ],
    );
    // (A datapath may change the order of what comes in at once: a second one comes after all.)
    let mut heard = ear.until(|frame| is(ADVERTISEMENT)(frame) && source(frame) == link);
    emit(&net.lab, "other", &[own("fe80::3")]);
    heard.extend(ear.until(|frame| is(ADVERTISEMENT)(frame) && source(frame) == link));
    assert_eq!(heard.len(), 2, "{heard:02x?}");
    // Under a pinned MAC, what tells another one.
    let own = || tells(router, ADVERTISEMENT, ROUTER, ALL_NODES, ROUTER);
    emit(
        &net.lab,
        "router",
        &[
            tells(host, ADVERTISEMENT, ROUTER, ALL_NODES, ROUTER),
            tells(host, SOLICITATION, ROUTER, address("ff02::1:ff00:501"), address("fd05::ff:fe00:501")),
            own(),
        ],
    );
    let mut heard = ear.until(|frame| is(ADVERTISEMENT)(frame) && source(frame) == ROUTER);
    emit(&net.lab, "router", &[own()]);
    heard.extend(ear.until(|frame| is(ADVERTISEMENT)(frame) && source(frame) == ROUTER));
    assert_eq!(heard.len(), 2, "{heard:02x?}");
}
