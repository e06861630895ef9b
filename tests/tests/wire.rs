//! `ofproto` against a real Open vSwitch. [`Conn::recv`] also holds every message that the switch sends to its bytes:
//! decoded and encoded again they must be the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the lints know test functions, but not their helpers"
)]

use std::os::unix::net::UnixListener;

use bytes::Bytes;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::monitor::{
    MONITOR_ACTIONS, MONITOR_ADD, MONITOR_DELETE, MONITOR_MODIFY, MonitorEvent, MonitorRequest, MonitorUpdate,
};
use ofproto::message::multipart::{
    FlowStats, FlowStatsRequest, MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{
    BUNDLE_ATOMIC, BUNDLE_ORDERED, BundleAdd, BundleControl, BundleControlKind, ErrorMsg, FLOW_SEND_FLOW_REM,
    FlowMod, FlowModCommand, GroupMod, Hello, ONF, PacketOut, PortStatusReason, Role,
};
use ofproto::oxm::Match;
use ofproto::{BufferId, Cookie, GroupId, Message, PortNo, TableId, Xid};
use portcullis_tests::{Conn, PrivateOvs};

const BUNDLE: u16 = BUNDLE_ATOMIC | BUNDLE_ORDERED;

fn output(port: PortNo) -> Vec<Instruction> {
    vec![Instruction::ApplyActions(vec![Action::Output { port, max_len: 0 }])]
}

fn flow_mod(table: u8, priority: u16, instructions: Vec<Instruction>) -> FlowMod {
    FlowMod { table_id: TableId(table), priority, instructions, ..FlowMod::default() }
}

fn flows(conn: &mut Conn) -> Vec<FlowStats> {
    let parts = conn.parts(MultipartRequestBody::Flow(FlowStatsRequest::default()));
    let lists = parts.into_iter().map(|part| match part {
        MultipartReplyBody::Flow(list) => list,
        other => panic!("{other:?}"),
    });
    lists.flatten().collect()
}

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
    assert_eq!(groups.iter().map(|g| (g.group_id, g.kind)).collect::<Vec<_>>(), [(GroupId(5), 0)]);
    // The buckets that were read make the same group again.
    let buckets = groups[0].buckets.clone();
    conn.send(&Message::GroupMod(GroupMod {
        command: 2,
        kind: 0,
        group_id: GroupId::ALL,
        buckets: Bytes::new(),
    }));
    conn.barrier();
    assert!(!ovs.ofctl(&["dump-groups", "b1"]).contains("group_id=5"));
    conn.send(&Message::GroupMod(GroupMod { command: 0, kind: 0, group_id: GroupId(6), buckets }));
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
fn a_bundle_takes_effect_as_a_whole_or_not_at_all() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    let conn = &mut Conn::dial(&ovs.mgmt("b1"));
    let control = |bundle_id, kind| Message::BundleControl(BundleControl { bundle_id, kind, flags: BUNDLE });
    // Open vSwitch answers without the flags.
    let done = |bundle_id, kind| Message::BundleControl(BundleControl { bundle_id, kind, flags: 0 });
    let add = |conn: &mut Conn, bundle_id, flow_mod| {
        let xid = conn.xid();
        let add = BundleAdd::new(bundle_id, BUNDLE, xid, &Message::FlowMod(flow_mod)).unwrap();
        conn.send_raw(&Message::BundleAdd(add).encode(xid).unwrap());
        xid
    };

    let opened = conn.ask(&control(1, BundleControlKind::OpenRequest));
    assert_eq!(opened, done(1, BundleControlKind::OpenReply));
    add(conn, 1, flow_mod(0, 10, output(PortNo::LOCAL)));
    add(conn, 1, flow_mod(1, 20, vec![]));
    conn.barrier();
    assert_eq!(flows(conn).len(), 0);
    let closed = conn.ask(&control(1, BundleControlKind::CloseRequest));
    assert_eq!(closed, done(1, BundleControlKind::CloseReply));
    let committed = conn.ask(&control(1, BundleControlKind::CommitRequest));
    assert_eq!(committed, done(1, BundleControlKind::CommitReply));
    let mut seen: Vec<_> = flows(conn).iter().map(|flow| (flow.table_id.0, flow.priority)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 10), (1, 20)]);
    assert_eq!(conn.errors(), []);

    // The second is refused at commit: nothing of the bundle stays, and two errors come.
    conn.ask(&control(2, BundleControlKind::OpenRequest));
    add(conn, 2, FlowMod { command: FlowModCommand::Delete, table_id: TableId::ALL, ..FlowMod::default() });
    let bad =
        add(conn, 2, flow_mod(3, 30, vec![Instruction::ApplyActions(vec![Action::Group(GroupId(99))])]));
    let xid = conn.send(&control(2, BundleControlKind::CommitRequest));
    let Message::Error(error) = conn.wait(xid) else { panic!() };
    assert_eq!((error.experimenter, error.name()), (Some(ONF), Some("OFPBFC_MSG_FAILED")));
    let [(at, first)] = &conn.errors()[..] else { panic!() };
    assert_eq!((*at, first.name()), (bad, Some("OFPBAC_BAD_OUT_GROUP")));
    assert_eq!(flows(conn).len(), 2);

    // An inner xid that is not the outer one.
    conn.ask(&control(3, BundleControlKind::OpenRequest));
    let wrong = BundleAdd::new(3, BUNDLE, Xid(1), &Message::FlowMod(FlowMod::default())).unwrap();
    let Message::Error(error) = conn.ask(&Message::BundleAdd(wrong)) else { panic!() };
    assert_eq!(error.name(), Some("OFPBFC_MSG_BAD_XID"));
}

#[test]
fn a_monitor_tells_what_others_change() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    ovs.ofctl(&["add-flow", "b1", "cookie=0x1,priority=3,actions=drop"]);
    let conn = &mut Conn::dial(&ovs.mgmt("b1"));
    let request = MonitorRequest {
        id: 9,
        flags: MONITOR_ADD | MONITOR_DELETE | MONITOR_MODIFY | MONITOR_ACTIONS,
        out_port: PortNo::ANY,
        table_id: TableId::ALL,
        fields: Match::default(),
    };
    // Not asked for what is there already, so nothing is told at first.
    assert_eq!(
        conn.parts(MultipartRequestBody::Monitor(vec![request])),
        [MultipartReplyBody::Monitor(vec![])]
    );
    let update = |conn: &mut Conn| {
        let (xid, Message::MultipartReply(MultipartReply { flags: 0, body })) = conn.recv() else { panic!() };
        assert_eq!(xid, Xid(0));
        let MultipartReplyBody::Monitor(mut updates) = body else { panic!("{body:?}") };
        assert_eq!(updates.len(), 1);
        updates.remove(0)
    };

    let text = "cookie=0x5,priority=7,idle_timeout=60,table=3,tcp,in_port=3,actions=output:4";
    ovs.ofctl(&["add-flow", "b1", text]);
    let MonitorUpdate::Flow(added) = update(conn) else { panic!() };
    assert_eq!(added.event, MonitorEvent::Added);
    assert_eq!((added.cookie, added.priority, added.table_id), (Cookie(5), 7, TableId(3)));
    assert_eq!((added.idle_timeout, added.hard_timeout), (60, 0));
    assert_eq!(added.instructions, output(PortNo(4)));
    assert_eq!(added.fields, flows(conn).iter().find(|flow| flow.cookie == Cookie(5)).unwrap().fields);

    ovs.ofctl(&["mod-flows", "b1", "table=3,tcp,actions=output:5"]);
    let MonitorUpdate::Flow(modified) = update(conn) else { panic!() };
    assert_eq!((modified.event, modified.instructions), (MonitorEvent::Modified, output(PortNo(5))));

    // One's own change comes by its xid alone.
    let xid = conn.send(&Message::FlowMod(flow_mod(4, 1, vec![])));
    assert_eq!(update(conn), MonitorUpdate::Abbreviated(xid));

    ovs.ofctl(&["del-flows", "b1", "table=3"]);
    let MonitorUpdate::Flow(deleted) = update(conn) else { panic!() };
    // OFPRR_DELETE.
    assert_eq!((deleted.event, deleted.reason, deleted.cookie), (MonitorEvent::Deleted, 2, Cookie(5)));
}

#[test]
fn invalid_requests_are_refused_and_the_session_goes_on() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    let conn = &mut Conn::dial(&ovs.mgmt("b1"));
    // A flow request that is too short.
    let body = Bytes::from_static(&[0; 3]);
    let message = Message::MultipartRequest(MultipartRequest {
        flags: 0,
        body: MultipartRequestBody::Unknown { kind: 1, body },
    });
    let xid = conn.send(&message);
    let Message::Error(error) = conn.wait(xid) else { panic!() };
    assert_eq!(error.name(), Some("OFPBRC_BAD_LEN"));
    assert_eq!(error.data[..], message.encode(xid).unwrap());
    // A type that does not exist.
    let Message::Error(error) = conn.ask(&Message::Unknown { kind: 99, body: Bytes::new() }) else {
        panic!()
    };
    assert_eq!(error.name(), Some("OFPBRC_BAD_TYPE"));
    // A table that does not exist, and a flow that overlaps.
    let Message::Error(error) = conn.ask(&Message::FlowMod(flow_mod(0xff, 1, vec![]))) else { panic!() };
    assert_eq!(
        (error.kind_name(), error.name()),
        (Some("OFPET_FLOW_MOD_FAILED"), Some("OFPFMFC_BAD_TABLE_ID"))
    );

    // A monitor request without a match: Open vSwitch answers with an error in version 1, under a wrong xid, of a
    // length that stands in its memory by chance. It passes, and the session goes on.
    let mut body = Vec::new();
    for word in [ONF, 1870, 4, 0x001f_0000, u32::MAX, 0xff00_0000] {
        body.extend(word.to_be_bytes());
    }
    let body = MultipartRequestBody::Unknown { kind: 0xffff, body: body.into() };
    conn.send(&Message::MultipartRequest(MultipartRequest { flags: 0, body }));
    conn.barrier();
    assert_eq!(conn.errors().len(), 1);
    conn.barrier();
}

#[test]
fn a_controller_hears_of_packets_ports_and_flows() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    let socket = ovs.rundir().join("controller");
    let listener = UnixListener::bind(&socket).unwrap();
    ovs.vsctl(&["--no-wait", "set-controller", "b1", &format!("unix:{}", socket.display())]);
    let conn = &mut Conn::greet(listener.accept().unwrap().0);
    conn.barrier();

    ovs.vsctl(&["add-port", "b1", "p7", "--", "set", "interface", "p7", "type=internal", "ofport_request=7"]);
    let status = loop {
        if let (_, Message::PortStatus(status)) = conn.recv() {
            break status;
        }
    };
    assert_eq!(
        (status.reason, &status.port.name[..], status.port.port_no),
        (PortStatusReason::Add, &b"p7"[..], PortNo(7))
    );

    // Out through the pipeline and back to us.
    let to_us =
        vec![Instruction::ApplyActions(vec![Action::Output { port: PortNo::CONTROLLER, max_len: 0xffff }])];
    let flow = FlowMod { cookie: Cookie(0xabc), flags: FLOW_SEND_FLOW_REM, ..flow_mod(0, 5, to_us) };
    conn.send(&Message::FlowMod(flow));
    let frame = Bytes::from([&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0x88, 0xb5], &[0x5a; 50]].concat());
    conn.send(&Message::PacketOut(PacketOut {
        buffer_id: BufferId::NO_BUFFER,
        in_port: PortNo(7),
        actions: vec![Action::Output { port: PortNo::TABLE, max_len: 0 }],
        data: frame.clone(),
    }));
    let packet = loop {
        if let (_, Message::PacketIn(packet)) = conn.recv() {
            break packet;
        }
    };
    assert_eq!((packet.data, packet.cookie, packet.table_id), (frame.clone(), Cookie(0xabc), TableId(0)));
    assert_eq!((packet.total_len, packet.buffer_id), (64, BufferId::NO_BUFFER));
    assert_eq!(packet.fields.fields.len(), 1, "in_port alone: {:?}", packet.fields);

    conn.send(&Message::FlowMod(FlowMod { command: FlowModCommand::Delete, ..flow_mod(0, 0, vec![]) }));
    let removed = loop {
        if let (_, Message::FlowRemoved(removed)) = conn.recv() {
            break removed;
        }
    };
    assert_eq!((removed.cookie, removed.priority, removed.reason), (Cookie(0xabc), 5, 2));
    assert_eq!((removed.packet_count, removed.byte_count), (1, 64));

    ovs.vsctl(&["del-port", "b1", "p7"]);
    let gone = loop {
        if let (_, Message::PortStatus(status)) = conn.recv()
            && status.reason == PortStatusReason::Delete
        {
            break status.port.port_no;
        }
    };
    assert_eq!(gone, PortNo(7));
}

/// `ovs-ofctl ofp-parse` of messages, one text each, by xid from 0.
fn printed(ovs: &PrivateOvs, messages: &[Message]) -> Vec<String> {
    let file = ovs.rundir().join("messages");
    let xids = (0..).map(Xid);
    let bytes: Vec<u8> = messages.iter().zip(xids).flat_map(|(m, xid)| m.encode(xid).unwrap()).collect();
    std::fs::write(&file, bytes).unwrap();
    let text = ovs.ofctl(&["ofp-parse", file.to_str().unwrap()]);
    let mut texts = vec![String::new(); messages.len()];
    let mut at = 0;
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("(xid=0x") {
            at = usize::from_str_radix(rest.split_once(')').unwrap().0, 16).unwrap();
        }
        texts[at] += line;
        texts[at].push('\n');
    }
    texts
}

#[test]
fn errors_have_the_names_that_open_vswitch_gives_them() {
    let ovs = PrivateOvs::new();
    let error = |kind, code, experimenter| ErrorMsg { kind, code, experimenter, data: Bytes::new() };
    let standard = (0..20).flat_map(|kind| (0..40).map(move |code| error(kind, code, None)));
    let experimenters = (0..5000).flat_map(|code| {
        [Some(ONF), Some(0x2320), Some(7)].map(|experimenter| error(0xffff, code, experimenter))
    });
    let errors: Vec<_> = standard.chain(experimenters).collect();
    let messages: Vec<_> = errors.iter().cloned().map(Message::Error).collect();
    let mut named = 0;
    for (error, text) in errors.iter().zip(printed(&ovs, &messages)) {
        let first = text.lines().next().unwrap();
        let name = first.rsplit(": ").next().filter(|name| !name.contains(' ') && !name.contains('*'));
        assert_eq!(error.name(), name, "{error:?}: {first}");
        named += usize::from(name.is_some());
    }
    assert!(named > 150, "{named}");
}

#[test]
fn open_vswitch_prints_what_we_mean() {
    let ovs = PrivateOvs::new();
    let cases = [
        (Message::Hello(Hello::ours()), "OFPT_HELLO (OF1.3) (xid=0x0):\n version bitmap: 0x04\n"),
        (Message::FeaturesRequest, "OFPT_FEATURES_REQUEST (OF1.3) (xid=0x1):\n"),
        (
            Message::FlowMod(FlowMod {
                cookie: Cookie(0x12),
                table_id: TableId(3),
                idle_timeout: 60,
                hard_timeout: 90,
                priority: 7,
                flags: FLOW_SEND_FLOW_REM,
                instructions: output(PortNo::NORMAL),
                ..FlowMod::default()
            }),
            "OFPT_FLOW_MOD (OF1.3) (xid=0x2): ADD table:3 priority=7 cookie:0x12 idle:60 hard:90 send_flow_rem actions=NORMAL\n",
        ),
        (
            Message::FlowMod(FlowMod {
                command: FlowModCommand::DeleteStrict,
                cookie: Cookie(0x10),
                cookie_mask: 0xf0,
                table_id: TableId::ALL,
                out_port: PortNo(9),
                ..FlowMod::default()
            }),
            "OFPT_FLOW_MOD (OF1.3) (xid=0x3): DEL_STRICT table:255 cookie:0x10/0xf0 out_port:9 actions=drop\n",
        ),
        (
            Message::PacketOut(PacketOut {
                buffer_id: BufferId(0x1234),
                in_port: PortNo::CONTROLLER,
                actions: vec![Action::Output { port: PortNo(2), max_len: 0 }],
                data: Bytes::new(),
            }),
            "OFPT_PACKET_OUT (OF1.3) (xid=0x4): in_port=CONTROLLER actions=output:2 buffer=0x00001234\n",
        ),
        (
            Message::RoleRequest(Role { role: 2, generation_id: 5 }),
            "OFPT_ROLE_REQUEST (OF1.3) (xid=0x5): role=primary generation_id=5\n",
        ),
        (
            Message::BundleControl(BundleControl {
                bundle_id: 6,
                kind: BundleControlKind::CommitRequest,
                flags: BUNDLE,
            }),
            "ONFT_BUNDLE_CONTROL (OF1.3) (xid=0x6):\n bundle_id=0x6 type=COMMIT_REQUEST flags=atomic ordered\n",
        ),
        (
            Message::MultipartRequest(MultipartRequest {
                flags: 0,
                body: MultipartRequestBody::Flow(FlowStatsRequest {
                    table_id: TableId(2),
                    ..FlowStatsRequest::default()
                }),
            }),
            "OFPST_FLOW request (OF1.3) (xid=0x7): table=2\n",
        ),
        (
            Message::MultipartRequest(MultipartRequest {
                flags: 0,
                body: MultipartRequestBody::PortStats(PortNo(3)),
            }),
            "OFPST_PORT request (OF1.3) (xid=0x8): port_no=3\n",
        ),
        (Message::MonitorPaused, "ONFT_FLOW_MONITOR_PAUSED (OF1.3) (xid=0x9):\n"),
        (Message::MonitorResumed, "ONFT_FLOW_MONITOR_RESUMED (OF1.3) (xid=0xa):\n"),
    ];
    let messages: Vec<_> = cases.iter().map(|(message, _)| message.clone()).collect();
    for ((_, expected), text) in cases.iter().zip(printed(&ovs, &messages)) {
        assert_eq!(text, *expected);
    }
}
