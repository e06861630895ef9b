//! Networks whose frames carry a tag: on one bridge, beside one whose frames do not.

use std::net::Ipv4Addr;

use lab::{HOST, LabOptions};
use portcullis_tests::Running;
use portcullis_tests::frames::{mac, tagged, udp as datagram};
use portcullis_tests::traffic::{Udp, tcp, udp};

use super::{lab, passed, probed};

const FILE: &str = r#"
[network.ten]
bridge = "br0"
subnets = ["10.10.0.0/24"]
vlan = 10
[network.twenty]
bridge = "br0"
subnets = ["10.20.0.0/24"]
vlan = 20
inside = "allow"
[network.plain]
bridge = "br0"
subnets = ["10.30.0.0/24"]
[endpoint.a]
attach = [{ network = "ten", port = "a0", addresses = ["10.10.0.1"] }]
[endpoint.b]
attach = [{ network = "ten", port = "b0", addresses = ["10.10.0.2"] }]
[endpoint.c]
attach = [{ network = "twenty", port = "c0", addresses = ["10.20.0.1"] }]
[endpoint.d]
attach = [{ network = "twenty", port = "d0", addresses = ["10.20.0.2"] }]
[endpoint.e]
attach = [{ network = "plain", port = "e0", addresses = ["10.30.0.1"] }]
[endpoint.f]
attach = [
  { network = "plain", port = "f0", addresses = ["10.30.0.2"] },
  { network = "ten", port = "f1", addresses = ["10.10.0.3"] },
]
[[allow]]
name = "tagged"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
purpose = "test"
[[allow]]
name = "asked"
from = "b"
to = "f"
protocol = "udp"
ports = [53]
purpose = "test"
[[allow]]
name = "untagged"
from = "e"
to = "f"
protocol = "tcp"
ports = [80]
purpose = "test"
"#;

#[test]
fn all_pairs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vlan.toml");
    std::fs::write(&path, FILE).unwrap();
    let (scenario, lab) = lab(&path);
    let rounds = probed(&scenario, &lab);
    for rule in ["tagged", "asked", "untagged", "inside twenty"] {
        assert!(passed(&rounds, rule), "{rule}");
    }
}

/// Only frames with the network's own tag are of the network.
#[test]
fn another_tag_or_none_is_dropped() {
    let net = Running::start(FILE, LabOptions::default());
    assert!(tcp(&net.lab, "a", "b", "10.10.0.2:80"));
    assert_eq!(udp(&net.lab, "b", "f", "10.10.0.3:53"), Udp::Answered);
    let macs = (mac(&net.lab, "b"), mac(&net.lab, "f@ten"));
    let (from, to) = (Ipv4Addr::new(10, 10, 0, 2), Ipv4Addr::new(10, 10, 0, 3));
    let trunk = net.lab.plan().trunk("b0").unwrap().to_owned();
    let full = net.lab.namespace(HOST).unwrap();
    let sniffer = lab::probe::Sniffer::open(&net.lab.namespace("f").unwrap(), "eth1").unwrap();
    let mut wire = lab::probe::Injector::open(&full, &trunk).unwrap();
    // (What the frame's tag number is, as the sniffer knows it.)
    use lab::probe::{Frame, FrameBody};
    let body = FrameBody::Udp(from.into(), 4_000, to.into(), 53);
    let with = |vlan: Option<u16>| Frame { vlan, ..Frame::new(macs.0, macs.1, body.clone()) };
    let frames =
        [(1, with(Some(10))), (2, with(None)), (3, with(Some(20))), (4, with(Some(11))), (5, with(Some(0)))];
    wire.send(frames.iter().map(|(id, f)| f.encode(*id).unwrap())).unwrap();
    net.wait_for("the one that is right", || sniffer.saw(1).then_some(()));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(sniffer.seen().into_iter().collect::<Vec<_>>(), [1]);
    // Two tags: one that may be taken off, and another behind it.
    let double = tagged(macs, 10, from, to);
    assert_eq!(double[12..14], [0x81, 0x00]);
    // And what is not tagged has no place in a network that is.
    assert_eq!(super::arrive(&net, "e", "f@ten", &[datagram((mac(&net.lab, "e"), macs.1), from, to, 53)]), 0);
}
