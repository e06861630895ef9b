//! What a bridge answers.

use std::process::Command;

use bytes::Bytes;
use ofproto::action::Action;
use ofproto::message::multipart::{FlowStatsRequest, MultipartReplyBody, MultipartRequestBody};
use ofproto::message::{FlowMod, GroupMod, GroupModCommand, GroupType, PacketOut, Role};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Cookie, GroupId, Message, PortNo, TableId};
use portcullis_tests::{Conn, PrivateOvs};

use super::{flow_mod, flows, output};

#[test]
fn a_bridge_says_who_it_is() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    ovs.vsctl(&["add-port", "b1", "p7", "--", "set", "interface", "p7", "type=internal", "ofport_request=7"]);
    let conn = &mut Conn::dial(&ovs.mgmt("b1"));

    let Message::FeaturesReply(features) = conn.ask(&Message::FeaturesRequest) else { panic!() };
    let id = ovs.vsctl(&["get", "bridge", "b1", "datapath_id"]);
    assert_eq!(id.trim().trim_matches('"'), features.datapath_id.to_string());
    assert_eq!(features.n_tables, 254);

    let [MultipartReplyBody::PortDesc(ports)] = &conn.parts(MultipartRequestBody::PortDesc)[..] else {
        panic!()
    };
    let mut names: Vec<_> = ports.iter().map(|port| (port.port_no, &port.name[..])).collect();
    names.sort();
    assert_eq!(names, [(PortNo(7), &b"p7"[..]), (PortNo::LOCAL, b"b1")]);
    let mac = ovs.vsctl(&["get", "interface", "p7", "mac_in_use"]);
    let p7 = ports.iter().find(|port| port.port_no == PortNo(7)).unwrap();
    assert_eq!(mac.trim().trim_matches('"'), p7.hw_addr.map(|byte| format!("{byte:02x}")).join(":"));

    let [MultipartReplyBody::Desc(desc)] = &conn.parts(MultipartRequestBody::Desc)[..] else { panic!() };
    assert_eq!(&desc.hw_desc[..], b"Open vSwitch");
    assert_eq!(&desc.mfr_desc[..], b"Nicira, Inc.");

    let [MultipartReplyBody::PortStats(stats)] = &conn.parts(MultipartRequestBody::PortStats(PortNo(7)))[..]
    else {
        panic!()
    };
    assert_eq!(stats.iter().map(|stats| stats.port_no).collect::<Vec<_>>(), [PortNo(7)]);

    ovs.ofctl(&["add-flow", "b1", "table=9,priority=1,actions=drop"]);
    let parts = conn.parts(MultipartRequestBody::Table);
    let active: u32 = parts
        .iter()
        .flat_map(|part| match part {
            MultipartReplyBody::Table(tables) => tables.iter(),
            other => panic!("{other:?}"),
        })
        .filter(|table| table.table_id == TableId(9))
        .map(|table| table.active_count)
        .sum();
    assert_eq!(active, 1);

    assert_eq!(
        conn.ask(&Message::EchoRequest(Bytes::from_static(b"hi"))),
        Message::EchoReply(Bytes::from_static(b"hi"))
    );
    assert!(matches!(conn.ask(&Message::GetConfigRequest), Message::GetConfigReply(_)));
    let role = Role { role: 0, generation_id: 0 };
    assert!(matches!(conn.ask(&Message::RoleRequest(role)), Message::RoleReply(Role { role: 1, .. })));
    conn.barrier();
}

#[test]
fn groups_are_seen_and_deleted() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    ovs.ofctl(&["add-group", "b1", "group_id=5,type=all,bucket=output:1,bucket=output:2"]);
    let conn = &mut Conn::dial(&ovs.mgmt("b1"));
    let [MultipartReplyBody::GroupDesc(groups)] = &conn.parts(MultipartRequestBody::GroupDesc)[..] else {
        panic!()
    };
    assert_eq!(
        groups.iter().map(|g| (g.group_id, g.kind)).collect::<Vec<_>>(),
        [(GroupId(5), GroupType::All)]
    );
    // The buckets that were read make the same group again.
    let buckets = groups[0].buckets.clone();
    conn.send(&Message::GroupMod(GroupMod {
        command: GroupModCommand::Delete,
        kind: GroupType::All,
        group_id: GroupId::ALL,
        buckets: vec![],
    }));
    conn.barrier();
    assert!(!ovs.ofctl(&["dump-groups", "b1"]).contains("group_id=5"));
    conn.send(&Message::GroupMod(GroupMod {
        command: GroupModCommand::Add,
        kind: GroupType::All,
        group_id: GroupId(6),
        buckets,
    }));
    conn.barrier();
    let groups = ovs.ofctl(&["dump-groups", "b1"]);
    assert!(
        groups.contains("group_id=6,type=all,bucket=actions=output:1,bucket=actions=output:2"),
        "{groups}"
    );
    assert_eq!(conn.errors(), []);
}

#[test]
fn flows_are_read_in_parts_and_written_back() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    let lines: Vec<String> = (0..2000)
        .map(|n| format!("cookie={n},table={},priority={},tcp,nw_src=10.0.{}.{},tp_dst=80,actions=output:1", n % 3, n % 7, n / 256, n % 256))
        .chain([
            "table=4,priority=9,in_port=LOCAL,ipv6,ipv6_dst=fe80::/10,actions=resubmit(,5),CONTROLLER:128".to_owned(),
            "table=4,tcp,tcp_flags=+syn-ack,actions=learn(table=5,idle_timeout=60,hard_timeout=90,priority=110,delete_learned,limit=100,eth_type=0x800,nw_proto=6,NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],output:NXM_OF_IN_PORT[]),load:0x5->NXM_NX_REG1[],move:NXM_NX_REG1[]->NXM_NX_REG2[],goto_table:6".to_owned(),
            "table=6,idle_timeout=9,hard_timeout=11,send_flow_rem,arp,arp_spa=10.0.0.1,actions=set_field:00:00:00:00:00:01->eth_dst,note:01.02,NORMAL".to_owned(),
            "table=7,vlan_tci=0x1000/0x1000,metadata=0x5/0xff,actions=write_actions(pop_vlan,output:3),write_metadata:0x7/0xf,goto_table:8".to_owned(),
        ])
        .collect();
    let file = ovs.rundir().join("flows");
    std::fs::write(&file, lines.join("\n")).unwrap();
    ovs.ofctl(&["add-flows", "b1", file.to_str().unwrap()]);
    let conn = &mut Conn::dial(&ovs.mgmt("b1"));
    let parts = conn.parts(MultipartRequestBody::Flow(FlowStatsRequest::default()));
    assert!(parts.len() > 1, "2,004 flows do not fit one message");
    let list = flows(conn);
    assert_eq!(list.len(), 2004);
    let mut cookies: Vec<u64> = list.iter().map(|flow| flow.cookie.0).collect();
    cookies.sort_unstable();
    cookies.dedup();
    assert_eq!(cookies.len(), 2000);

    let [MultipartReplyBody::Aggregate(sum)] =
        &conn.parts(MultipartRequestBody::Aggregate(FlowStatsRequest::default()))[..]
    else {
        panic!()
    };
    assert_eq!(sum.flow_count, 2004);
    let some = FlowStatsRequest { cookie: Cookie(8), cookie_mask: !7, ..FlowStatsRequest::default() };
    let [MultipartReplyBody::Flow(eight)] = &conn.parts(MultipartRequestBody::Flow(some))[..] else {
        panic!()
    };
    assert_eq!(eight.len(), 8);

    // Each flow as it was read, written by us onto another bridge, is the same flow.
    ovs.add_bridge("b2");
    let other = &mut Conn::dial(&ovs.mgmt("b2"));
    for flow in list {
        other.send(&Message::FlowMod(FlowMod {
            cookie: flow.cookie,
            table_id: flow.table_id,
            idle_timeout: flow.idle_timeout,
            hard_timeout: flow.hard_timeout,
            priority: flow.priority,
            flags: flow.flags,
            fields: flow.fields,
            instructions: flow.instructions,
            ..FlowMod::default()
        }));
    }
    other.barrier();
    assert_eq!(other.errors(), []);
    let dump = |bridge| ovs.ofctl(&["--no-stats", "--sort", "dump-flows", bridge]);
    assert_eq!(dump("b2"), dump("b1"));
    assert_eq!(dump("b1").lines().filter(|line| line.contains("actions=")).count(), 2004);
}

#[test]
fn counters_are_those_of_the_traffic() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    for port in ["p7", "p8"] {
        let number = format!("ofport_request={}", &port[1..]);
        ovs.vsctl(&["add-port", "b1", port, "--", "set", "interface", port, "type=internal", &number]);
        // Without IPv6 the kernel sends nothing of its own.
        let up = format!("sysctl -qw net.ipv6.conf.{port}.disable_ipv6=1 && ip link set {port} up");
        let net = format!("--net={}", ovs.netns().display());
        assert!(Command::new("nsenter").args([&net, "sh", "-c", &up]).status().unwrap().success());
    }
    let conn = &mut Conn::dial(&ovs.mgmt("b1"));
    conn.send(&Message::FlowMod(FlowMod {
        fields: Match { fields: vec![Oxm::Known { field: Field::InPortOxm, value: 8, mask: None }] },
        ..flow_mod(0, 5, output(PortNo(7)))
    }));
    // Three packets match and go out of port 7, one does not match.
    for in_port in [8, 8, 8, 9] {
        let frame = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0x88, 0xb5], &[0x5a; 50]].concat();
        conn.send(&Message::PacketOut(PacketOut {
            buffer_id: BufferId::NO_BUFFER,
            in_port: PortNo(in_port),
            actions: vec![Action::Output { port: PortNo::TABLE, max_len: 0 }],
            data: frame.into(),
        }));
    }
    conn.barrier();
    assert_eq!(conn.errors(), []);
    let [flow] = &flows(conn)[..] else { panic!() };
    assert_eq!((flow.packet_count, flow.byte_count), (3, 192));
    let all = MultipartRequestBody::Aggregate(FlowStatsRequest::default());
    let [MultipartReplyBody::Aggregate(sum)] = &conn.parts(all)[..] else { panic!() };
    assert_eq!((sum.packet_count, sum.byte_count, sum.flow_count), (3, 192, 1));
    let tables = conn.parts(MultipartRequestBody::Table);
    let Some(MultipartReplyBody::Table(tables)) = tables.first() else { panic!() };
    assert_eq!((tables[0].active_count, tables[0].lookup_count, tables[0].matched_count), (1, 4, 3));
    let [MultipartReplyBody::PortStats(stats)] = &conn.parts(MultipartRequestBody::PortStats(PortNo(7)))[..]
    else {
        panic!()
    };
    assert_eq!((stats[0].tx_packets, stats[0].tx_bytes), (3, 192));
    assert_eq!((stats[0].rx_packets, stats[0].rx_bytes), (0, 0));
}
