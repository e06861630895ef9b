//! The shipped learning switch on a real Open vSwitch, and on switches that know nothing but OpenFlow 1.3.

mod stage;
mod storm;
mod vlan;

use std::process::Command;

use portcullis_tests::binary;

use self::stage::{Host, Stage};

/// Between which hosts, if a flow is between two of them.
fn pair(flow: &str, from: usize, to: usize) -> bool {
    flow.contains(&format!("dl_src={}", Host::mac(from)))
        && flow.contains(&format!("dl_dst={}", Host::mac(to)))
}

#[test]
fn eight_hosts_reach_each_other_and_flows_do_the_work() {
    let stage = Stage::new(8);
    for a in &stage.hosts {
        for b in (1..=8).filter(|b| *b != a.number) {
            assert!(a.reaches(b), "{} to {b}: {:#?}", a.number, stage.flows());
        }
    }
    let learned = stage.learned();
    for (from, to) in (1..=8).flat_map(|a| (1..=8).map(move |b| (a, b))).filter(|(a, b)| a != b) {
        let flow = learned.iter().find(|flow| pair(flow, from, to));
        let flow = flow.unwrap_or_else(|| panic!("no flow from {from} to {to}: {learned:#?}"));
        assert!(
            flow.contains(&format!("in_port=p{from},")) && flow.ends_with(&format!("output:p{to}")),
            "{flow}"
        );
    }
    assert_eq!(learned.len(), 8 * 7, "{learned:#?}");

    // From now on the switch does it alone, and nobody else hears of it.
    let asked = stage.metric("portcullis_packet_ins_total{bridge=\"*\"}").unwrap();
    let heard = stage.sent_by(5);
    assert_eq!(stage.host(1).pings(2, 50), 50);
    assert!(stage.sent_by(5) - heard < 10, "a third host is sent what is not for it");
    // ARP asks again now and then, by broadcast or not.
    assert!(stage.metric("portcullis_packet_ins_total{bridge=\"*\"}").unwrap() - asked < 20.0);
    assert_eq!(stage.metric("portcullis_learning_macs{bridge=\"*\"}"), Some(8.0));
}

#[test]
fn a_host_that_moves_is_found_where_it_is() {
    let mut stage = Stage::new(4);
    assert!(stage.host(1).reaches(3) && stage.host(2).reaches(3));
    assert!(stage.learned().iter().any(|flow| pair(flow, 1, 3)));
    // Host 3 goes from port 3 to port 4.
    stage.host(3).must(&["ip", "link", "set", "eth0", "down"]);
    stage.host(4).become_host(3);
    assert!(stage.host(4).reaches(1), "it speaks up at its new port");
    assert!(stage.host(1).reaches(3) && stage.host(2).reaches(3));
    assert_eq!(stage.metric("portcullis_learning_macs_total{bridge=\"*\",outcome=\"moved\"}"), Some(1.0));
    let p3 =
        stage.learned().into_iter().filter(|flow| flow.contains("output:p3") || flow.contains("in_port=p3"));
    assert_eq!(p3.collect::<Vec<_>>(), Vec::<String>::new(), "flows from and to its old port");

    // And while nobody was looking: a controller that comes back knows from the flows where everybody was.
    assert!(stage.host(1).reaches(3));
    stage.restart_controller();
    stage.wait_for("what the flows say", || {
        stage.metric("portcullis_learning_macs{bridge=\"*\"}").is_some_and(|known| known >= 3.0)
            || stage.host(1).reaches(2)
    });
    stage.host(4).must(&["ip", "link", "set", "eth0", "down"]);
    stage.host(3).become_host(3);
    stage.host(3).must(&["ip", "link", "set", "eth0", "up"]);
    assert!(stage.host(3).reaches(1));
    assert!(stage.host(1).reaches(3));
    assert_eq!(stage.metric("portcullis_learning_macs_total{bridge=\"*\",outcome=\"moved\"}"), Some(1.0));
}

#[test]
fn who_floods_with_invented_macs_disturbs_nobody() {
    let stage = Stage::new(4);
    assert!(stage.host(2).reaches(3) && stage.host(3).reaches(2));
    let frames: Vec<Vec<u8>> = (0..20_000_u32)
        .map(|n| {
            let [_, b, c, d] = n.to_be_bytes();
            let source = [0x0a, 0x55, 0, b, c, d];
            [&[0xff; 6][..], &source, &[0x88, 0xb5], &[0; 46]].concat()
        })
        .collect();
    let answers = std::thread::scope(|scope| {
        let pinging = scope.spawn(|| stage.host(2).pings(3, 150));
        for part in frames.chunks(500) {
            stage.host(1).emit(part);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        pinging.join().unwrap()
    });
    assert_eq!(answers, 150, "of 150 pings between two others");
    let macs = |outcome| {
        stage
            .metric(&format!("portcullis_learning_macs_total{{bridge=\"*\",outcome=\"{outcome}\"}}"))
            .unwrap()
    };
    stage.wait_for("refusals", || macs("refused") > 0.0);
    let known = stage.metric("portcullis_learning_macs{bridge=\"*\"}").unwrap();
    assert!(known <= 4096.0 + 3.0, "{known} addresses");
    assert!(stage.host(2).reaches(3) && stage.host(3).reaches(4) && stage.host(4).reaches(2));
}

#[test]
fn a_plain_switch_gets_its_flows_once() {
    let stage = Stage::new(0);
    let before = stage.metric("portcullis_flow_mods_total{bridge=\"*\"}").unwrap();
    // These refuse every extension and show no flows.
    let bench = Command::new(binary())
        .args(["bench", &stage.openflow, "--switches", "2", "--for", "3s", "--outstanding", "4"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&bench.stdout);
    assert!(bench.status.success(), "{said}{}", String::from_utf8_lossy(&bench.stderr));
    assert!(said.contains("none"), "{said}");
    let after = stage.metric("portcullis_flow_mods_total{bridge=\"*\"}").unwrap();
    assert_eq!(after - before, 2.0 * 3.0, "three flows for each of two switches");
}
