//! Somebody else changes a bridge that the file says all about.

use std::process::Command;
use std::time::Duration;

use portcullis_tests::Running;
use portcullis_tests::running::binary;
use portcullis_tests::traffic::{ping, tcp};

use super::{INTERNET, fixed, is_learned};

/// What is promised.
const PROMISED: Duration = Duration::from_secs(1);
/// For a machine that does other things too. Without a look at every change it takes five seconds.
const NOISE: Duration = Duration::from_millis(1500);

fn repaired(net: &Running, bridge: &str) -> f64 {
    net.metric(&format!("portcullis_drift_repaired_total{{bridge=\"{bridge}\"}}"))
}

/// Runs `ovs-ofctl` against a bridge and sees it put back, in time, logged and counted. Flows as `ovs-ofctl` prints them
/// and as the controller sees them are compared; of what has the words `gone`, there must be no more afterwards.
fn put_back(net: &Running, bridge: &str, words: &[&str], gone: &str) {
    let before = fixed(net, bridge);
    let with = |flows: &[String]| flows.iter().filter(|f| f.contains(gone)).count();
    let had = with(&net.flows(bridge));
    let (counted, logged) = (repaired(net, bridge), lines(net, bridge));
    net.lab.ofctl(words).unwrap();
    let ((), took) = net.wait_for(&format!("{words:?} to be put back"), || {
        let flows = net.flows(bridge);
        let back = fixed(net, bridge) == before;
        (back && (gone.is_empty() || with(&flows) <= had)).then_some(())
    });
    assert!(took < PROMISED + NOISE, "{words:?}: it took {took:?}");
    net.wait_for("the repair to be counted", || (repaired(net, bridge) > counted).then_some(()));
    net.wait_for("the repair to be logged", || (lines(net, bridge) > logged).then_some(()));
}

/// How often drift of the bridge was logged.
fn lines(net: &Running, bridge: &str) -> usize {
    let bridge = format!("bridge=\"{bridge}\"");
    net.controller.output().lines().filter(|l| l.contains("drift repaired") && l.contains(&bridge)).count()
}

/// Fixed flows, one of each table.
fn examples(net: &Running) -> Vec<String> {
    let flows = fixed(net, "vmbr0");
    let of = |table: &str| flows.iter().find(|f| f.contains(table) && !f.contains("priority=0")).cloned();
    let first = flows.iter().find(|f| !f.contains(" table=")).cloned();
    let found: Vec<String> =
        first.into_iter().chain(["table=2,", "table=3,"].iter().filter_map(|t| of(t))).collect();
    assert_eq!(found.len(), 3, "{flows:#?}");
    found
}

/// The flow without its actions, as `del-flows --strict` and `mod-flows --strict` take it.
fn key(flow: &str) -> String {
    let (head, _) = flow.split_once(" actions=").expect("actions");
    let words = head.split([',', ' ']).filter(|w| {
        !["cookie=", "idle_timeout=", "hard_timeout="].iter().any(|p| w.starts_with(p))
            && !["", "send_flow_rem", "reset_counts", "check_overlap", "no_packet_counts", "no_byte_counts"]
                .contains(w)
    });
    words.collect::<Vec<_>>().join(",")
}

#[test]
fn what_is_changed_by_hand_is_put_back_within_a_second() {
    let net = Running::dual_socket();
    assert!(ping(&net.lab, "gateway", INTERNET));
    // Added.
    put_back(&net, "vmbr0", &["add-flow", "vmbr0", "priority=65123,actions=normal"], "priority=65123");
    put_back(&net, "vmbr0", &["add-flow", "vmbr0", "table=77,priority=1,actions=drop"], "table=77");
    put_back(&net, "mesh-mgmt", &["add-flow", "mesh-mgmt", "priority=5,actions=flood"], "FLOOD");
    // A flow that is in force, with another cookie: it forwards the same and is nobody's.
    for flow in examples(&net) {
        let stolen = format!("cookie=0xbad{}", &flow[flow.find(',').unwrap()..]);
        put_back(&net, "vmbr0", &["add-flow", "vmbr0", &stolen], "cookie=0xbad");
    }
    for flow in examples(&net) {
        // Changed: its actions, and its timeouts.
        let key = key(&flow);
        put_back(
            &net,
            "vmbr0",
            &["--strict", "mod-flows", "vmbr0", &format!("{key},actions=normal")],
            "NORMAL",
        );
        let (head, actions) = flow.split_once(" actions=").unwrap();
        let timed = format!("{head},idle_timeout=600 actions={actions}");
        put_back(&net, "vmbr0", &["add-flow", "vmbr0", &timed], "idle_timeout=600");
        // Deleted.
        put_back(&net, "vmbr0", &["--strict", "del-flows", "vmbr0", &key], "");
    }
    // All of them.
    for bridge in ["vmbr0", "vmbr1", "mesh-privacy"] {
        put_back(&net, bridge, &["del-flows", bridge], "");
    }
    assert!(ping(&net.lab, "gateway", INTERNET));
}

#[test]
fn what_looks_learned_and_is_not_goes() {
    let net = Running::dual_socket();
    assert!(tcp(&net.lab, "gateway", "internet", &format!("{INTERNET}:443")));
    let learned: Vec<String> =
        net.flows("vmbr0").into_iter().filter(|f| is_learned(f) && f.contains("tcp_flags=+ack")).collect();
    let flow = learned.first().expect("a learned flow").clone();
    let cookie = flow.split(',').next().unwrap().to_owned();
    let changed = |from: &str, to: &str| {
        assert!(flow.contains(from), "{from}: {flow}");
        flow.replacen(from, to, 1)
    };
    let out = "output:veth100";
    let gateway = "nw_dst=10.0.0.100";
    for (forged, mark) in [
        // A cookie of no rule.
        (changed(&cookie, "cookie=0x1234"), "cookie=0x1234"),
        // The cookie of a live rule, and then: another shape, another priority, another way in, no timeout, actions of
        // its own.
        (changed(gateway, "nw_dst=10.0.0.0/24"), "10.0.0.0/24"),
        (changed("priority=110", "priority=111"), "priority=111"),
        (
            changed("in_port=warp0", "in_port=\"from-privacy\""),
            "table=1, priority=110,in_port=\"from-privacy\"",
        ),
        (
            format!("{cookie}, table=1, priority=110,ip,in_port=warp0 actions=output:veth100"),
            "priority=110,ip,in_port=warp0",
        ),
        (changed(out, "NORMAL"), "NORMAL"),
        (changed(out, "output:veth100,output:veth102"), "output:veth102"),
    ] {
        let (words, had) = (["add-flow", "vmbr0", forged.as_str()], net.flows("vmbr0"));
        // In the place of the real one: that would be a change to it.
        net.lab.ofctl(&["del-flows", "vmbr0", "table=1,tcp"]).unwrap();
        put_back(&net, "vmbr0", &words, mark);
        assert!(had.iter().any(|f| is_learned(f)), "{had:#?}");
        // The switch may still know how the packets of the last connection went, and teaches itself the way back when it
        // has looked at its flows again.
        let connects = || tcp(&net.lab, "gateway", "internet", &format!("{INTERNET}:443")).then_some(());
        net.wait_for("a connection", connects);
    }
    // The real ones are left alone all the while: none is deleted by a repair.
    let learned: Vec<String> = net.flows("vmbr0").into_iter().filter(|f| is_learned(f)).collect();
    assert!(!learned.is_empty());
    net.lab.ofctl(&["add-flow", "vmbr0", "priority=65123,actions=normal"]).unwrap();
    net.wait_for("the repair", || {
        (!net.flows("vmbr0").iter().any(|f| f.contains("priority=65123"))).then_some(())
    });
    let still = net.flows("vmbr0");
    assert!(learned.iter().all(|f| still.contains(f)), "{learned:#?}\n{still:#?}");
}

#[test]
fn groups_that_nobody_asked_for_go() {
    let net = Running::dual_socket();
    let counted = repaired(&net, "vmbr0");
    net.lab.ofctl(&["add-group", "vmbr0", "group_id=7,type=all,bucket=output:warp0"]).unwrap();
    // A group forwards nothing before a flow names it, and that one is seen.
    put_back(&net, "vmbr0", &["add-flow", "vmbr0", "priority=65123,actions=group:7"], "group:7");
    net.wait_for("the group to go", || {
        (!net.lab.ofctl(&["dump-groups", "vmbr0"]).unwrap().contains("group_id=7")).then_some(())
    });
    assert!(repaired(&net, "vmbr0") >= counted + 2.0);
}

/// How `portcullis diff-flows FILE BRIDGE` ends, and what it prints.
fn differences(net: &Running, bridge: &str) -> (Option<i32>, String) {
    let path = net.path.to_str().unwrap();
    let output = Command::new(binary())
        .args(["diff-flows", path, bridge])
        .env("OVS_RUNDIR", net.lab.rundir())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_time_that_is_left_to_a_crossing_is_no_difference() {
    let net = Running::dual_socket();
    let timed = |bridge: &str| {
        let mut flows = net.flows(bridge).into_iter();
        flows.find(|flow| flow.contains("hard_timeout=") && !is_learned(flow))
    };
    let bridge = super::BRIDGES.into_iter().find(|bridge| timed(bridge).is_some()).expect("the crossing");
    let none = (Some(0), String::new());
    let repair = || {
        let flow = timed(bridge).unwrap();
        // What was compiled a while ago is added with what is left.
        let compiled = net.flows_with_stats(bridge);
        net.wait_for("some seconds", || {
            let now = net.flows_with_stats(bridge);
            let old = |flows: &[String]| flows.iter().filter(|f| f.contains("duration=0.")).count();
            (old(&now) == 0 && now != compiled).then_some(())
        });
        put_back(&net, bridge, &["--strict", "del-flows", bridge, &key(&flow)], "");
        timed(bridge).unwrap()
    };
    let again = repair();
    assert!(!again.contains("hard_timeout=65535"), "{again}");
    assert_eq!(differences(&net, bridge), none);
    // The same where the end is near enough for a timeout.
    let soon = Command::new("date").args(["-u", "-d", "+2 hours", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    let soon = String::from_utf8(soon.stdout).unwrap();
    net.reload(&portcullis_tests::running::dual_socket().replace("2031-12-31", soon.trim()));
    net.wait_for("the end", || timed(bridge).filter(|flow| flow.contains("hard_timeout=7")));
    repair();
    assert_eq!(differences(&net, bridge), none);
    // One that ends at another time is another.
    let other = key(&timed(bridge).unwrap());
    net.kill_controller();
    net.lab.ofctl(&["--strict", "del-flows", bridge, &other]).unwrap();
    let (code, text) = differences(&net, bridge);
    assert_eq!((code, text.lines().count()), (Some(2), 1), "{text}");
}
