//! Nicira's and ONF's messages, as a bridge takes and sends them.

use bytes::Bytes;
use ofproto::action::{Action, ToController};
use ofproto::instruction::Instruction;
use ofproto::message::monitor::{
    MONITOR_ADD, MONITOR_DELETE, MONITOR_MODIFY, MONITOR_OWN, MonitorCancel, MonitorEvent, MonitorRequest,
    MonitorUpdate,
};
use ofproto::message::multipart::{
    MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{
    AsyncConfig, AsyncConfig2, AsyncMessage, AsyncProperty, BundleAdd, BundleControl, BundleControlKind,
    ContinuationProperty, ControllerId, CtFlush, CtFlushProperty, CtFlushZone, CtTupleProperty, Experimenter,
    FlowMod, FlowModCommand, FlowModTableId, GroupMod, GroupModCommand, GroupType, NICIRA, NxFlowMod, NxRole,
    ONF, PacketIn2, PacketInFormat, PacketInProperty, PacketOut, Property, ROLE_MASTER, ROLE_SLAVE,
    RequestForward, Role, RoleStatus, RoleStatusReason, TlvMap, TlvTableMod, TlvTableModCommand,
};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Cookie, GroupId, Message, PortNo, TableId};
use portcullis_tests::{Conn, PrivateOvs};

use super::{BUNDLE, flow_mod, flows, output};

fn bridge() -> (PrivateOvs, Conn) {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    let conn = Conn::dial(&ovs.mgmt("b1"));
    (ovs, conn)
}

/// UDP from 192.168.0.1:8 to 192.168.0.2:9.
fn frame() -> Bytes {
    let mut frame = vec![0x50, 0x54, 0, 0, 0, 7, 0x50, 0x54, 0, 0, 0, 5, 8, 0];
    frame.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0xf9, 0x68, 192, 168, 0, 1, 192, 168, 0, 2]);
    frame.extend([0, 8, 0, 9, 0, 8, 0, 0]);
    frame.into()
}

/// The next message that fits, of those already here and those to come; a packet may come behind a later answer.
fn next<T>(conn: &mut Conn, fits: impl Fn(Message) -> Option<T>) -> T {
    loop {
        let (_, message) = conn.pushed.pop_front().unwrap_or_else(|| conn.recv());
        if let Some(found) = fits(message) {
            return found;
        }
    }
}

fn packet_in2(message: Message) -> Option<PacketIn2> {
    if let Message::PacketIn2(packet) = message { Some(packet) } else { None }
}

/// Sends it through the flows, as if from port 1.
fn send_frame(conn: &mut Conn) {
    conn.send(&Message::PacketOut(PacketOut {
        buffer_id: BufferId::NO_BUFFER,
        in_port: PortNo(1),
        actions: vec![Action::Output { port: PortNo::TABLE, max_len: 0 }],
        data: frame(),
    }));
}

fn known(field: Field, value: u128) -> Oxm {
    Oxm::Known { field, value, mask: None }
}

/// Flows that leave metadata of all kinds, push two values and stop at table 1.
const PAUSING: [&str; 2] = [
    "table=0,cookie=0x77,ip,actions=load:5->NXM_NX_REG1[],set_field:9->tun_id,load:3->NXM_NX_PKT_MARK[],push:NXM_NX_REG1[],push:NXM_OF_ETH_SRC[0..15],resubmit(,1),output:3",
    "table=1,cookie=0x78,ip,actions=controller(userdata=aa.bb,pause,max_len=20),output:LOCAL",
];

#[test]
fn a_packet_comes_in_the_format_that_was_asked_for() {
    let (ovs, mut conn) = bridge();
    let conn = &mut conn;
    ovs.ofctl(&["add-flow", "b1", PAUSING[0]]);
    // Open vSwitch sends nothing to a connection whose packets are cut to no bytes.
    conn.send(&Message::SetConfig(ofproto::message::SwitchConfig { flags: 0, miss_send_len: 0xffff }));
    ovs.ofctl(&["add-flow", "b1", "table=1,cookie=0x78,ip,actions=controller"]);

    conn.send(&Message::SetPacketInFormat(PacketInFormat::Nxt));
    send_frame(conn);
    let packet = next(conn, |m| if let Message::NxPacketIn(packet) = m { Some(packet) } else { None });
    assert_eq!((packet.0.cookie, packet.0.table_id, &packet.0.data), (Cookie(0x78), TableId(1), &frame()));
    let expected =
        [known(Field::InPort, 1), known(Field::TunId, 9), known(Field::Reg1, 5), known(Field::PktMark, 3)];
    assert!(expected.iter().all(|oxm| packet.0.fields.fields.contains(oxm)), "{:?}", packet.0.fields);

    conn.send(&Message::SetPacketInFormat(PacketInFormat::Standard));
    send_frame(conn);
    let packet = next(conn, |m| if let Message::PacketIn(packet) = m { Some(packet) } else { None });
    assert_eq!(packet.data, frame());

    conn.send(&Message::SetPacketInFormat(PacketInFormat::Nxt2));
    send_frame(conn);
    let packet = next(conn, packet_in2);
    for expected in [
        PacketInProperty::Packet(frame()),
        PacketInProperty::TableId(TableId(1)),
        PacketInProperty::Cookie(Cookie(0x78)),
        PacketInProperty::Reason(ofproto::PacketInReason(1)),
    ] {
        assert!(packet.properties.contains(&expected), "{expected:?}: {packet:?}");
    }

    let Message::Error(error) = conn.ask(&Message::SetPacketInFormat(PacketInFormat::Unknown(9))) else {
        panic!()
    };
    assert_eq!(error.name(), Some("OFPBRC_EPERM"));
}

#[test]
fn a_packet_that_was_paused_goes_on() {
    let (ovs, mut conn) = bridge();
    let conn = &mut conn;
    PAUSING.iter().for_each(|flow| drop(ovs.ofctl(&["add-flow", "b1", flow])));
    conn.send(&Message::SetConfig(ofproto::message::SwitchConfig { flags: 0, miss_send_len: 0xffff }));
    conn.send(&Message::SetPacketInFormat(PacketInFormat::Nxt2));
    send_frame(conn);
    let packet = next(conn, packet_in2);
    assert!(packet.properties.contains(&PacketInProperty::Userdata(Bytes::from_static(&[0xaa, 0xbb]))));
    let inside = packet.properties.iter().find_map(|property| match property {
        PacketInProperty::Continuation(inside) => Some(ContinuationProperty::list(inside).unwrap()),
        _ => None,
    });
    let inside = inside.unwrap();
    let stack = |bytes: &'static [u8]| ContinuationProperty::Stack(Bytes::from_static(bytes));
    for expected in [
        // The last pushed is two bytes wide, the first four.
        stack(&[0, 5]),
        stack(&[0, 0, 0, 5]),
        ContinuationProperty::Actions(vec![Action::Output { port: PortNo(3), max_len: 0 }]),
        ContinuationProperty::Cookie(Cookie(0x77)),
    ] {
        assert!(inside.contains(&expected), "{expected:?}: {inside:?}");
    }
    assert!(matches!(inside[0], ContinuationProperty::Bridge(_)), "{inside:?}");

    conn.send(&Message::Resume(packet));
    conn.barrier();
    assert_eq!(conn.errors(), []);
    let parts = conn.parts(MultipartRequestBody::PortStats(PortNo::LOCAL));
    let [MultipartReplyBody::PortStats(stats)] = &parts[..] else { panic!("{parts:?}") };
    // It leaves by the port behind the pause; that port is down, so it counts as dropped there.
    assert_eq!(stats[0].tx_packets + stats[0].tx_dropped + stats[0].tx_errors, 1, "{stats:?}");
    // Without a continuation there is nothing to go on with.
    let bare = PacketIn2 { properties: vec![PacketInProperty::Packet(frame())] };
    let Message::Error(error) = conn.ask(&Message::Resume(bare)) else { panic!() };
    assert_eq!((error.kind_name(), error.name()), (Some("OFPET_EXPERIMENTER"), Some("NXR_STALE")));
}

#[test]
fn packets_go_to_the_controller_that_was_meant() {
    let (_ovs, mut conn) = bridge();
    let conn = &mut conn;
    let to = |controller_id| {
        let to = ToController {
            max_len: 0xffff,
            controller_id,
            reason: ofproto::PacketInReason(1),
            userdata: Bytes::new(),
            pause: false,
            meter: None,
        };
        vec![Instruction::ApplyActions(vec![Action::Controller(Box::new(to))])]
    };
    conn.send(&Message::SetConfig(ofproto::message::SwitchConfig { flags: 0, miss_send_len: 0xffff }));
    conn.send(&Message::SetControllerId(ControllerId(7)));
    for id in [6, 7] {
        let flow = FlowMod { cookie: Cookie(u64::from(id)), ..flow_mod(0, 5, to(id)) };
        conn.send(&Message::FlowMod(flow));
        send_frame(conn);
    }
    // The first packet would have come first.
    let packet = next(conn, |m| if let Message::PacketIn(packet) = m { Some(packet) } else { None });
    assert_eq!(packet.cookie, Cookie(7));
}

#[test]
fn small_things_that_a_controller_sets() {
    let (ovs, mut conn) = bridge();
    let conn = &mut conn;
    assert_eq!(conn.ask(&Message::NxRoleRequest(NxRole::Master)), Message::NxRoleReply(NxRole::Master));
    let Message::Error(error) = conn.ask(&Message::NxRoleRequest(NxRole::Unknown(7))) else { panic!() };
    assert_eq!(error.kind_name(), Some("OFPET_ROLE_REQUEST_FAILED"));
    conn.send(&Message::FlowModTableId(FlowModTableId { set: 1 }));
    conn.send(&Message::FlowAge);
    conn.send(&Message::CtFlushZone(CtFlushZone { zone_id: 7 }));
    let tuple = vec![
        CtTupleProperty::Src([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1]),
        CtTupleProperty::DstPort(80),
    ];
    let flush = CtFlush {
        ip_proto: 6,
        properties: vec![CtFlushProperty::OrigTuple(tuple), CtFlushProperty::ZoneId(3)],
    };
    conn.send(&Message::CtFlush(flush));
    conn.barrier();
    assert_eq!(conn.errors(), []);
    // A property that Open vSwitch does not know is passed over.
    let odd = Property { kind: 77, body: Bytes::from_static(&[1, 2, 3, 4]) };
    let flush = CtFlush { ip_proto: 6, properties: vec![CtFlushProperty::Unknown(odd)] };
    conn.send(&Message::CtFlush(flush));

    // A flow in NXM, at table 9, with what it matches under Nicira's headers.
    let flow = NxFlowMod {
        cookie: Cookie(7),
        table_id: TableId(9),
        command: FlowModCommand::Add,
        idle_timeout: 5,
        hard_timeout: 6,
        priority: 77,
        buffer_id: BufferId::NO_BUFFER,
        out_port: 0xffff,
        flags: 0,
        fields: Match { fields: vec![known(Field::InPort, 3), known(Field::EthType, 0x800)] },
        instructions: output(PortNo(4)),
    };
    conn.send(&Message::NxFlowMod(flow));
    conn.barrier();
    assert_eq!(conn.errors(), []);
    let text = ovs.ofctl(&["--no-stats", "dump-flows", "b1"]);
    let expected =
        "cookie=0x7, table=9, idle_timeout=5, hard_timeout=6, priority=77,ip,in_port=3 actions=output:4";
    assert!(text.contains(expected), "{text}");

    // What Open vSwitch knows only in other versions, and what nobody knows.
    for (experimenter, exp_type) in [(NICIRA, 12), (NICIRA, 21), (NICIRA, 31), (ONF, 9), (7, 7)] {
        let message =
            Message::Experimenter(Experimenter { experimenter, exp_type, data: Bytes::from(vec![0; 8]) });
        let Message::Error(error) = conn.ask(&message) else { panic!() };
        let expected = if experimenter == 7 { "OFPBRC_BAD_VENDOR" } else { "OFPBRC_BAD_SUBTYPE" };
        assert_eq!(error.name(), Some(expected), "{message:?}");
    }
    let body = MultipartRequestBody::Experimenter(Experimenter {
        experimenter: NICIRA,
        exp_type: 2,
        data: Bytes::from(vec![0; 16]),
    });
    let Message::Error(error) = conn.ask(&Message::MultipartRequest(MultipartRequest { flags: 0, body }))
    else {
        panic!()
    };
    assert_eq!(error.name(), Some("OFPBRC_BAD_SUBTYPE"));
}

#[test]
fn tunnel_options_are_mapped_to_fields() {
    let (_ovs, mut conn) = bridge();
    let conn = &mut conn;
    let map = TlvMap { option_class: 0x102, option_type: 0x80, option_len: 8, index: 3 };
    let change = |command, maps| Message::TlvTableMod(TlvTableMod { command, maps });
    conn.send(&change(TlvTableModCommand::Add, vec![map]));
    let Message::TlvTableReply(table) = conn.ask(&Message::TlvTableRequest) else { panic!() };
    assert_eq!((table.max_option_space, table.max_fields, table.maps), (256, 64, vec![map]));
    let Message::Error(error) = conn.ask(&change(TlvTableModCommand::Add, vec![map])) else { panic!() };
    assert_eq!(error.name(), Some("NXTTMFC_ALREADY_MAPPED"));
    conn.send(&change(TlvTableModCommand::Clear, vec![]));
    let Message::TlvTableReply(table) = conn.ask(&Message::TlvTableRequest) else { panic!() };
    assert_eq!(table.maps, []);
}

#[test]
fn one_controller_hears_what_another_does() {
    let (ovs, mut first) = bridge();
    let on = |message, slave| AsyncProperty::Reasons { message, slave, mask: 3 };
    let told = AsyncConfig2 {
        properties: vec![
            on(AsyncMessage::RoleStatus, false),
            on(AsyncMessage::RoleStatus, true),
            on(AsyncMessage::RequestForward, false),
            on(AsyncMessage::RequestForward, true),
            AsyncProperty::Reasons { message: AsyncMessage::PacketIn, slave: true, mask: 4 },
        ],
    };
    first.send(&Message::SetAsyncConfig2(told));
    let Message::GetAsyncReply(AsyncConfig { packet_in_mask: [_, 4], .. }) =
        first.ask(&Message::GetAsyncRequest)
    else {
        panic!("the mask for slaves was set")
    };
    let role = |generation_id| Message::RoleRequest(Role { role: ROLE_MASTER, generation_id });
    assert!(matches!(first.ask(&role(4)), Message::RoleReply(_)));

    let mut second = Conn::dial(&ovs.mgmt("b1"));
    assert!(matches!(second.ask(&role(5)), Message::RoleReply(_)));
    let (_, Message::RoleStatus(status)) = first.recv() else { panic!() };
    let expected = RoleStatus {
        role: ROLE_SLAVE,
        reason: RoleStatusReason::MasterRequest,
        generation_id: 5,
        properties: vec![],
    };
    assert_eq!(status, expected);

    let group = Message::GroupMod(GroupMod {
        command: GroupModCommand::Add,
        kind: GroupType::All,
        group_id: GroupId(7),
        buckets: vec![],
    });
    let xid = second.send(&group);
    let (_, Message::RequestForward(RequestForward { message })) = first.recv() else { panic!() };
    assert_eq!(Message::decode(&message), Ok((xid, group)));

    let unsupported = AsyncProperty::Unknown(Property { kind: 12, body: Bytes::from_static(&[0, 0, 0, 1]) });
    let told = AsyncConfig2 { properties: vec![unsupported] };
    let Message::Error(error) = first.ask(&Message::SetAsyncConfig2(told)) else { panic!() };
    assert_eq!(error.name(), Some("OFPACFC_UNSUPPORTED"));
}

#[test]
fn a_monitor_can_be_ended() {
    let (ovs, mut conn) = bridge();
    let conn = &mut conn;
    let request = MonitorRequest {
        id: 9,
        flags: MONITOR_ADD | MONITOR_DELETE | MONITOR_MODIFY | MONITOR_OWN,
        out_port: PortNo::ANY,
        table_id: TableId::ALL,
        fields: Match::default(),
    };
    conn.parts(MultipartRequestBody::Monitor(vec![request]));
    // With MONITOR_OWN one's own change comes in full, and without MONITOR_ACTIONS it has no instructions.
    conn.send(&Message::FlowMod(flow_mod(4, 1, output(PortNo(4)))));
    let (_, Message::MultipartReply(MultipartReply { body: MultipartReplyBody::Monitor(updates), .. })) =
        conn.recv()
    else {
        panic!()
    };
    let [MonitorUpdate::Flow(flow)] = &updates[..] else { panic!("{updates:?}") };
    assert_eq!(
        (flow.event, flow.table_id, &flow.instructions[..]),
        (MonitorEvent::Added, TableId(4), &[][..])
    );

    conn.send(&Message::MonitorCancel(MonitorCancel { id: 9 }));
    conn.barrier();
    assert_eq!(conn.errors(), []);
    ovs.ofctl(&["add-flow", "b1", "table=5,actions=drop"]);
    assert_eq!(flows(conn).len(), 2);
    assert_eq!(conn.pushed.len(), 0, "{:?}", conn.pushed);
    let Message::Error(error) = conn.ask(&Message::MonitorCancel(MonitorCancel { id: 9 })) else { panic!() };
    assert_eq!(error.name(), Some("OFPMOFC_UNKNOWN_MONITOR"));
}

#[test]
fn properties_of_bundles_are_passed_over() {
    let (_ovs, mut conn) = bridge();
    let conn = &mut conn;
    let experimenter = Property { kind: 0xffff, body: Bytes::from_static(&[0, 0, 0, 7, 0, 0, 0, 7]) };
    let control = |kind| {
        Message::BundleControl(BundleControl {
            properties: vec![experimenter.clone()],
            ..BundleControl::new(1, kind, BUNDLE)
        })
    };
    let replied = |kind| Message::BundleControl(BundleControl::new(1, kind, 0));
    assert_eq!(conn.ask(&control(BundleControlKind::OpenRequest)), replied(BundleControlKind::OpenReply));
    let xid = conn.xid();
    let flow = Message::FlowMod(flow_mod(2, 3, output(PortNo(1))));
    let mut add = BundleAdd::new(1, BUNDLE, xid, &flow).unwrap();
    add.properties.push(experimenter.clone());
    conn.send_raw(&Message::BundleAdd(add).encode(xid).unwrap());
    assert_eq!(conn.ask(&control(BundleControlKind::CommitRequest)), replied(BundleControlKind::CommitReply));
    assert_eq!(conn.errors(), []);
    assert_eq!(flows(conn).len(), 1);
}
