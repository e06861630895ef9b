//! Nicira's and ONF's messages of a real Open vSwitch 3.1.0, as bytes. They were captured between
//! `ovs-ofctl -O OpenFlow13`, with the command at each, and a bridge's management socket.

use crate::action::Action;
use crate::ids::{BufferId, Cookie, GroupId, PortNo, TableId, Xid};
use crate::message::tests::golden::golden;
use crate::message::*;
use crate::oxm::{Field, Match, Oxm};

fn known(field: Field, value: u128) -> Oxm {
    Oxm::Known { field, value, mask: None }
}

/// UDP from 192.168.0.1:8 to 192.168.0.2:9.
const FRAME: &[u8] = &[
    0x50, 0x54, 0, 0, 0, 7, 0x50, 0x54, 0, 0, 0, 5, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0xf9, 0x68,
    192, 168, 0, 1, 192, 168, 0, 2, 0, 8, 0, 9, 0, 8, 0, 0,
];
const FRAME_HEX: &str = "505400000007 505400000005 0800
    4500001c 00000000 4011f968 c0a80001 c0a80002 0008 0009 0008 0000";

/// `ct-flush B zone=5 ct_nw_src=10.1.1.1,ct_nw_proto=6,ct_tp_src=1 ct_nw_dst=10.1.1.2,ct_tp_dst=7`, then
/// `ct-flush B ct_ipv6_src=fe80::1,ct_nw_proto=58,icmp_type=128,icmp_code=0,icmp_id=9`, then `ct-flush-zone B 7`.
#[test]
fn ct_flush() {
    let v4 = |last| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 1, last];
    let flush = CtFlush {
        ip_proto: 6,
        properties: vec![
            CtFlushProperty::OrigTuple(vec![CtTupleProperty::Src(v4(1)), CtTupleProperty::SrcPort(1)]),
            CtFlushProperty::ReplyTuple(vec![CtTupleProperty::Dst(v4(2)), CtTupleProperty::DstPort(7)]),
            CtFlushProperty::ZoneId(5),
        ],
    };
    let hex = "04040070 00000002 00002320 00000020 06 00000000000000
        0000 0028 00000000 0000 0014 00000000000000000000ffff0a010101 00000000 0002 0008 0001 0000
        0001 0028 00000000 0001 0014 00000000000000000000ffff0a010102 00000000 0003 0008 0007 0000
        0002 0008 0005 0000";
    golden(hex, 2, &Message::CtFlush(flush));

    let mut src = [0; 16];
    (src[0], src[1], src[15]) = (0xfe, 0x80, 1);
    let icmp = [CtTupleProperty::IcmpType(128), CtTupleProperty::IcmpCode(0)];
    let orig = [vec![CtTupleProperty::Src(src), CtTupleProperty::IcmpId(9)], icmp.to_vec()].concat();
    let reply = vec![CtTupleProperty::IcmpId(0), CtTupleProperty::IcmpType(0), CtTupleProperty::IcmpCode(0)];
    let flush = CtFlush {
        ip_proto: 58,
        properties: vec![CtFlushProperty::OrigTuple(orig), CtFlushProperty::ReplyTuple(reply)],
    };
    let hex = "04040070 00000002 00002320 00000020 3a 00000000000000
        0000 0038 00000000 0000 0014 fe800000000000000000000000000001 00000000
        0004 0008 0009 0000 0005 0005 80 000000 0006 0005 00 000000
        0001 0020 00000000 0004 0008 0000 0000 0005 0005 00 000000 0006 0005 00 000000";
    golden(hex, 2, &Message::CtFlush(flush));

    let hex = "04040018 00000002 00002320 0000001d 000000000000 0007";
    golden(hex, 2, &Message::CtFlushZone(CtFlushZone { zone_id: 7 }));
}

/// `add-tlv-map B {class=0xffff,type=0,len=4}->tun_metadata0`, `dump-tlv-map B`, `del-tlv-map B`.
#[test]
fn tlv_table() {
    let maps = vec![TlvMap { option_class: 0xffff, option_type: 0, option_len: 4, index: 0 }];
    let add = TlvTableMod { command: TlvTableModCommand::Add, maps: maps.clone() };
    let hex = "04040020 00000002 00002320 00000018 0000 000000000000 ffff 00 04 0000 0000";
    golden(hex, 2, &Message::TlvTableMod(add));
    golden("04040010 00000002 00002320 00000019", 2, &Message::TlvTableRequest);
    let table = TlvTableReply { max_option_space: 256, max_fields: 64, maps };
    let hex = "04040028 00000002 00002320 0000001a 00000100 0040 00000000000000000000 ffff 00 04 0000 0000";
    golden(hex, 2, &Message::TlvTableReply(table));
    let clear = TlvTableMod { command: TlvTableModCommand::Clear, maps: vec![] };
    golden("04040018 00000002 00002320 00000018 0002 000000000000", 2, &Message::TlvTableMod(clear));
}

/// `monitor B 65534 -P nxt_packet_in`, with the flow `ip,actions=load:5->NXM_NX_REG1[],controller(userdata=…,pause)`,
/// and `packet-out B 1 resubmit(,0) …`.
#[test]
fn nxt_packet_in() {
    golden(
        "04040014 00000005 00002320 00000010 00000001",
        5,
        &Message::SetPacketInFormat(PacketInFormat::Nxt),
    );
    let packet = PacketIn {
        buffer_id: BufferId::NO_BUFFER,
        total_len: 42,
        reason: crate::ids::PacketInReason(1),
        table_id: TableId(0),
        cookie: Cookie(u64::MAX),
        fields: Match { fields: vec![known(Field::InPort, 1), known(Field::Reg1, 5)] },
        data: Bytes::from_static(FRAME),
    };
    let hex = format!(
        "04040064 00000000 00002320 00000011 ffffffff 002a 01 00 ffffffffffffffff 000e 000000000000
        00000002 0001 00010204 00000005 0000 0000 {FRAME_HEX}"
    );
    golden(&hex, 0, &Message::NxPacketIn(NxPacketIn(packet)));
}

/// `monitor B 65534 -P nxt_packet_in2`, with flows that load reg1, tun_id, metadata and pkt_mark, push reg1 and a part of
/// eth_src, `resubmit(,1),output:3`; `write_actions(output:4),goto_table:2`;
/// `controller(userdata=aa.bb,pause,max_len=20),ct(table=3)`.
#[test]
fn nxt_packet_in2() {
    let bridge =
        [0x3d, 0xc6, 0xc0, 0x06, 0x33, 0x4d, 0xa7, 0xfd, 0xc8, 0xb1, 0x35, 0xa5, 0xda, 0x94, 0x10, 0x48];
    let continuation = "8000 0014 3dc6c006334da7fdc8b135a5da941048 00000000
        8001 0006 0005 0000 8001 0008 00000005
        8006 0020 00000000 ffff 0018 00002320 0023 0000 00000000 0000 03 000000 0000
        8005 0010 00000000 0000000000000077
        8006 0018 00000000 0000 0010 00000003 0000 000000000000
        8007 0018 00000000 0000 0010 00000004 0000 000000000000
        8008 0008 ffffffff";
    let inside = crate::message::tests::golden::bytes(continuation);
    let fields = vec![
        known(Field::InPortOxm, 1),
        known(Field::TunId, 9),
        known(Field::Reg1, 5),
        known(Field::PktMark, 3),
        known(Field::Metadata, 7),
    ];
    let packet = PacketIn2 {
        properties: vec![
            PacketInProperty::Packet(Bytes::from_static(FRAME)),
            PacketInProperty::TableId(TableId(0)),
            PacketInProperty::Reason(crate::ids::PacketInReason(1)),
            PacketInProperty::Metadata(Match { fields }),
            PacketInProperty::Continuation(inside.clone().into()),
            PacketInProperty::Userdata(Bytes::from_static(&[0xaa, 0xbb])),
        ],
    };
    let hex = format!(
        "04040128 00000000 00002320 0000001e 0000 002e {FRAME_HEX} 0000
        0003 0005 00 000000 0005 0005 01 000000
        0006 0034 80000004 00000001 80004c08 0000000000000009 00010204 00000005 00014204 00000003
            80000408 0000000000000007 00000000
        0008 0098 00000000 {continuation}
        0007 0006 aabb 0000"
    );
    golden(&hex, 0, &Message::PacketIn2(packet));

    let parts = ContinuationProperty::list(&inside).unwrap();
    let output = |port| vec![Action::Output { port: PortNo(port), max_len: 0 }];
    assert_eq!(parts[0], ContinuationProperty::Bridge(bridge));
    assert_eq!(parts[1], ContinuationProperty::Stack(Bytes::from_static(&[0, 5])));
    assert_eq!(parts[2], ContinuationProperty::Stack(Bytes::from_static(&[0, 0, 0, 5])));
    assert!(matches!(&parts[3], ContinuationProperty::Actions(actions) if actions.len() == 1));
    assert_eq!(
        parts[4..],
        [
            ContinuationProperty::Cookie(Cookie(0x77)),
            ContinuationProperty::Actions(output(3)),
            ContinuationProperty::ActionSet(output(4)),
            ContinuationProperty::OdpPort(u32::MAX),
        ]
    );
}

/// The messages to one controller when another becomes master (generation 5), adds a group and adds
/// a meter. They follow NXT_SET_ASYNC_CONFIG2 with the masks of role status and request forward.
#[test]
fn other_controllers() {
    golden("04040014 00000009 00002320 0000000b 00000001", 9, &Message::NxRoleReply(NxRole::Master));
    let status = RoleStatus {
        role: ROLE_SLAVE,
        reason: RoleStatusReason::MasterRequest,
        generation_id: 5,
        properties: vec![],
    };
    let hex = "04040020 00000000 4f4e4600 00000777 00000003 00 000000 0000000000000005";
    golden(hex, 0, &Message::RoleStatus(status));
    let group = GroupMod {
        command: GroupModCommand::Add,
        kind: GroupType::All,
        group_id: GroupId(7),
        buckets: vec![],
    };
    let message = Message::GroupMod(group).encode(Xid(9)).unwrap().into();
    let hex = "04040020 00000000 4f4e4600 0000092e 040f0010 00000009 0000 00 00 00000007";
    golden(hex, 0, &Message::RequestForward(RequestForward { message }));
}
