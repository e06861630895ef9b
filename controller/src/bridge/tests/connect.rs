//! Tests the time from the handshake to the first commit.

use std::time::Duration;

use ofproto::message::multipart::MultipartRequestBody;
use ofproto::message::{BundleControlKind, FlowModCommand, GroupModCommand, Message};

use super::{FILE, Rig, asked, commands, control, flow_mod, foreign, is_read, refusal, stats};
use crate::bridge::Notice;

const MESH: [&str; 2] = ["nm-privacy", "to-privacy"];

#[test]
fn a_switch_that_the_file_does_not_name_gets_nothing() {
    let mut rig = Rig::connect(FILE, "br-other", &MESH);
    rig.tell_port(ofproto::message::PortStatusReason::Add, 9, "warp0");
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.received(), []);
    assert!(rig.notices.iter().any(|n| matches!(n, Notice::Identified { owned: false, .. })));
    assert!(!rig.bridge.is_named());
}

#[test]
fn the_monitor_is_asked_for_before_the_flows() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let sent = rig.received();
    assert_eq!(sent.len(), 3);
    let Some(MultipartRequestBody::Monitor(monitors)) = asked(&sent[0].1) else { panic!("{sent:?}") };
    // ADD, DELETE, MODIFY and ACTIONS, without OWN, and without INITIAL, which the read replaces.
    assert_eq!(
        monitors.iter().map(|m| (m.flags, m.table_id.0)).collect::<Vec<_>>(),
        [(2 | 4 | 8 | 16, 0xff)]
    );
    assert!(is_read(&sent[1..]));
}

#[test]
fn where_nothing_differs_nothing_is_sent() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    for _ in 0..3 {
        let (after, sent) = rig.until_sent(Duration::from_secs(6)).unwrap();
        assert_eq!(after, Duration::from_secs(5));
        assert!(is_read(&sent), "only looked at: {sent:?}");
        let desired = rig.desired();
        rig.answer_read(&sent, desired, &[]);
        assert_eq!(rig.received(), []);
    }
    assert!(rig.bridge.status().settled);
}

#[test]
fn what_differs_is_changed_in_one_bundle_and_read_again() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let sent = rig.received();
    let mut flows = rig.desired();
    let missing = flows.remove(0);
    flows.push(stats(&foreign()));
    let changes = rig.round(&sent, flows);
    let mut seen = commands(&changes);
    seen.sort_by_key(|c| *c != FlowModCommand::Add);
    assert_eq!(seen, [FlowModCommand::Add, FlowModCommand::DeleteStrict]);
    assert!(changes.iter().any(|m| flow_mod(m).cookie == missing.cookie));
    assert!(!rig.bridge.status().settled, "not before it was read again");
    let sent = rig.received();
    assert!(is_read(&sent));
    let desired = rig.desired();
    rig.answer_read(&sent, desired, &[]);
    assert!(rig.bridge.status().settled);
    assert_eq!(rig.bridge.status().drift_repaired, 0, "what was there before us is nobody's drift");
}

#[test]
fn groups_go_after_the_flows() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let sent = rig.received();
    let mut flows = rig.desired();
    flows.push(stats(&foreign()));
    rig.answer_read(&sent, flows, &[5, 6]);
    let sent = rig.received();
    let (.., changes) = rig.open_bundle(&sent);
    let [(_, Message::FlowMod(_)), (_, Message::GroupMod(five)), (_, Message::GroupMod(six))] = &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert_eq!((five.command, five.group_id.0, six.group_id.0), (GroupModCommand::Delete, 5, 6));
}

#[test]
fn a_switch_without_groups_has_none_to_delete() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let sent = rig.received();
    rig.give(sent[2].0, &refusal(1, 2));
    let desired = ofproto::message::multipart::MultipartReplyBody::Flow(rig.desired());
    rig.give(sent[1].0, &super::reply(desired));
    assert!(rig.bridge.status().settled);
}

#[test]
fn without_bundles_changes_go_one_by_one_before_a_barrier() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let sent = rig.received();
    rig.answer_read(&sent, vec![], &[]);
    let sent = rig.received();
    assert_eq!(sent.len(), 1, "one message is refused, not thousands");
    rig.give(sent[0].0, &refusal(1, 3));
    let sent = rig.received();
    let (barrier, changes) = sent.split_last().unwrap();
    assert!(matches!(barrier.1, Message::BarrierRequest));
    assert_eq!(changes.len(), rig.desired().len());
    assert!(changes.iter().all(|(_, m)| matches!(m, Message::FlowMod(_))));
    rig.give(barrier.0, &Message::BarrierReply);
    assert!(is_read(&rig.received()));
    assert!(rig.notices.iter().any(|n| matches!(n, Notice::Unbundled(_))));
}

#[test]
fn a_change_refused_before_the_barrier_is_named_and_tried_again() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let sent = rig.received();
    rig.answer_read(&sent, vec![], &[]);
    let open = rig.received();
    rig.give(open[0].0, &refusal(1, 3));
    let sent = rig.received();
    let (barrier, changes) = sent.split_last().unwrap();
    rig.give(changes[1].0, &refusal(5, 1));
    rig.give(barrier.0, &Message::BarrierReply);
    let error = rig.bridge.status().last_error.unwrap();
    assert!(error.contains("OFPFMFC_TABLE_FULL") && error.contains("add "), "{error}");
    assert_eq!(rig.received(), []);
    let (_, sent) = rig.until_sent(Duration::from_secs(1)).unwrap();
    assert!(is_read(&sent));
}

#[test]
fn without_a_monitor_the_flows_are_read_every_half_second() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let sent = rig.received();
    rig.give(sent[0].0, &refusal(1, 3));
    let desired = rig.desired();
    rig.answer_read(&sent[1..], desired.clone(), &[]);
    for _ in 0..3 {
        let (after, sent) = rig.until_sent(Duration::from_secs(6)).unwrap();
        assert_eq!(after, Duration::from_millis(500));
        rig.answer_read(&sent, desired.clone(), &[]);
    }
}

#[test]
fn a_refused_commit_is_told_once_with_its_cause_and_tried_ever_more_slowly() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let mut waits = Vec::new();
    let mut sent = rig.received();
    for _ in 0..10 {
        rig.answer_read(&sent, vec![], &[]);
        let open = rig.received();
        let (commit, _, changes) = rig.open_bundle(&open);
        // As Open vSwitch does: one error for the change, one for the commit.
        rig.give(changes[0].0, &refusal(5, 1));
        rig.give(commit, &refusal(0xffff, 2313));
        assert!(rig.bridge.status().last_error.unwrap().contains("OFPFMFC_TABLE_FULL"));
        let (after, next) = rig.until_sent(Duration::from_secs(60)).unwrap();
        waits.push(after.as_millis());
        sent = next;
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
    let desired = rig.desired();
    rig.answer_read(&sent, desired, &[]);
    assert_eq!(rig.bridge.status().last_error, None);
}

#[test]
fn a_commit_without_an_answer_is_unknown_and_read_again() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let sent = rig.received();
    rig.answer_read(&sent, vec![], &[]);
    let open = rig.received();
    let (commit, bundle, _) = rig.open_bundle(&open);
    let (_, sent) = rig.until_sent(Duration::from_secs(20)).unwrap();
    assert!(is_read(&sent));
    // The late answer changes nothing.
    rig.give(commit, &control(bundle, BundleControlKind::CommitReply));
    assert_eq!(rig.received(), []);
    let desired = rig.desired();
    rig.answer_read(&sent, desired, &[]);
    assert!(rig.bridge.status().settled);
}

#[test]
fn a_switch_that_does_not_list_its_flows_loses_its_session() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    rig.received();
    rig.pass(Duration::from_secs(31));
    assert!(rig.closed);
}

#[test]
fn a_switch_that_keeps_a_flow_otherwise_than_written_is_not_hammered() {
    let mut rig = Rig::connect(FILE, "mesh-privacy", &MESH);
    let mut sent = rig.received();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let mut flows = rig.desired();
        flows[0].idle_timeout = 7;
        rig.round(&sent, flows);
        let (after, next) = rig.until_sent(Duration::from_secs(60)).unwrap();
        waits.push(after.as_millis());
        sent = next;
    }
    assert_eq!(waits, [0, 0, 0, 2000, 4000, 8000]);
    assert!(rig.bridge.status().last_error.unwrap().contains("rounds"));
}
