//! IPv6 as IPv4: neighbour discovery between those whom a rule joins, return flows, sources that are one's own.

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::frames::{ADVERTISEMENT, SOLICITATION, emit, mac, nd};
use portcullis_tests::traffic::{Udp, ping, ping_as_now, ping_now, received, tcp, tcp_now, udp};

const SIX: &str = r#"
[network.six]
bridge = "br6"
subnets = ["fd00:6::/64"]
[endpoint.a]
attach = [{ network = "six", port = "a0", addresses = ["fd00:6::a"] }]
[endpoint.b]
attach = [{ network = "six", port = "b0", addresses = ["fd00:6::b"] }]
[endpoint.c]
attach = [{ network = "six", port = "c0", addresses = ["fd00:6::c"] }]
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
purpose = "test"
[[allow]]
name = "syslog"
from = "a"
to = "b"
protocol = "udp"
ports = [514]
purpose = "test"
[[allow]]
name = "echo"
from = "b"
to = "c"
protocol = "icmp"
purpose = "test"
"#;

fn neighbour(net: &Running, from: &str, address: &str) -> bool {
    let output = net.lab.exec(from, &["ip", "-6", "neigh", "show", address]).unwrap();
    String::from_utf8_lossy(&output.stdout).contains("lladdr")
}

#[test]
fn rules_resolution_and_returns() {
    let net = Running::start(SIX, LabOptions::default());
    assert!(tcp(&net.lab, "a", "b", "[fd00:6::b]:80"));
    assert!(!tcp_now(&net.lab, "a", "b", "[fd00:6::b]:81"), "another port");
    assert!(!tcp_now(&net.lab, "b", "a", "[fd00:6::a]:80"), "the other way");
    assert_eq!(udp(&net.lab, "a", "b", "[fd00:6::b]:514"), Udp::Answered);
    assert!(ping(&net.lab, "b", "fd00:6::c"));
    assert!(!ping_now(&net.lab, "c", "fd00:6::b"), "echo the other way");

    assert!(neighbour(&net, "a", "fd00:6::b") && neighbour(&net, "b", "fd00:6::c"));
    let heard = received(&net.lab, "c", "eth0");
    assert!(!ping_now(&net.lab, "a", "fd00:6::c"));
    assert!(!neighbour(&net, "a", "fd00:6::c"), "no rule joins a and c");
    assert_eq!(received(&net.lab, "c", "eth0"), heard, "c heard a's solicitations");
}

#[test]
fn a_forged_source_passes_nowhere() {
    let net = Running::start(SIX, LabOptions::default());
    assert!(ping(&net.lab, "b", "fd00:6::c"));
    // c answers to any address of its own; b may ask c, but not as somebody else.
    for forged in ["fd00:6::a", "fd00:6::99"] {
        let add = ["ip", "-6", "addr", "add", &format!("{forged}/128"), "dev", "eth0", "nodad"];
        assert!(net.lab.exec("b", &add).unwrap().status.success());
        let heard = received(&net.lab, "c", "eth0");
        assert!(!ping_as_now(&net.lab, "b", "fd00:6::c", Some(forged)));
        assert_eq!(received(&net.lab, "c", "eth0"), heard, "as {forged}");
    }
}

/// An advertisement about somebody else's address would lead its packets to the sender; so would a solicitation
/// from one, by the MAC that it carries.
#[test]
fn neighbour_discovery_speaks_of_the_sender_only() {
    let net = Running::start(SIX, LabOptions::default());
    let at = |last: u16| std::net::Ipv6Addr::new(0xfd00, 6, 0, 0, 0, 0, 0, last);
    let (a, b, c) = (at(0xa), at(0xb), at(0xc));
    let macs = (mac(&net.lab, "c"), mac(&net.lab, "b"));
    let arrives = |frame: Vec<u8>| {
        let before = received(&net.lab, "b", "eth0");
        emit(&net.lab, "c", &[frame]);
        let start = std::time::Instant::now();
        while received(&net.lab, "b", "eth0") == before && start.elapsed().as_millis() < 500 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        received(&net.lab, "b", "eth0") != before
    };
    // c and b are joined by a rule.
    assert!(arrives(nd(macs, ADVERTISEMENT, c, b, c)), "about itself");
    assert!(!arrives(nd(macs, ADVERTISEMENT, c, b, a)), "about another, in its own name");
    assert!(!arrives(nd(macs, ADVERTISEMENT, a, b, a)), "about another, in its name");
    assert!(!arrives(nd(macs, SOLICITATION, a, b, b)), "asking in another's name");
    assert!(arrives(nd(macs, SOLICITATION, c, b, b)), "asking in its own");
}
