//! The five networks of the project, each as a whole: all pairs, every port that a rule names and one that none does, with
//! forged sources, by the flows and by real packets; with windows closed, open, and closed again.

use flows::network::{EnforcementPoint, Protocol};
use lab::ProbeRound;
use portcullis_tests::network_file;

use super::{lab, passed, probed};

/// Every row passes: also every rule by at least one conversation of its own, the windows' while they are open.
fn passes(name: &str) -> Vec<ProbeRound> {
    let (scenario, lab) = lab(&network_file(name));
    let rounds = probed(&scenario, &lab);
    for allow in scenario.file.allows.iter().filter(|a| a.place == EnforcementPoint::Switch) {
        assert!(passed(&rounds, &allow.name), "{name}: nothing of {} was tried", allow.name);
    }
    for crossing in &scenario.file.crossings {
        assert!(passed(&rounds, &crossing.name), "{name}: nothing of {} was tried", crossing.name);
    }
    let dhcp = scenario.file.allows.iter().filter(|a| a.protocol == Protocol::Dhcp).count();
    let shown = rounds.iter().flat_map(|r| &r.findings).filter(|f| f.probe.what.starts_with("DHCP")).count();
    assert!(shown >= 2 * dhcp, "{name}: {shown} rows of DHCP");
    for bridge in &lab.lab.plan().bridges {
        assert_eq!(lab.lab.hidden_flows(&bridge.name).unwrap(), Vec::<String>::new());
    }
    rounds
}

#[test]
fn comm_matrix() {
    let rounds = passes("comm-matrix.toml");
    // Closed, open, and closed again.
    assert_eq!(rounds.len(), 3);
    assert!(!passed(&rounds[..1], "apt-updates") && passed(&rounds[1..2], "apt-updates"));
    assert!(!passed(&rounds[2..], "apt-updates"));
}

#[test]
fn phoenix() {
    passes("phoenix.toml");
}

#[test]
fn pantheon() {
    passes("pantheon.toml");
}

#[test]
fn swarm() {
    passes("swarm.toml");
}

#[test]
fn dual_socket() {
    passes("dual-socket.toml");
}
