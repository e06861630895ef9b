//! What Open vSwitch reads in the bytes that we write.

use bytes::Bytes;
use ofproto::action::Action;
use ofproto::message::monitor::MonitorCancel;
use ofproto::message::multipart::{
    BucketCounter, FlowStatsRequest, GroupStats, IpfixStats, MeterBandStats, MeterConfig, MeterStats,
    MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody, QueueStats,
};
use ofproto::message::{
    AsyncConfig2, AsyncMessage, AsyncProperty, Bucket, BundleControl, BundleControlKind, ControllerId,
    CtFlushZone, ErrorMsg, FLOW_SEND_FLOW_REM, FlowMod, FlowModCommand, FlowModTableId, FlowRemoved,
    GroupMod, GroupModCommand, GroupType, Hello, METER_BURST, METER_PKTPS, MeterBand, MeterBandType,
    NxFlowMod, NxFlowRemoved, NxPacketIn, NxRole, ONF, PacketIn, PacketIn2, PacketInFormat, PacketInProperty,
    PacketOut, PacketQueue, Property, QueueGetConfigReply, QueueProperty, ROLE_MASTER, RequestForward, Role,
    RoleStatus, RoleStatusReason, TableMod,
};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Cookie, GroupId, Message, MeterId, PortNo, QueueId, TableId, Xid};
use portcullis_tests::PrivateOvs;

use super::{BUNDLE, output};

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
            Message::BundleControl(BundleControl::new(6, BundleControlKind::CommitRequest, BUNDLE)),
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
    check(&ovs, &cases);
}

/// Holds messages to the texts that Open vSwitch gives them.
fn check(ovs: &PrivateOvs, cases: &[(Message, &str)]) {
    let messages: Vec<_> = cases.iter().map(|(message, _)| message.clone()).collect();
    let expected: Vec<_> = cases.iter().map(|(_, text)| *text).collect();
    assert_eq!(printed(ovs, &messages), expected);
}

/// A property that nobody knows.
fn odd(kind: u16) -> Property {
    Property { kind, body: Bytes::from_static(&[0, 0, 0, 7, 0, 0, 0, 7]) }
}

/// `ip`, under Nicira's headers.
fn ip() -> Match {
    Match { fields: vec![Oxm::Known { field: Field::EthType, value: 0x800, mask: None }] }
}

#[test]
fn open_vswitch_prints_the_experimenters_messages() {
    let removed = FlowRemoved {
        cookie: Cookie(7),
        priority: 77,
        reason: 0,
        table_id: TableId(9),
        duration_sec: 1,
        duration_nsec: 2,
        idle_timeout: 5,
        hard_timeout: 0,
        packet_count: 8,
        byte_count: 9,
        fields: ip(),
    };
    let packet = PacketIn {
        buffer_id: BufferId(0x12),
        total_len: 60,
        reason: ofproto::PacketInReason(2),
        table_id: TableId(3),
        cookie: Cookie(7),
        fields: Match { fields: vec![Oxm::Known { field: Field::InPort, value: 5, mask: None }] },
        data: Bytes::new(),
    };
    let flow = NxFlowMod {
        cookie: Cookie(7),
        table_id: TableId(9),
        command: FlowModCommand::Modify,
        idle_timeout: 0,
        hard_timeout: 0,
        priority: 77,
        buffer_id: BufferId::NO_BUFFER,
        out_port: 0xffff,
        flags: 0,
        fields: ip(),
        instructions: output(PortNo(3)),
    };
    let group = Message::GroupMod(GroupMod {
        command: GroupModCommand::Delete,
        kind: GroupType::Select,
        group_id: GroupId(7),
        buckets: vec![],
    });
    let status = RoleStatus {
        role: ROLE_MASTER,
        reason: RoleStatusReason::Config,
        generation_id: 5,
        properties: vec![odd(0xffff)],
    };
    let mask = AsyncProperty::Reasons { message: AsyncMessage::RequestForward, slave: false, mask: 1 };
    let resume = PacketIn2 {
        properties: vec![
            PacketInProperty::Packet(Bytes::from_static(&[0; 14])),
            PacketInProperty::FullLen(99),
            PacketInProperty::BufferId(BufferId(0x12)),
            PacketInProperty::TableId(TableId(4)),
            PacketInProperty::Cookie(Cookie(0x99)),
            PacketInProperty::Reason(ofproto::PacketInReason(1)),
            PacketInProperty::Userdata(Bytes::from_static(&[0xaa, 0xbb])),
        ],
    };
    let cases = [
        (Message::NxRoleRequest(NxRole::Slave), "NXT_ROLE_REQUEST (OF1.3) (xid=0x0): role=secondary\n"),
        (Message::NxRoleReply(NxRole::Other), "NXT_ROLE_REPLY (OF1.3) (xid=0x1): role=equal\n"),
        (
            Message::NxFlowMod(flow),
            "NXT_FLOW_MOD (OF1.3) (xid=0x2): MOD table:9 priority=77,ip cookie:0x7 actions=output:3\n",
        ),
        (
            Message::NxFlowRemoved(NxFlowRemoved(removed)),
            "NXT_FLOW_REMOVED (OF1.3) (xid=0x3): priority=77,ip reason=idle table_id=9 cookie:0x7 duration1.000000002s idle5 pkts8 bytes9\n",
        ),
        (
            Message::FlowModTableId(FlowModTableId { set: 1 }),
            "NXT_FLOW_MOD_TABLE_ID (OF1.3) (xid=0x4): enable\n",
        ),
        (
            Message::SetPacketInFormat(PacketInFormat::Nxt2),
            "NXT_SET_PACKET_IN_FORMAT (OF1.3) (xid=0x5): format=nxt_packet_in2\n",
        ),
        (Message::FlowAge, "NXT_FLOW_AGE (OF1.3) (xid=0x6):\n"),
        (Message::SetControllerId(ControllerId(7)), "NXT_SET_CONTROLLER_ID (OF1.3) (xid=0x7): id=7\n"),
        (Message::TlvTableRequest, "NXT_TLV_TABLE_REQUEST (OF1.3) (xid=0x8):\n"),
        (
            Message::CtFlushZone(CtFlushZone { zone_id: 9 }),
            "NXT_CT_FLUSH_ZONE (OF1.3) (xid=0x9): zone_id=9\n",
        ),
        (
            Message::MonitorCancel(MonitorCancel { id: 11 }),
            "ONFT_FLOW_MONITOR_CANCEL (OF1.3) (xid=0xa): id=11\n",
        ),
        (
            Message::RoleStatus(status),
            "ONFT_ROLE_STATUS (OF1.3) (xid=0xb): role=primary generation_id=5 reason=configuration_changed\n",
        ),
        (
            Message::RequestForward(RequestForward { message: group.encode(Xid(1)).unwrap().into() }),
            "ONFT_REQUESTFORWARD (OF1.3) (xid=0xc): reason=group_mod\n DEL group_id=7,type=select\n",
        ),
        (
            Message::NxPacketIn(NxPacketIn(packet)),
            "NXT_PACKET_IN (OF1.3) (xid=0xd): table_id=3 cookie=0x7 total_len=60 in_port=5 (via invalid_ttl) data_len=0 buffer=0x00000012\nvlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,dl_type=0x0000\n",
        ),
        (
            Message::SetAsyncConfig2(AsyncConfig2 { properties: vec![mask] }),
            "NXT_SET_ASYNC_CONFIG2 (OF1.3) (xid=0xe):\n primary:\n       PACKET_IN: (off)\n     PORT_STATUS: (off)\n    FLOW_REMOVED: (off)\n     ROLE_STATUS: (off)\n    TABLE_STATUS: (off)\n  REQUESTFORWARD: group_mod_request\n\n secondary:\n       PACKET_IN: (off)\n     PORT_STATUS: (off)\n    FLOW_REMOVED: (off)\n     ROLE_STATUS: (off)\n    TABLE_STATUS: (off)\n  REQUESTFORWARD: (off)\n",
        ),
        (
            Message::Resume(resume),
            "NXT_RESUME (OF1.3) (xid=0xf): table_id=4 cookie=0x99 total_len=99  (via action) data_len=14 buffer=0x00000012\n userdata=aa.bb\nvlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,dl_type=0x05ff\n",
        ),
    ];
    check(&PrivateOvs::new(), &cases);
}

fn reply(body: MultipartReplyBody) -> Message {
    Message::MultipartReply(MultipartReply { flags: 0, body })
}

/// What a switch without real queues, remarking meters or traffic does not send.
#[test]
fn open_vswitch_prints_the_tables_of_other_switches() {
    let queue = PacketQueue {
        queue_id: QueueId(3),
        port: PortNo(1),
        properties: vec![QueueProperty::MinRate(500), QueueProperty::MaxRate(600)],
    };
    let queues = QueueGetConfigReply { port: PortNo(1), queues: vec![queue] };
    let queue_stats = QueueStats {
        port_no: PortNo(1),
        queue_id: QueueId(3),
        tx_bytes: 4,
        tx_packets: 5,
        tx_errors: 6,
        duration_sec: 7,
        duration_nsec: 8_000_000,
    };
    let band = |kind| MeterBand { rate: 100, burst_size: 9, kind };
    let bands = vec![band(MeterBandType::Drop), band(MeterBandType::DscpRemark { prec_level: 3 })];
    let meter = MeterConfig { flags: METER_PKTPS | METER_BURST, meter_id: MeterId(5), bands };
    let meter_stats = MeterStats {
        meter_id: MeterId(5),
        flow_count: 1,
        packet_in_count: 2,
        byte_in_count: 3,
        duration_sec: 4,
        duration_nsec: 5_000_000,
        bands: vec![MeterBandStats { packet_band_count: 6, byte_band_count: 7 }],
    };
    let group_stats = GroupStats {
        group_id: GroupId(1),
        ref_count: 2,
        packet_count: 3,
        byte_count: 4,
        duration_sec: 5,
        duration_nsec: 6_000_000,
        buckets: vec![BucketCounter { packet_count: 7, byte_count: 8 }],
    };
    let ipfix = IpfixStats {
        total_flows: 1,
        current_flows: 2,
        packets: 3,
        ipv4_packets: 4,
        ipv6_packets: 5,
        error_packets: 6,
        ipv4_error_packets: 7,
        ipv6_error_packets: 8,
        tx_packets: 9,
        tx_errors: 10,
        collector_set_id: 11,
    };
    let bucket = Bucket { weight: 7, actions: vec![Action::PopVlan], ..Bucket::default() };
    let group = GroupMod {
        command: GroupModCommand::Add,
        kind: GroupType::Select,
        group_id: GroupId(4),
        buckets: vec![bucket],
    };
    let table = TableMod { table_id: TableId(2), config: 0 };
    let cases = [
        (
            Message::QueueGetConfigReply(queues),
            "OFPT_QUEUE_GET_CONFIG_REPLY (OF1.3) (xid=0x0): port=1\nqueue 3: min_rate:50.0% max_rate:60.0%\n",
        ),
        (
            reply(MultipartReplyBody::Queue(vec![queue_stats])),
            "OFPST_QUEUE reply (OF1.3) (xid=0x1): 1 queues\n  port 1 queue 3: bytes=4, pkts=5, errors=6, duration=7.008s\n",
        ),
        (
            reply(MultipartReplyBody::MeterConfig(vec![meter])),
            "OFPST_METER_CONFIG reply (OF1.3) (xid=0x2):\nmeter=5 pktps burst bands=\ntype=drop rate=100 burst_size=9\ntype=dscp_remark rate=100 burst_size=9 prec_level=3\n",
        ),
        (
            reply(MultipartReplyBody::Meter(vec![meter_stats])),
            "OFPST_METER reply (OF1.3) (xid=0x3):\nmeter:5 flow_count:1 packet_in_count:2 byte_in_count:3 duration:4.005s bands:\n0: packet_count:6 byte_count:7\n",
        ),
        (
            reply(MultipartReplyBody::Group(vec![group_stats])),
            "OFPST_GROUP reply (OF1.3) (xid=0x4):\n group_id=1,duration=5.006s,ref_count=2,packet_count=3,byte_count=4,bucket0:packet_count=7,byte_count=8\n",
        ),
        (
            reply(MultipartReplyBody::IpfixBridge(ipfix)),
            "NXST_IPFIX_BRIDGE reply (OF1.3) (xid=0x5):\n  bridge ipfix: flows=1, current flows=2, sampled pkts=3, ipv4 ok=4, ipv6 ok=5, tx pkts=9\n                pkts errs=6, ipv4 errs=7, ipv6 errs=8, tx errs=10\n",
        ),
        (
            Message::GroupMod(group),
            "OFPT_GROUP_MOD (OF1.3) (xid=0x6):\n ADD group_id=4,type=select,bucket=weight:7,actions=pop_vlan\n",
        ),
        (Message::TableMod(table), "OFPT_TABLE_MOD (OF1.3) (xid=0x7): table_id=2\n"),
    ];
    check(&PrivateOvs::new(), &cases);
}
