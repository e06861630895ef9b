//! Tests the repair of foreign changes, and changes that are none.

use std::net::Ipv4Addr;
use std::time::Duration;

use flows::Flow;
use flows::verify::interp::{Packet, Pipeline};
use ofproto::action::{Action, LearnSpec};
use ofproto::instruction::Instruction;
use ofproto::message::monitor::{MonitorEvent, MonitorUpdate};
use ofproto::message::{FlowModCommand, Message};
use ofproto::oxm::Field;
use ofproto::{Cookie, TableId, Xid};

use super::{FILE, Rig, commands, flow_mod, foreign, is_read, stats};
use crate::bridge::Notice;

const MESH: [&str; 2] = ["nm-privacy", "to-privacy"];
const VMBR0: [&str; 5] = ["veth100", "veth102", "warp0", "from-privacy", "from-health"];
/// The controller's share of the promised second for a repair.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Returns a flow that the first learner among the bridge's flows would write for some packet.
pub(super) fn learned(rig: &Rig) -> Flow {
    learned_by(rig, |_| true)
}

/// Returns a flow of the first learner that satisfies the condition.
pub(super) fn learned_by(rig: &Rig, fits: impl Fn(&Flow) -> bool) -> Flow {
    let fitting = rig.bridge.knowledge.desired.program.flows().filter(|flow| fits(flow));
    let learner = fitting.into_iter().find_map(|flow| {
        flow.instructions.iter().find_map(|i| match i {
            Instruction::ApplyActions(actions) => actions.iter().find_map(|a| match a {
                // A learner with a whole tuple and a single output.
                Action::Learn(learn) if learn.specs.iter().any(is_udp) => Some((flow, learn)),
                _ => None,
            }),
            _ => None,
        })
    });
    let (parent, learn) = learner.unwrap();
    // From any admitted sender, to any party in the file or to the world.
    let flows: Vec<Flow> = rig.bridge.knowledge.desired.program.flows().cloned().collect();
    let exact = |field| move |flow: &Flow| flow.matches.exact(field).filter(|_| !flow.drops());
    let senders = || flows.iter().filter(|flow| flow.table == TableId(0) && !flow.drops());
    let mut targets: Vec<u128> = flows.iter().filter_map(exact(Field::Ipv4Dst)).collect();
    targets.push(u32::from(Ipv4Addr::new(8, 8, 8, 8)).into());
    let pipeline = Pipeline::new(flows.clone());
    let port = parent.matches.exact(Field::UdpDst).unwrap_or(4_000);
    let taught = |(sender, to): (&Flow, &u128)| {
        let (at, from) = (sender.matches.in_port()?, sender.matches.exact(Field::Ipv4Src)?);
        let packet =
            Packet::ipv4([2; 6], [4; 6], Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED, 17).udp(4_000, 0);
        let packet = packet.with(Field::Ipv4Src, from).with(Field::Ipv4Dst, *to).with(Field::UdpDst, port);
        let mac = sender.matches.exact(Field::EthSrc).unwrap_or(0x0200_0000_0001);
        let learned = pipeline.run(at, &packet.with(Field::EthSrc, mac)).learned;
        learned.into_iter().find(|f| (f.table, f.cookie) == (learn.table, learn.cookie))
    };
    let pairs = senders().flat_map(|sender| targets.iter().map(move |to| (sender, to)));
    let flow = pairs.into_iter().find_map(taught).unwrap();
    assert!(rig.bridge.knowledge.desired.learned(&flow), "{flow:?} is none that {learn:?} writes");
    flow
}

fn is_udp(spec: &LearnSpec) -> bool {
    matches!(spec, LearnSpec::Match { dst, .. } if dst.field == ofproto::oxm::Field::UdpSrc)
}

#[test]
fn a_foreign_flow_is_put_back_at_once_and_counted_when_it_is() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    rig.pass(Duration::from_secs(1));
    rig.tell(MonitorEvent::Added, &foreign());
    let (after, sent) = rig.until_sent(AT_ONCE).unwrap();
    assert!(after <= AT_ONCE && is_read(&sent));
    assert!(rig.notices.iter().any(|n| matches!(n, Notice::Foreign(f) if f.flow == foreign())));
    assert_eq!(rig.bridge.status().drift_repaired, 0, "not repaired yet");
    let mut flows = rig.desired();
    flows.push(stats(&foreign()));
    let changes = rig.round(&sent, flows);
    assert_eq!(commands(&changes), [FlowModCommand::DeleteStrict]);
    assert_eq!(rig.bridge.status().drift_repaired, 1);
    assert_eq!(rig.drift_noted(), 1);
}

#[test]
fn what_was_gone_when_it_was_looked_at_is_not_counted() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    rig.pass(Duration::from_secs(1));
    rig.tell(MonitorEvent::Added, &foreign());
    let (_, sent) = rig.until_sent(AT_ONCE).unwrap();
    let desired = rig.desired();
    rig.answer_read(&sent, desired, &[]);
    assert_eq!((rig.bridge.status().drift_repaired, rig.received()), (0, vec![]));
}

#[test]
fn a_desired_flow_that_was_changed_or_deleted_comes_back() {
    for event in [MonitorEvent::Deleted, MonitorEvent::Modified] {
        let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
        rig.pass(Duration::from_secs(1));
        let mut flow = rig.bridge.knowledge.desired.program.flows().next().unwrap().clone();
        if event == MonitorEvent::Modified {
            flow.instructions = vec![Instruction::ClearActions];
        }
        rig.tell(event, &flow);
        let (_, sent) = rig.until_sent(AT_ONCE).unwrap();
        let mut flows = rig.desired();
        flows.remove(0);
        let changes = rig.round(&sent, flows);
        assert_eq!(commands(&changes), [FlowModCommand::Add]);
        assert_eq!(rig.bridge.status().drift_repaired, 1, "{event:?}");
    }
}

#[test]
fn our_own_changes_and_what_is_as_desired_are_no_drift() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    rig.pass(Duration::from_secs(1));
    rig.tell_update(MonitorUpdate::Abbreviated(Xid(9)));
    let flow = rig.bridge.knowledge.desired.program.flows().next().unwrap().clone();
    rig.tell(MonitorEvent::Added, &flow);
    rig.tell(MonitorEvent::Deleted, &foreign());
    let learned = learned(&rig);
    rig.tell(MonitorEvent::Added, &learned);
    rig.tell(MonitorEvent::Deleted, &learned);
    rig.millis(3_000);
    assert_eq!(rig.received(), []);
    assert!(!rig.notices.iter().any(|n| matches!(n, Notice::Foreign(_))));
}

#[test]
fn what_no_learner_could_have_written_is_drift_also_in_its_table() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    rig.pass(Duration::from_secs(1));
    let mut forged = learned(&rig);
    forged.hard_timeout = 0;
    rig.tell(MonitorEvent::Added, &forged);
    let (_, sent) = rig.until_sent(AT_ONCE).unwrap();
    let mut flows = rig.desired();
    flows.push(stats(&learned(&rig)));
    flows.push(stats(&forged));
    // A switch has one flow of a key: the forged one.
    flows.remove(flows.len() - 2);
    let changes = rig.round(&sent, flows);
    assert_eq!(commands(&changes), [FlowModCommand::DeleteStrict]);
}

#[test]
fn learned_flows_stay() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    let (_, sent) = rig.until_sent(Duration::from_secs(6)).unwrap();
    let mut flows = rig.desired();
    flows.push(stats(&learned(&rig)));
    rig.answer_read(&sent, flows, &[]);
    assert_eq!(rig.received(), []);
}

#[test]
fn a_burst_is_one_read_and_an_endless_one_is_bounded() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    rig.pass(Duration::from_secs(1));
    let mut reads = 0;
    for _ in 0..1_000 {
        rig.tell(MonitorEvent::Added, &foreign());
        let sent = rig.received();
        if !sent.is_empty() {
            reads += 1;
            let desired = rig.desired();
            rig.answer_read(&sent, desired, &[]);
        }
        rig.millis(1);
    }
    // A second at no more than one in 200 ms.
    assert!((2..=6).contains(&reads), "{reads} reads");
}

#[test]
fn a_flood_of_foreign_changes_is_told_in_part_and_read_in_whole() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    rig.pass(Duration::from_secs(1));
    let told = |rig: &Rig| rig.notices.iter().filter(|n| matches!(n, Notice::Foreign(_))).count();
    let before = told(&rig);
    let flows: Vec<Flow> =
        (0..1_000).map(|n| Flow { cookie: Cookie(0xf00d + n), priority: 7, ..foreign() }).collect();
    flows.iter().for_each(|flow| rig.tell(MonitorEvent::Added, flow));
    assert_eq!(told(&rig) - before, 64);
    let (_, sent) = rig.until_sent(AT_ONCE).unwrap();
    let mut has = rig.desired();
    has.push(stats(&foreign()));
    let changes = rig.round(&sent, has);
    assert_eq!(commands(&changes), [FlowModCommand::DeleteStrict]);
    // The next read begins anew.
    rig.tell(MonitorEvent::Added, &foreign());
    assert_eq!(told(&rig) - before, 65);
}

#[test]
fn what_a_paused_monitor_did_not_tell_is_read() {
    for message in [Message::MonitorPaused, Message::MonitorResumed] {
        let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
        rig.pass(Duration::from_secs(1));
        rig.give(Xid(0), &message);
        let (_, sent) = rig.until_sent(AT_ONCE).unwrap();
        assert!(is_read(&sent));
    }
}

#[test]
fn a_poll_finds_what_the_monitor_did_not_tell() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    let (_, sent) = rig.until_sent(Duration::from_secs(6)).unwrap();
    let mut flows = rig.desired();
    flows[0].cookie = Cookie(1);
    let changes = rig.round(&sent, flows);
    assert_ne!(flow_mod(&changes[0]).cookie, Cookie(1));
    assert_eq!(rig.bridge.status().drift_repaired, 1);
}

#[test]
fn drift_during_a_commit_is_read_after_it() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    rig.pass(Duration::from_secs(1));
    rig.tell(MonitorEvent::Added, &foreign());
    let (_, sent) = rig.until_sent(AT_ONCE).unwrap();
    let mut flows = rig.desired();
    flows.push(stats(&foreign()));
    rig.answer_read(&sent, flows.clone(), &[]);
    let open = rig.received();
    let (commit, bundle, _) = rig.open_bundle(&open);
    rig.tell(MonitorEvent::Added, &foreign());
    rig.give(commit, &super::control(bundle, ofproto::message::BundleControlKind::CommitReply));
    let sent = rig.received();
    assert!(is_read(&sent));
    assert_eq!(commands(&rig.round(&sent, flows)), [FlowModCommand::DeleteStrict]);
    assert_eq!(rig.bridge.status().drift_repaired, 2);
}
