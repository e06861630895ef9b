//! One sender fills what is there to be filled, and nobody else notices.

use std::net::SocketAddrV4;

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::storms::{
    FILE, GATEWAY, SERVER, STRANGER, VPN, WEB, XRAY, asked, client, connected, datagram, echoes, flood,
    learned, macs, nobody, populate, segment, serve_tcp, serve_udp,
};

/// Room for so many learned flows in each table: what a switch has thousands of.
const ROOM: u32 = 100;
/// So many packets are a flood there.
const FLOOD: u32 = 4 * ROOM;
const RATE: u32 = 2_000;

/// The lab, its learned tables cut down.
fn small() -> Running {
    let net = Running::start(FILE, LabOptions::default());
    populate(&net.lab);
    let limit = format!("flow_limit={ROOM}");
    for table in [1, 5, 6] {
        net.lab.vsctl(&["set", "flow_table", &bound(&net, table), &limit]).unwrap();
    }
    serve_tcp(&net.lab, "nginx", WEB);
    serve_udp(&net.lab, "wg", VPN);
    serve_tcp(&net.lab, "internet", SERVER);
    net
}

/// What bounds a table, in the database.
fn bound(net: &Running, table: u8) -> String {
    let id = net.lab.vsctl(&["get", "bridge", "br0", &format!("flow_tables:{table}")]).unwrap();
    id.trim().to_owned()
}

#[test]
fn what_is_open_to_anybody_outside_stays_open_to_anybody() {
    let net = small();
    let mut old = connected(&net.lab, "internet", client(0), WEB).unwrap();
    let web = macs(&net.lab, "up", "nginx");
    for (syn, ack) in [(true, false), (false, true)] {
        let storm = (0..FLOOD).map(|n| segment(web, SocketAddrV4::new(nobody(n), 5_000), WEB, (syn, ack)));
        flood(&net.lab, "up", RATE, storm);
        assert!(connected(&net.lab, "internet", client(1), WEB).is_ok(), "SYN {syn}, ACK {ack}");
        assert!(echoes(&mut old), "an old connection, SYN {syn}, ACK {ack}");
    }
    assert_eq!((learned(&net.lab, 1), learned(&net.lab, 5), learned(&net.lab, 6)), (0, 0, 0));
    // Nothing is opened from inside by that.
    assert!(connected(&net.lab, "nginx", *WEB.ip(), SERVER).is_err());

    // The ports of one host are one to the VPN server, …
    let vpn = macs(&net.lab, "up", "wg");
    let storm = (0..FLOOD)
        .map(|n| datagram(vpn, SocketAddrV4::new(STRANGER, u16::try_from(1_024 + n).unwrap()), VPN));
    flood(&net.lab, "up", RATE, storm);
    assert_eq!(learned(&net.lab, 6), 1);
    assert!(asked(&net.lab, "internet", client(2), VPN));
    // … and where a flood comes from everywhere, whoever is new gets in. Members have nothing to do with it.
    let mut gateway = connected(&net.lab, "gateway", GATEWAY, SERVER).unwrap();
    let storm = (0..FLOOD).map(|n| datagram(vpn, SocketAddrV4::new(nobody(n), 5_000), VPN));
    flood(&net.lab, "up", RATE, storm);
    assert!(learned(&net.lab, 6) > 1 && learned(&net.lab, 6) < ROOM as usize);
    for n in 3..8 {
        assert!(asked(&net.lab, "internet", client(n), VPN), "client {n}");
    }
    assert!(echoes(&mut gateway));
}

#[test]
fn who_scans_loses_his_own_answers_and_is_told_of() {
    let net = small();
    let mut old = connected(&net.lab, "gateway", GATEWAY, SERVER).unwrap();
    let honest = || {
        let flows = net.flows("br0");
        flows.iter().filter(|f| f.contains("table=1,") && f.contains("nw_dst=10.0.0.100,")).count()
    };
    assert_eq!(honest(), 2, "{:#?}", net.flows("br0"));
    assert_eq!(net.metric("portcullis_return_flows_full{bridge=\"br0\",pot=\"table 1\"}"), 0.0);
    let out = macs(&net.lab, "xray", "up");
    let scan = |first: u16| {
        let storm = (first..first + u16::try_from(FLOOD).unwrap()).map(|port| {
            let (from, to) = (SocketAddrV4::new(XRAY, 4_000), SocketAddrV4::new(STRANGER, port));
            segment(out, from, to, (true, false))
        });
        flood(&net.lab, "xray", RATE, storm);
    };
    scan(1);
    assert_eq!(honest(), 2, "{:#?}", net.flows("br0"));
    assert!(learned(&net.lab, 1) < ROOM as usize);
    assert!(echoes(&mut old));
    assert!(connected(&net.lab, "gateway", GATEWAY, SERVER).is_ok());

    let full =
        |pot: &str| net.metric(&format!("portcullis_return_flows_full{{bridge=\"br0\",pot=\"{pot}\"}}"));
    net.wait_for("the full table to be told of", || (full("table 1") > 0.0).then_some(()));
    assert!(net.metric("portcullis_return_flows_evicted_total{bridge=\"br0\",table=\"1\"}") > 0.0);
    let said = net.bridge("br0").unwrap()["full"].to_string();
    assert!(said.contains("table 1 ("), "{said}");
    let warned = || net.controller.output().matches("table 1 (whoever has most in it").count();
    net.wait_for("the warning", || (warned() == 1).then_some(()));

    // It is the groups that keep them.
    net.lab.vsctl(&["clear", "flow_table", &bound(&net, 1), "groups"]).unwrap();
    scan(10_000);
    assert_eq!(honest(), 0, "{:#?}", net.flows("br0"));
    assert_eq!(warned(), 1, "once");
}

/// A limit that the file states refuses, and says so.
#[test]
fn a_limit_that_is_reached_is_told_of() {
    let text = format!("{FILE}limit = 20\n");
    let net = Running::start(&text, LabOptions::default());
    let out = macs(&net.lab, "xray", "up");
    let storm = (0..40).map(|n| {
        let (from, port) = (SocketAddrV4::new(XRAY, 4_000), 1 + n);
        segment(out, from, SocketAddrV4::new(STRANGER, port), (true, false))
    });
    flood(&net.lab, "xray", RATE, storm);
    let pot = "portcullis_return_flows_full{bridge=\"br0\",pot=\"rule egress\"}";
    net.wait_for("the limit to be told of", || (net.metric(pot) > 0.0).then_some(()));
    assert!(net.bridge("br0").unwrap()["full"].to_string().contains("the limit of rule egress"));
}
