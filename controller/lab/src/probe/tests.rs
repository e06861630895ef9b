//! Tests the probes against real bridges with known flows, open or closed.

use std::time::Instant;

use super::*;
use crate::samples::dual_socket;
use crate::{Lab, LabOptions, LabPlan};

fn base() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("pcl").tempdir_in("/run").unwrap()
}

/// A lab whose host routes between the bridges, the worst case.
fn lab(base: &tempfile::TempDir) -> Lab {
    let options = LabOptions { base: Some(base.path().to_owned()), ..LabOptions::worst_case(&dual_socket()) };
    Lab::up(&dual_socket(), options).unwrap()
}

fn flows(lab: &Lab, bridge: &str, lines: &[&str]) {
    lab.ofctl(&["del-flows", bridge]).unwrap();
    for line in lines {
        lab.ofctl(&["add-flow", bridge, line]).unwrap();
    }
}

fn mesh(lab: &Lab) {
    for (bridge, near, far) in
        [("mesh-privacy", "to-privacy", "nm-privacy"), ("mesh-mgmt", "to-mgmt", "nm-mgmt")]
    {
        let there = format!("in_port={near},actions=output:{far}");
        let back = format!("in_port={far},actions=output:{near}");
        flows(lab, bridge, &[&there, &back]);
    }
}

fn count(findings: &[Finding], expected: Expected, ok: bool) -> usize {
    findings.iter().filter(|f| f.probe.expected == expected && f.ok == ok).count()
}

#[test]
fn the_probes_of_the_dual_socket_network() {
    let file = dual_socket();
    let probes = derive(&file, &LabPlan::new(&file), &ProbeContext::closed());
    let row = |from: &str, to: &str, what: &str| {
        probes.iter().find(|p| p.from == from && p.to == to && p.what.starts_with(what)).map(|p| p.expected)
    };
    assert_eq!(row("gateway", "warp", "tcp 443 to 198.51.100.10 (warp-egress)"), Some(Expected::Passes));
    assert_eq!(row("gateway", "warp", "ping to 198.51.100.10 from behind it"), Some(Expected::Passes));
    assert_eq!(row("nm-privacy", "warp", "udp 53 to 10.0.0.1"), Some(Expected::Passes));
    assert_eq!(row("warp", "gateway", "udp 51820 (vpn-clients)"), Some(Expected::Passes));
    assert_eq!(row("nm-mgmt", "api", "tcp 9574 (op-dbus-api)"), Some(Expected::Passes));
    assert_eq!(row("host", "mcp", "tcp 8006 (inside management)"), Some(Expected::Passes));
    assert_eq!(
        row(
            "warp",
            "xray",
            "tcp 443, tcp 9573, tcp 9574, tcp 8080, tcp 4444, udp 53, udp 51820, udp 4444, ping (no rule)"
        ),
        Some(Expected::Denied)
    );
    assert_eq!(row("xray", "gateway", "tcp 443, "), Some(Expected::Denied));
    assert_eq!(row("nm-mgmt", "api", "tcp 443, tcp 8080, tcp 4444, udp"), Some(Expected::Denied));
    assert_eq!(row("api", "nm-mgmt", "tcp 443, "), Some(Expected::Denied));
    assert_eq!(row("monitoring", "xray", "tcp 8080 (privacy-health)"), Some(Expected::Passes));
    assert_eq!(
        row("monitoring", "xray", "tcp 443, tcp 9573, tcp 9574, tcp 4444, udp"),
        Some(Expected::Denied)
    );
    assert_eq!(row("wire from-health", "xray", ""), Some(Expected::Denied));
    assert_eq!(row("LOCAL of vmbr0", "warp", ""), Some(Expected::Denied));
    assert_eq!(row("LOCAL of mesh-mgmt", "nm-mgmt", ""), Some(Expected::Denied));
    assert_eq!(row("LOCAL of vmbr1", "api", ""), None);
    let never = |from: &str, to: &str| {
        probes.iter().any(|p| p.from == from && p.to == to && p.expected == Expected::Never)
    };
    assert!(never("nm-privacy", "api"));
    assert_eq!(row("wire from-privacy", "host", ""), Some(Expected::Never));
    // 4 places of privacy and its wire to 5 of management; and 5 with the wire to 4.
    assert_eq!(probes.iter().filter(|p| p.expected == Expected::Never).count(), 5 * 5 + 6 * 4);
    // Traffic that a rule opens entirely is not probed as denied.
    assert!(!probes.iter().any(|p| p.from == "gateway" && p.to == "warp" && p.what.ends_with("(no rule)")));
}

#[test]
fn every_frame_of_the_probes_can_be_sent() {
    let file = dual_socket();
    for probe in derive(&file, &LabPlan::new(&file), &ProbeContext::closed()) {
        let Action::Frames { frames, .. } = &probe.action else { continue };
        assert!(!frames.is_empty(), "{probe:?}");
        for frame in frames {
            let bytes = frame.encode(9).unwrap();
            assert_eq!(tag_of(&bytes), Some(9), "{frame:?}");
            assert!(bytes.len() < 200);
        }
    }
}

#[test]
fn open_bridges_are_found_out() {
    let (file, base) = (dual_socket(), base());
    let lab = lab(&base);
    mesh(&lab);
    for bridge in ["vmbr0", "vmbr1"] {
        flows(&lab, bridge, &["actions=NORMAL"]);
    }
    let all = derive(&file, lab.plan(), &ProbeContext::closed());
    // The switch alone knows what NORMAL does, and forged frames spoil its tables.
    let plain = |p: &&Probe| {
        let by_flows = matches!(p.action, Action::Flows { .. });
        let place = |name: &str| lab.plan().place(name).and_then(|p| p.network.clone());
        let here = p.what.ends_with("(no rule)") && place(&p.from) == place(&p.to);
        !by_flows && (p.expected != Expected::Denied || here || p.from.starts_with("LOCAL"))
    };
    let of =
        |expected| all.iter().filter(plain).filter(|p| p.expected == expected).cloned().collect::<Vec<_>>();
    // One after the other, as forged frames spoil the tables of NORMAL.
    let findings = run(&lab, &of(Expected::Passes)).unwrap();
    assert_eq!(count(&findings, Expected::Passes, false), 0, "{}", table(&findings));
    let (local, unlisted): (Vec<_>, Vec<_>) =
        of(Expected::Denied).into_iter().partition(|p| p.from.starts_with("LOCAL"));
    let findings = run(&lab, &unlisted).unwrap();
    assert_eq!(count(&findings, Expected::Denied, true), 0, "{}", table(&findings));
    // On the mesh bridges, which are not open, a LOCAL port has nowhere to go.
    let local: Vec<_> = local.into_iter().filter(|p| p.from == "LOCAL of vmbr0").collect();
    let findings = run(&lab, &local).unwrap();
    assert_eq!(count(&findings, Expected::Denied, true), 0, "{}", table(&findings));
    // The host routes between the bridges, and NORMAL carries it. One pair at a time, as above.
    for (from, to) in [("gateway", "api"), ("mcp", "xray")] {
        let one =
            of(Expected::Never).into_iter().filter(|p| p.from == from && p.to == to).collect::<Vec<_>>();
        let findings = run(&lab, &one).unwrap();
        assert_eq!(count(&findings, Expected::Never, false), 1, "{}", table(&findings));
    }
}

#[test]
fn closed_bridges_deny_and_the_frames_did_reach_them() {
    let (file, base) = (dual_socket(), base());
    let lab = lab(&base);
    mesh(&lab);
    let probes = derive(&file, lab.plan(), &ProbeContext::closed());
    let start = Instant::now();
    let findings = run(&lab, &probes).unwrap();
    eprintln!("{}\n{:?}", table(&findings), start.elapsed());
    assert_eq!(count(&findings, Expected::Passes, true), 0);
    assert_eq!(count(&findings, Expected::Never, false), 0);
    // The mesh bridges drop the packets of the LOCAL ports. All other denied packets are dropped, too.
    assert_eq!(count(&findings, Expected::Denied, false), 0);
}

#[test]
fn frames_that_do_not_reach_the_bridge_prove_nothing() {
    let (file, base) = (dual_socket(), base());
    let lab = lab(&base);
    // Without flows on the mesh bridges, what other nodes send never comes to vmbr0 or vmbr1.
    let rows = |p: &Probe| {
        p.from == "nm-privacy" && ["gateway", "xray"].contains(&&*p.to) && p.what.ends_with("(no rule)")
    };
    let probes: Vec<_> =
        derive(&file, lab.plan(), &ProbeContext::closed()).into_iter().filter(rows).collect();
    assert_eq!(probes.len(), 2);
    let findings = run(&lab, &probes).unwrap();
    assert!(findings.iter().all(|f| !f.ok), "{}", table(&findings));
    assert!(table(&findings).contains("0 of "));
}

#[test]
fn a_place_that_does_not_hear_proves_nothing() {
    let (file, base) = (dual_socket(), base());
    let lab = lab(&base);
    mesh(&lab);
    assert!(lab.exec("api", &["ip", "link", "set", "eth0", "down"]).unwrap().status.success());
    let rows = |p: &Probe| p.from == "xray" && p.to == "api" && p.expected == Expected::Never;
    let probes: Vec<_> =
        derive(&file, lab.plan(), &ProbeContext::closed()).into_iter().filter(rows).collect();
    let findings = run(&lab, &probes).unwrap();
    assert_eq!(findings.len(), 1);
    assert!(!findings[0].ok && findings[0].seen.contains("nothing is heard at api"), "{}", table(&findings));
}

#[test]
fn a_single_hole_is_found() {
    // All bridges are closed except for one flow: ARP requests from xray go to vmbr1 through a
    // patch.
    let (file, base) = (dual_socket(), base());
    let lab = lab(&base);
    mesh(&lab);
    lab.vsctl(&[
        "add-port",
        "vmbr0",
        "hole",
        "--",
        "set",
        "interface",
        "hole",
        "type=patch",
        "options:peer=eloh",
        "--",
        "add-port",
        "vmbr1",
        "eloh",
        "--",
        "set",
        "interface",
        "eloh",
        "type=patch",
        "options:peer=hole",
    ])
    .unwrap();
    flows(&lab, "vmbr0", &["in_port=veth102,arp,actions=output:hole"]);
    flows(&lab, "vmbr1", &["in_port=eloh,actions=output:veth202"]);
    let frames = |p: &Probe| p.expected != Expected::Passes;
    let probes: Vec<_> =
        derive(&file, lab.plan(), &ProbeContext::closed()).into_iter().filter(frames).collect();
    let findings = run(&lab, &probes).unwrap();
    let wrong: Vec<_> = findings.iter().filter(|f| !f.ok).collect();
    assert!(!wrong.is_empty());
    for finding in &wrong {
        assert_eq!((finding.probe.from.as_str(), finding.probe.expected), ("xray", Expected::Never));
        assert!(finding.seen.contains("ARP") && finding.seen.ends_with("at monitoring"), "{}", finding.seen);
    }
}
