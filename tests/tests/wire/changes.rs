//! What a bridge does, tells and refuses.

use std::os::unix::net::UnixListener;

use bytes::Bytes;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::monitor::{
    MONITOR_ACTIONS, MONITOR_ADD, MONITOR_DELETE, MONITOR_MODIFY, MonitorEvent, MonitorRequest, MonitorUpdate,
};
use ofproto::message::multipart::{
    MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
};
use ofproto::message::{
    BundleAdd, BundleControl, BundleControlKind, FLOW_SEND_FLOW_REM, FlowMod, FlowModCommand, ONF, PacketOut,
    PortStatusReason,
};
use ofproto::oxm::Match;
use ofproto::{BufferId, Cookie, GroupId, Message, PortNo, TableId, Xid};
use portcullis_tests::{Conn, PrivateOvs};

use super::{BUNDLE, flow_mod, flows, output};

#[test]
fn a_bundle_takes_effect_as_a_whole_or_not_at_all() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    let conn = &mut Conn::dial(&ovs.mgmt("b1"));
    let control = |bundle_id, kind| Message::BundleControl(BundleControl::new(bundle_id, kind, BUNDLE));
    // Open vSwitch answers without the flags.
    let done = |bundle_id, kind| Message::BundleControl(BundleControl::new(bundle_id, kind, 0));
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
    let Message::Error(error) =
        conn.ask(&Message::Unknown { kind: ofproto::MessageType(99), body: Bytes::new() })
    else {
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
