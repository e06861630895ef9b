//! The shipped network files, and files of a few lines, with real packets on a real Open vSwitch: every row that allows
//! something passes, nothing else does.

mod announcements;
mod chain;
mod conntrack;
mod conntrack_fragments;
mod conntrack_revocation;
mod crossing;
mod denied;
mod dhcp;
mod dual_socket;
mod five;
mod homes;
mod ipv6;
mod ipv6_router;
mod learning;
mod lease_ends;
mod leases;
mod leases_v6;
mod next_hop;
mod prometheus;
mod related;
mod shared_addresses;
mod storms;
mod vlan;
mod windows;

use std::path::Path;
use std::process::Command;

use lab::probe::{Expected, table};
use lab::{ProbeRound, RunningLab as Lab, Scenario, start};
use portcullis_tests::frames::{emit, mac};
use portcullis_tests::{Running, binary};

/// A lab of a file with its controller, in the worst case: its host routes.
fn lab(path: &Path) -> (Scenario, Lab) {
    let scenario = Scenario::read(path, binary()).unwrap();
    let lab = start(&scenario, scenario.options()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (scenario, lab)
}

/// Probes all that the file says, and sees every row as it says.
fn probed(scenario: &Scenario, lab: &Lab) -> Vec<ProbeRound> {
    let rounds = lab.probe(&scenario.file).unwrap();
    for ProbeRound { when, findings } in &rounds {
        let good = !findings.is_empty() && findings.iter().all(|f| f.ok);
        assert!(
            good,
            "{}, {when}:\n{}\n{}",
            scenario.path.display(),
            table(findings),
            portcullis_tests::evidence::of(lab)
        );
    }
    rounds
}

/// Whether a conversation of that rule was seen to pass.
fn passed(rounds: &[ProbeRound], rule: &str) -> bool {
    let of_rule = |what: &str| what.contains(&format!("({rule})"));
    let mut findings = rounds.iter().flat_map(|r| &r.findings);
    findings.any(|f| f.ok && f.probe.expected == Expected::Passes && of_rule(&f.probe.what))
}

/// `portcullis window` to the lab's controller.
fn window(net: &Running, words: &[&str]) {
    let api = net.lab.control().to_string();
    let output = Command::new(binary()).arg("window").args(words).args(["--api", &api]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// IP packets that a place has received while something was done, and a little longer. (Neighbours look after each other
/// by ARP whenever they like.)
fn heard(net: &Running, place: &str, work: impl FnOnce()) -> u64 {
    let [heard] = heard_by(net, [place], work);
    heard
}

/// The same of several places.
fn heard_by<const N: usize>(net: &Running, places: [&str; N], work: impl FnOnce()) -> [u64; N] {
    let packets = |place: &str| {
        let read =
            |path: &str| String::from_utf8(net.lab.exec(place, &["cat", path]).unwrap().stdout).unwrap();
        // RFC 4293, ipSystemStatsInReceives: the third value of the second line.
        let v4 = read("/proc/net/snmp");
        let v4 = v4.lines().nth(1).unwrap().split(' ').nth(3).unwrap().parse::<u64>().unwrap();
        let v6 = read("/proc/net/snmp6");
        let v6 = v6.lines().find_map(|l| l.strip_prefix("Ip6InReceives")).unwrap();
        v4 + v6.trim().parse::<u64>().unwrap()
    };
    let before = places.map(packets);
    work();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut before = before.into_iter();
    places.map(|place| packets(place) - before.next().unwrap())
}

/// Runs a command at a place, which has to succeed.
fn must(net: &Running, place: &str, words: &[&str]) {
    let output = net.lab.exec(place, words).unwrap();
    assert!(output.status.success(), "{place}: {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Tells a place the MAC of a neighbour, so that it is not ARP that stops its packets.
fn introduce(net: &Running, place: &str, address: &str, neighbour: &str) {
    let mac = mac(&net.lab, neighbour).map(|b| format!("{b:02x}")).join(":");
    let device = &net.lab.plan().place(place).unwrap().device;
    must(net, place, &["ip", "neigh", "replace", address, "lladdr", &mac, "dev", device]);
}

/// Sends frames from a place; how many of them another hears.
fn arrive(net: &Running, from: &str, to: &str, frames: &[Vec<u8>]) -> u64 {
    heard(net, to, || emit(&net.lab, from, frames))
}
