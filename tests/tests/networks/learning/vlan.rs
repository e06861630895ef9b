//! Two hosts with one MAC in two VLANs.

use std::net::Ipv4Addr;

use portcullis_tests::frames::{tagged, udp};

use super::stage::Stage;

const SHARED: [u8; 6] = [2, 0, 0, 0, 0x77, 0x99];
const TEN: u16 = 10;
const TWENTY: u16 = 20;
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);

fn own(number: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0x77, number]
}

/// Sends a frame from the device of a host.
fn send(stage: &Stage, host: usize, from: [u8; 6], to: [u8; 6], vlan: Option<u16>) {
    let frame = match vlan {
        Some(vlan) => tagged((from, to), vlan, ADDRESS, ADDRESS),
        None => udp((from, to), ADDRESS, ADDRESS, 9),
    };
    stage.host(host).emit(&[frame]);
}

/// The learned flows to the shared address in a VLAN: each one's ports.
fn flows(stage: &Stage, vlan: Option<u16>) -> Vec<String> {
    let tag = vlan.map_or("vlan_tci=0x0000".to_owned(), |vlan| format!("dl_vlan={vlan},"));
    let to = "dl_dst=02:00:00:00:77:99";
    let mut ports: Vec<String> = stage
        .learned()
        .iter()
        .filter(|flow| flow.contains(&tag) && flow.contains(to))
        .map(|flow| {
            let (_, from) = flow.split_once("in_port=").unwrap();
            let (_, output) = flow.split_once("output:").unwrap();
            format!("{} to {output}", from.split(',').next().unwrap())
        })
        .collect();
    ports.sort();
    ports
}

fn known(stage: &Stage) -> f64 {
    stage.metric("portcullis_learning_macs{bridge=\"*\"}").unwrap()
}

#[test]
fn one_address_in_two_vlans_is_two_hosts() {
    let mut stage = Stage::new(5);
    let before = known(&stage);
    // The shared address is at port 1 in one VLAN, at port 2 in another, and at port 3 in none.
    for (host, vlan) in [(1, Some(TEN)), (2, Some(TWENTY)), (3, None)] {
        send(&stage, host, SHARED, own(9), vlan);
    }
    stage.wait_for("three hosts", || known(&stage) == before + 3.0);
    for (vlan, port) in [(Some(TEN), 1), (Some(TWENTY), 2), (None, 3)] {
        let expected = [format!("p4 to p{port}")];
        send(&stage, 4, own(4), SHARED, vlan);
        stage.wait_for("a flow", || flows(&stage, vlan) == expected);
    }
    // The flow takes a frame of its VLAN to its port and nowhere else.
    let sent = || [1, 2, 3, 5].map(|port| stage.sent_by(port));
    let had = sent();
    for _ in 0..20 {
        send(&stage, 4, own(4), SHARED, Some(TWENTY));
    }
    stage.wait_for("the frames", || sent()[1] >= had[1] + 20);
    let more: Vec<u64> = sent().iter().zip(had).map(|(now, had)| now - had).collect();
    assert!([more[0], more[2], more[3]].iter().all(|frames| *frames < 10), "{more:?}");

    // It moves in one VLAN, and stays where it is in the others.
    send(&stage, 5, SHARED, own(9), Some(TEN));
    stage.wait_for("the move", || flows(&stage, Some(TEN)).is_empty());
    assert_eq!(flows(&stage, Some(TWENTY)), ["p4 to p2"]);
    assert_eq!(flows(&stage, None), ["p4 to p3"]);
    assert_eq!(stage.metric("portcullis_learning_macs_total{bridge=\"*\",outcome=\"moved\"}"), Some(1.0));
    send(&stage, 4, own(4), SHARED, Some(TEN));
    stage.wait_for("its new port", || flows(&stage, Some(TEN)) == ["p4 to p5"]);

    // A controller that comes back reads each VLAN's hosts from the flows, and leaves those alone.
    stage.restart_controller();
    for (vlan, port) in [(Some(TEN), 5), (Some(TWENTY), 2), (None, 3)] {
        let expected = [format!("p1 to p{port}"), format!("p4 to p{port}")];
        stage.wait_for("a flow to where it was", || {
            // The first ones may come before the flows are read; whoever is not known then never speaks again.
            send(&stage, 1, own(1), SHARED, vlan);
            flows(&stage, vlan) == expected
        });
    }
}
