//! Tests changes of ports and of the file.

use std::sync::LazyLock;
use std::time::Duration;

use flows::Flow;
use ofproto::message::multipart::FlowStats;
use ofproto::message::{BundleControlKind, FlowModCommand, Message, PortStatusReason};
use ofproto::{TableId, Xid};

use super::drift::learned;
use super::{FILE, Rig, commands, control, flow_mod, foreign, is_read, policy, refusal, stats};
use crate::active_policy::ActivePolicy;
use crate::bridge::Notice;

const MESH: [&str; 2] = ["nm-privacy", "to-privacy"];
const VMBR0: [&str; 5] = ["veth100", "veth102", "warp0", "from-privacy", "from-health"];

/// The file without its rule for VPN clients.
fn without_vpn() -> String {
    let from = FILE.find("[[allow]]\nname = \"vpn-clients\"").unwrap();
    let to = FILE.find("[[allow]]\nname = \"op-dbus-api\"").unwrap();
    format!("{}{}", &FILE[..from], &FILE[to..])
}

#[test]
fn a_port_that_the_file_does_not_name_changes_nothing() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    rig.tell_port(PortStatusReason::Add, 9, "tap17");
    rig.tell_port(PortStatusReason::Modify, 1, "nm-privacy");
    rig.tell_port(PortStatusReason::Delete, 9, "tap17");
    rig.millis(1_000);
    assert_eq!(rig.received(), []);
    assert!(rig.bridge.status().settled);
}

#[test]
fn a_port_that_returns_with_another_number_is_followed() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    let before = rig.desired();
    rig.tell_port(PortStatusReason::Delete, 3, "warp0");
    assert!(rig.notices.iter().any(|n| matches!(n, Notice::Missing(p) if p.contains("warp0"))));
    assert_eq!(rig.bridge.status().missing_ports, ["warp0"]);
    let sent = rig.received();
    let (changes, sent) = rig.at_once(sent);
    assert!(commands(&changes).contains(&FlowModCommand::DeleteStrict));
    // The port comes back during a read, which makes the result of the read outdated.
    rig.tell_port(PortStatusReason::Add, 77, "warp0");
    rig.answer_read(&sent, before.clone(), &[]);
    let sent = rig.received();
    let (changes, _) = rig.at_once(sent);
    assert!(changes.iter().all(|m| !format!("{m:?}").contains("PortNo(3)")));
    assert!(changes.iter().any(|m| format!("{m:?}").contains("PortNo(77)")));
    assert_eq!(rig.bridge.status().missing_ports, Vec::<String>::new());
    assert_eq!(rig.drift_noted(), 0, "no foreign hand was in it");
    assert_ne!(before.len(), 0);
}

#[test]
fn a_port_that_takes_another_name_is_missing() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    rig.tell_port(PortStatusReason::Modify, 3, "tap17");
    assert_eq!(rig.bridge.status().missing_ports, ["warp0"]);
    let sent = rig.received();
    rig.at_once(sent);
}

#[test]
fn the_same_file_again_changes_nothing() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    rig.reload(FILE);
    rig.millis(1_000);
    assert_eq!(rig.received(), []);
    assert!(rig.bridge.status().settled);
}

#[test]
fn another_file_changes_only_what_differs_and_is_no_drift() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    let before = rig.desired();
    rig.reload(&without_vpn());
    let after = rig.desired();
    let differ = before.iter().filter(|f| !after.contains(f)).count()
        + after.iter().filter(|f| !before.contains(f)).count();
    let sent = rig.received();
    let (changes, sent) = rig.at_once(sent);
    let strict = changes.iter().filter(|m| flow_mod(m).command != FlowModCommand::Delete).count();
    assert!(differ > 0 && strict <= differ, "{strict} changes for {differ} differences");
    rig.answer_read(&sent, after, &[]);
    assert!(!rig.bridge.status().settled, "what went may have taught something a moment ago");
    assert_eq!(rig.bridge.status().drift_repaired, 0);
}

#[test]
fn drift_is_told_from_what_another_file_changes() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    let mut flows = rig.desired();
    flows.push(stats(&foreign()));
    // After a report of a foreign change, the switch is read first. Otherwise it is read
    // afterwards.
    rig.tell(ofproto::message::monitor::MonitorEvent::Added, &foreign());
    rig.reload(&without_vpn());
    let sent = rig.received();
    let changes = rig.round(&sent, flows);
    assert!(changes.len() > 1);
    assert_eq!(rig.bridge.status().drift_repaired, 1);
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    rig.reload(&without_vpn());
    let sent = rig.received();
    let (_, sent) = rig.at_once(sent);
    let mut flows = rig.desired();
    flows.push(stats(&foreign()));
    rig.round(&sent, flows);
    assert_eq!(rig.bridge.status().drift_repaired, 1);
}

#[test]
fn a_rule_that_goes_takes_what_it_taught_along_until_nothing_is_left() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    let taught: Flow = {
        let mut flow = learned(&rig);
        let program = &rig.bridge.knowledge.desired.program;
        let vpn = |f: &&Flow| program.origin(f.cookie).is_some_and(|o| o.rule == "vpn-clients");
        let teaches = |f: &&Flow| f.learns().any(|learn| learn.table == flow.table);
        flow.cookie = program.flows().filter(vpn).find(teaches).unwrap().cookie;
        flow
    };
    rig.reload(&without_vpn());
    let sent = rig.received();
    let (changes, sent) = rig.at_once(sent);
    // Deleted by its cookie, in the same bundle, however many flows there are.
    let by_cookie = |changes: &[Message]| {
        changes.iter().map(flow_mod).any(|m| {
            m.command == FlowModCommand::Delete
                && (m.table_id, m.cookie, m.cookie_mask) == (TableId(1), taught.cookie, u64::MAX)
        })
    };
    assert!(by_cookie(&changes));

    // An upcall under way taught the flow once more.
    let mut leftover = rig.desired();
    leftover.push(stats(&taught));
    let desired = rig.desired();
    rig.answer_read(&sent, desired.clone(), &[]);
    assert!(!rig.bridge.status().settled, "a moment ago it may still have been taught");
    for _ in 0..3 {
        let (after, sent) = rig.until_sent(Duration::from_secs(2)).unwrap();
        assert!(after <= Duration::from_secs(1));
        assert!(by_cookie(&rig.round(&sent, leftover.clone())));
        let sent = rig.received();
        rig.answer_read(&sent, desired.clone(), &[]);
    }
    let (after, sent) = rig.until_sent(Duration::from_secs(2)).unwrap();
    assert!(after <= Duration::from_secs(1));
    rig.answer_read(&sent, desired.clone(), &[]);
    assert!(rig.bridge.status().settled);
    assert_eq!(rig.bridge.status().drift_repaired, 0, "nobody's fault");
    let (after, _) = rig.until_sent(Duration::from_secs(6)).unwrap();
    assert_eq!(after, Duration::from_secs(5), "back to the usual pace");
}

#[test]
fn a_bridge_that_the_file_no_longer_names_is_left_as_it_is() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &MESH);
    rig.reload("[network.n]\nbridge = \"br9\"\nsubnets = [\"10.9.0.0/24\"]\n");
    rig.tell(ofproto::message::monitor::MonitorEvent::Added, &foreign());
    rig.pass(Duration::from_secs(30));
    assert_eq!(rig.received(), []);
    assert!(!rig.bridge.is_named());
}

#[test]
fn a_bridge_that_the_file_names_from_now_on_is_kept() {
    let mut rig =
        Rig::connect("[network.n]\nbridge = \"br9\"\nsubnets = [\"10.9.0.0/24\"]\n", "mesh-privacy", &MESH);
    assert_eq!(rig.received(), []);
    rig.reload(FILE);
    let sent = rig.received();
    assert!(is_read(&sent[1..]), "the monitor, then a read");
    let changes = rig.round(&sent, vec![]);
    assert!(commands(&changes).iter().all(|c| *c == FlowModCommand::Add));
}

/// Checked once, because the check takes most of such a test.
static WITH: LazyLock<ActivePolicy> = LazyLock::new(|| policy(FILE));
static WITHOUT: LazyLock<ActivePolicy> = LazyLock::new(|| policy(&without_vpn()));

/// Returns a settled bridge whose policy lacks the rule for VPN clients.
fn without_a_rule() -> Rig {
    Rig::settled_with(WITHOUT.clone(), "vmbr0", &VMBR0)
}

#[test]
fn what_is_added_goes_to_a_settled_bridge_at_once_and_is_read_afterwards() {
    let mut rig = without_a_rule();
    let before = rig.desired();
    rig.reload_with(WITH.clone());
    let sent = rig.received();
    let (xid, bundle, changes) = rig.open_bundle(&sent);
    let changes: Vec<_> = changes.into_iter().map(|(_, m)| m).collect();
    let new = rig.desired().iter().filter(|f| !before.contains(f)).count();
    assert_eq!((changes.len(), commands(&changes)), (new, vec![FlowModCommand::Add; new]));
    assert!(new > 0 && !rig.bridge.status().settled);
    rig.give(xid, &control(bundle, BundleControlKind::CommitReply));
    // The read finds a change without a report: a foreign hand deleted one of the flows.
    let sent = rig.received();
    assert!(is_read(&sent));
    let mut flows = rig.desired();
    flows.pop();
    assert_eq!(rig.round(&sent, flows).len(), 1);
    assert_eq!(rig.drift_noted(), 1);
    let sent = rig.received();
    let desired = rig.desired();
    rig.answer_read(&sent, desired, &[]);
    assert!(rig.bridge.status().settled);
}

#[test]
fn a_failed_addition_is_followed_by_a_read() {
    let mut rig = without_a_rule();
    rig.reload_with(WITH.clone());
    let sent = rig.received();
    let (xid, ..) = rig.open_bundle(&sent);
    rig.give(xid, &refusal(0xffff, 2_308));
    let (_, sent) = rig.until_sent(Duration::from_secs(1)).unwrap();
    assert!(is_read(&sent), "nobody knows what is there");
}

#[test]
fn where_it_is_not_known_what_the_switch_has_it_is_read_first() {
    let reads_first = |mut rig: Rig, why: &str| {
        rig.received();
        rig.reload_with(WITH.clone());
        let sent = rig.until_sent(Duration::from_secs(1)).unwrap().1;
        assert!(is_read(&sent), "{why}: {sent:?}");
    };
    let mut rig = without_a_rule();
    rig.tell(ofproto::message::monitor::MonitorEvent::Added, &foreign());
    reads_first(rig, "a foreign hand was told of");
    let mut rig = Rig::connect_with(WITHOUT.clone(), "vmbr0", &VMBR0);
    let sent = rig.received();
    let desired = rig.desired();
    rig.answer_read(&sent, desired, &[]);
    assert!(rig.bridge.status().settled);
    reads_first(rig, "there is no monitor yet");
}

#[test]
fn a_change_during_a_read_does_not_wait_for_what_it_shows() {
    let mut rig = without_a_rule();
    let (_, sent) = rig.until_sent(Duration::from_secs(6)).unwrap();
    let mut before = rig.desired();
    rig.reload_with(WITH.clone());
    let changes = rig.received();
    let (_, again) = rig.at_once(changes);
    before.pop();
    rig.answer_read(&sent, before, &[]);
    assert_eq!(rig.received(), [], "that was before");
    let mut flows = rig.desired();
    flows.pop();
    assert_eq!(rig.round(&again, flows).len(), 1);
    assert_eq!(rig.drift_noted(), 1);
}

#[test]
fn a_name_that_two_ports_have_stands_for_neither() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    let before = rig.desired();
    let at = |flows: &[FlowStats], port: u32| {
        flows.iter().filter(|f| format!("{f:?}").contains(&format!("PortNo({port})"))).count()
    };
    assert!(at(&before, 3) > 0);
    rig.tell_port(PortStatusReason::Add, 77, "warp0");
    let noted = |rig: &Rig| {
        let mut sets = rig.notices.iter().filter_map(|notice| match notice {
            Notice::Ambiguous(ports) => Some(ports.iter().cloned().collect::<Vec<_>>()),
            _ => None,
        });
        sets.next_back()
    };
    assert_eq!(noted(&rig), Some(vec!["warp0".to_owned()]));
    let status = rig.bridge.status();
    assert_eq!((status.ambiguous_ports, status.missing_ports), (vec!["warp0".to_owned()], Vec::new()));
    let neither = rig.desired();
    assert_eq!((at(&neither, 3), at(&neither, 77)), (0, 0));
    // One of the two ports is renamed, and the other gets the rights.
    rig.tell_port(PortStatusReason::Modify, 3, "tap3");
    assert_eq!(noted(&rig), Some(Vec::new()));
    assert!(at(&rig.desired(), 77) > 0);
    assert_eq!(rig.bridge.status().ambiguous_ports, Vec::<String>::new());
    // A shared port name that the file does not have causes no notice.
    rig.tell_port(PortStatusReason::Add, 78, "tap3");
    assert_eq!(rig.bridge.status().ambiguous_ports, Vec::<String>::new());
}

#[test]
fn a_change_during_a_commit_follows_it_at_once() {
    let mut rig = without_a_rule();
    rig.reload_with(WITH.clone());
    let sent = rig.received();
    let (xid, bundle, _) = rig.open_bundle(&sent);
    rig.reload_with(WITHOUT.clone());
    assert_eq!(rig.received(), []);
    rig.give(xid, &control(bundle, BundleControlKind::CommitReply));
    let sent = rig.received();
    let (changes, _) = rig.at_once(sent);
    assert!(commands(&changes).contains(&FlowModCommand::DeleteStrict), "{changes:?}");
}

/// Two parties in a list of senders, and a third.
fn listed(from: &str, a: u8, c: u8) -> ActivePolicy {
    let endpoint = |name: &str, n: u8| {
        format!(
            "[endpoint.{name}]\nattach = [{{ network = \"n\", port = \"{name}0\", addresses = [\"10.9.0.{n}\"] }}]\n"
        )
    };
    policy(&format!(
        "[network.n]\nbridge = \"br0\"\nsubnets = [\"10.9.0.0/24\"]\n{}{}{}\
         [[allow]]\nname = \"dns\"\nfrom = {from}\nto = \"b\"\nprotocol = \"udp\"\nports = [53]\n",
        endpoint("a", a),
        endpoint("b", 2),
        endpoint("c", c)
    ))
}

/// Returns the flow that the switch learned from a datagram to b.
fn taught(rig: &Rig, at: u32, from: u8) -> Vec<Flow> {
    let pipeline =
        flows::verify::interp::Pipeline::new(rig.bridge.knowledge.desired.program.flows().cloned().collect());
    let address = |n: u8| std::net::Ipv4Addr::new(10, 9, 0, n);
    let packet =
        flows::verify::interp::Packet::ipv4([2; 6], [4; 6], address(from), address(2), 17).udp(4_000, 53);
    pipeline.run(ofproto::PortNo(at), &packet).learned
}

#[test]
fn who_leaves_a_list_takes_what_he_taught_along_before_anything_is_read() {
    let ports = ["a0", "b0", "c0"];
    let mut rig = Rig::settled_with(listed("[\"a\", \"c\"]", 1, 3), "br0", &ports);
    let (his, anothers) = (taught(&rig, 1, 1), taught(&rig, 3, 3));
    assert_eq!((his.len(), anothers.len()), (2, 2), "the way back, and what is related");
    rig.reload_with(listed("[\"c\", \"b\"]", 1, 3));
    // The list changes, and so does its bit. The admissions of both parties change, and one of them
    // still reaches its destination.
    let sent = rig.received();
    let (changes, sent) = rig.at_once(sent);
    let deletes = |flow: &Flow| {
        changes.iter().map(flow_mod).any(|m| {
            m.command == FlowModCommand::Delete
                && (m.table_id, m.cookie, m.cookie_mask) == (flow.table, flow.cookie, u64::MAX)
                && flow.matches.within(&flows::FlowMatch::from_wire(&m.fields))
        })
    };
    assert!(his.iter().all(deletes), "{changes:?}");
    assert!(!anothers.iter().any(deletes), "{changes:?}");
    // Packets under way taught many of the flows once more. They are deleted as soon as they are
    // seen, and are no drift.
    let mut flows = rig.desired();
    flows.extend(anothers.iter().chain(&his).map(stats));
    let changes = rig.round(&sent, flows);
    assert_eq!(commands(&changes), [FlowModCommand::DeleteStrict; 2]);
    assert_eq!((rig.bridge.status().settled, rig.bridge.status().drift_repaired), (false, 0));
}

#[test]
fn parties_that_change_places_leave_nothing_behind() {
    let ports = ["a0", "b0", "c0"];
    let both = "[\"a\", \"c\"]";
    let mut rig = Rig::settled_with(listed(both, 1, 3), "br0", &ports);
    let left = [taught(&rig, 1, 1), taught(&rig, 3, 3)].concat();
    rig.reload_with(listed(both, 3, 1));
    let sent = rig.received();
    let (_, sent) = rig.at_once(sent);
    // The learner is unchanged. The old flows of these addresses are deleted, and new ones stay.
    let mut flows = rig.desired();
    flows.extend(left.iter().map(stats));
    let changes = rig.round(&sent, flows);
    assert!(commands(&changes).iter().all(|c| *c == FlowModCommand::DeleteStrict) && changes.len() == 4);
    let mut flows = rig.desired();
    flows.extend(taught(&rig, 1, 3).iter().chain(&taught(&rig, 3, 1)).map(stats));
    let sent = rig.received();
    rig.answer_read(&sent, flows, &[]);
    assert_eq!(rig.received(), []);
    assert_eq!(rig.bridge.status().drift_repaired, 0);
}

/// Reads and commits in ten seconds that a switch would not notice.
const BOUND: usize = 100;

/// Answers the bridge's requests for a time, while an event recurs. Returns the numbers of reads
/// and commits.
fn rounds_while(rig: &mut Rig, time: Duration, mut happens: impl FnMut(&mut Rig, u32)) -> (usize, usize) {
    let (end, mut n, mut reads, mut commits) = (rig.now + time, 0, 0, 0);
    while rig.now < end {
        happens(rig, n);
        n += 1;
        let mut sent = rig.received();
        if sent.iter().any(|(_, m)| matches!(m, Message::BundleControl(_))) {
            commits += 1;
            sent = rig.at_once(sent).1;
        }
        if is_read(&sent) {
            reads += 1;
            let desired = rig.desired();
            rig.answer_read(&sent, desired, &[]);
        }
        rig.millis(1);
    }
    (reads, commits)
}

#[test]
fn a_port_that_flaps_is_followed_slowly_and_without_end() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    let (reads, commits) = rounds_while(&mut rig, Duration::from_secs(10), |rig, n| {
        let reason = if n % 2 == 0 { PortStatusReason::Delete } else { PortStatusReason::Add };
        rig.tell_port(reason, 3, "warp0");
    });
    assert!(reads <= BOUND && commits <= BOUND, "{reads} reads, {commits} commits");
    assert!(commits > 1, "{commits} commits");
    // The port's last state is installed in the end.
    rig.tell_port(PortStatusReason::Delete, 3, "warp0");
    rounds_while(&mut rig, Duration::from_secs(5), |_, _| {});
    assert!(rig.bridge.status().settled);
    assert_eq!(rig.bridge.status().missing_ports, ["warp0"]);
}

#[test]
fn a_pair_of_ports_that_swap_is_bounded_too() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    let (_, commits) = rounds_while(&mut rig, Duration::from_secs(1), |rig, n| {
        let (gone, come) = if n % 2 == 0 { (3, 2) } else { (2, 3) };
        rig.tell_port(PortStatusReason::Delete, gone, ["veth102", "warp0"][gone as usize - 2]);
        rig.tell_port(PortStatusReason::Add, come, ["veth102", "warp0"][come as usize - 2]);
    });
    assert!(commits <= 60, "{commits} commits in a second");
}

#[test]
fn whatever_flaps_a_port_that_goes_loses_its_rights_within_a_moment() {
    let mut rig = Rig::settled(FILE, "vmbr0", &VMBR0);
    rounds_while(&mut rig, Duration::from_millis(100), |rig, n| {
        let reason = if n % 2 == 0 { PortStatusReason::Delete } else { PortStatusReason::Add };
        rig.tell_port(reason, 3, "warp0");
    });
    rounds_while(&mut rig, Duration::from_secs(2), |_, _| {});
    rounds_while(&mut rig, Duration::from_millis(10), |rig, n| {
        let reason = if n % 2 == 0 { PortStatusReason::Delete } else { PortStatusReason::Add };
        rig.tell_port(reason, 3, "warp0");
    });
    let (start, flows) = (rig.now, rig.desired().len());
    rig.tell_port(PortStatusReason::Delete, 1, "veth100");
    while rig.desired().len() >= flows {
        rig.millis(1);
        assert!(rig.now - start <= Duration::from_millis(25), "rights stay");
    }
}

#[test]
fn a_monitor_that_pauses_again_and_again_is_read_now_and_then() {
    let mut rig = Rig::settled(FILE, "mesh-privacy", &["nm-privacy", "to-privacy"]);
    let (reads, _) = rounds_while(&mut rig, Duration::from_secs(10), |rig, _| {
        rig.give(Xid(0), &Message::MonitorPaused);
        rig.give(Xid(0), &Message::MonitorResumed);
    });
    assert!((10..=BOUND).contains(&reads), "{reads} reads");
}
