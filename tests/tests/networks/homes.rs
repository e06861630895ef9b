//! Pantheon's Backend has a port in every project, and joins none of them, whatever it forwards.

use lab::LabOptions;
use portcullis_tests::traffic::{at_once, ping_now, tcp, tcp_now};
use portcullis_tests::{Running, network_file};

use super::{heard, introduce, must};

#[test]
fn a_multi_homed_host_that_forwards_joins_nothing() {
    let text = std::fs::read_to_string(network_file("pantheon.toml")).unwrap();
    let net = Running::start(&text, LabOptions::default());
    must(&net, "backend", &["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    assert!(tcp(&net.lab, "vm-1", "backend", "172.30.1.4:3002"), "the project's API");
    assert!(tcp(&net.lab, "backend", "vm-2", "172.30.2.2:5985"), "Backend manages the VM");
    for (from, gateway, address) in
        [("vm-1", "backend@project-1", "172.30.1.4"), ("shared-1", "backend@project-1", "172.30.1.4")]
    {
        introduce(&net, from, address, gateway);
        must(&net, from, &["ip", "route", "replace", "172.30.2.0/24", "via", address]);
        must(&net, from, &["ip", "route", "replace", "10.0.1.0/24", "via", address]);
    }
    let isolated = || net.metric("portcullis_denied_packets_total{bridge=\"pantheon\",reason=\"isolation\"}");
    let before = isolated();
    for (to, address) in [
        ("vm-2", "172.30.2.2"),
        ("shared-2", "172.30.2.3"),
        ("postgres", "10.0.1.4"),
        ("frontend", "10.0.1.5"),
    ] {
        let heard = heard(&net, to, || {
            at_once([3000, 3002, 5432, 8090, 8888], |port| {
                assert!(!tcp_now(&net.lab, "vm-1", to, &format!("{address}:{port}")), "vm-1 → {to}:{port}");
            });
            at_once(["vm-1", "shared-1"], |from| {
                assert!(!ping_now(&net.lab, from, address), "{from} → {to}");
            });
        });
        assert_eq!(heard, 0, "{to} heard of it");
    }
    // Nor does Backend itself come from one project into another with an address of the first.
    let source = ["ping", "-n", "-c", "1", "-W", "1", "-I", "172.30.1.4", "172.30.2.2"];
    must(&net, "backend", &["ip", "rule", "flush"]);
    must(&net, "backend", &["ip", "rule", "add", "from", "all", "lookup", "main"]);
    let heard = heard(&net, "vm-2", || {
        assert!(!net.lab.exec("backend", &source).unwrap().status.success());
    });
    assert_eq!(heard, 0, "vm-2 heard Backend of project 1");
    net.wait_for("the packets to be counted", || (isolated() > before + 20.0).then_some(()));
}
