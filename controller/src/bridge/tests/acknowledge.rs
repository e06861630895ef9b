//! Tests the moment at which a change is acknowledged.

use std::time::Duration;

use ofproto::message::BundleControlKind;

use super::{Rig, control, is_read, policy};

const PORTS: [&str; 2] = ["a", "b"];
const FILE: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.77.0.0/24"]

[endpoint.a]
attach = [{ network = "lan", port = "a", addresses = ["10.77.0.1"] }]

[endpoint.b]
attach = [{ network = "lan", port = "b", addresses = ["10.77.0.2"] }]
"#;
const RULE: &str = r#"
[[allow]]
name = "web"
from = ["a"]
to = ["b"]
protocol = "udp"
ports = [80]
"#;
/// Longer than the time for which the switch may go on to learn for a deleted flow.
const SWEPT: Duration = Duration::from_secs(2);

fn with_rule() -> String {
    format!("{FILE}{RULE}")
}

/// Returns the generation of the acknowledged change.
fn acknowledged(rig: &Rig) -> Option<u64> {
    rig.bridge.status().acknowledged.map(|reached| reached.generation)
}

#[test]
fn a_revocation_is_acknowledged_by_a_read_that_begins_late_enough_and_ends() {
    let mut rig = Rig::settled(&with_rule(), "br0", &PORTS);
    rig.pass(Duration::from_secs(1));
    let mut without = policy(FILE);
    without.generation = 1;
    rig.reload_with(without.clone());
    let sent = rig.received();
    let (_, early) = rig.at_once(sent);
    let desired = rig.desired();
    rig.answer_read(&early, desired, &[]);
    assert_eq!(acknowledged(&rig), Some(0), "what was taught last may not show yet");
    let (_, late) = rig.until_sent(SWEPT).unwrap();
    assert!(is_read(&late));
    // Another bridge changes while the read is under way: passed time shows nothing.
    without.generation = 2;
    rig.reload_with(without);
    assert_eq!(acknowledged(&rig), Some(0));
    let desired = rig.desired();
    rig.answer_read(&late, desired, &[]);
    assert_eq!(acknowledged(&rig), Some(2));
}

#[test]
fn the_first_round_of_a_session_acknowledges_no_revocation_at_once() {
    let before = Rig::settled(&with_rule(), "br0", &PORTS).desired();
    let mut rig = Rig::connect(FILE, "br0", &PORTS);
    let sent = rig.received();
    rig.grant_monitor(&sent);
    rig.round(&sent, before);
    assert_eq!(acknowledged(&rig), None);
    let (_, early) = rig.until_sent(SWEPT).unwrap();
    let desired = rig.desired();
    rig.answer_read(&early, desired.clone(), &[]);
    assert_eq!(acknowledged(&rig), None);
    let (_, late) = rig.until_sent(SWEPT).unwrap();
    rig.answer_read(&late, desired, &[]);
    assert_eq!(acknowledged(&rig), Some(0));
}

#[test]
fn changes_that_come_faster_than_reads_end_are_made_all_the_same() {
    let mut rig = Rig::connect(&with_rule(), "br0", &PORTS);
    let first = rig.received();
    rig.grant_monitor(&first);
    rig.reload(FILE);
    rig.answer_read(&first, Vec::new(), &[]);
    let second = rig.received();
    assert!(is_read(&second), "what changed meanwhile is compared once more: {second:?}");
    rig.reload(&with_rule());
    rig.answer_read(&second, Vec::new(), &[]);
    let sent = rig.received();
    let (xid, bundle, changes) = rig.open_bundle(&sent);
    assert!(!changes.is_empty());
    rig.give(xid, &control(bundle, BundleControlKind::CommitReply));
    // From there the other flows are deleted at once, without another read.
    let sent = rig.received();
    let (more, _) = rig.at_once(sent);
    assert!(more.len() < changes.len(), "{more:?}");
}
