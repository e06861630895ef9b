//! Messages of a real Open vSwitch 3.1.0, as bytes, sent on a bridge's management socket after
//! `ovs-ofctl -O OpenFlow13 add-flow B
//! cookie=0x5,table=3,priority=7,tcp,tcp_dst=80,actions=output:4`.

use bytes::Bytes;

use crate::action::Action;
use crate::ids::{Cookie, DatapathId, PortNo, TableId, Xid};
use crate::instruction::Instruction;
use crate::message::multipart::{FlowStats, MultipartReply, MultipartReplyBody};
use crate::message::tables::monitor::{MonitorEvent, MonitorUpdate, MonitoredFlow};
use crate::message::{FeaturesReply, Hello, Message, Port};
use crate::oxm::{Field, Match, Oxm};

/// Decodes hexadecimal, blanks allowed.
pub(in crate::message) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Checks that a message encodes to these bytes and decodes from them.
pub(in crate::message) fn golden(hex: &str, xid: u32, message: &Message) {
    let bytes = bytes(hex);
    assert_eq!(Message::decode(&bytes), Ok((Xid(xid), message.clone())));
    assert_eq!(message.encode(Xid(xid)).as_deref(), Ok(&bytes[..]));
}

pub(in crate::message) fn reply(body: MultipartReplyBody) -> Message {
    Message::MultipartReply(MultipartReply { flags: 0, body })
}

fn oxm(field: Field, value: u128) -> Oxm {
    Oxm::Known { field, value, mask: None }
}

#[test]
fn hello() {
    golden("04000010 00000018 0001 0008 00000010", 0x18, &Message::Hello(Hello::ours()));
}

#[test]
fn features_reply() {
    let features = FeaturesReply {
        datapath_id: DatapathId(0xe6cb_be6f_ba47),
        n_buffers: 0,
        n_tables: 254,
        auxiliary_id: 0,
        capabilities: 0x4f,
        reserved: 0,
    };
    let hex = "04060020 00000007 0000e6cbbe6fba47 00000000 fe 00 0000 0000004f 00000000";
    golden(hex, 7, &Message::FeaturesReply(features));
}

#[test]
fn flow_stats_reply() {
    let flow = FlowStats {
        table_id: TableId(3),
        duration_sec: 0,
        duration_nsec: 0x25ab_8e00,
        priority: 7,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: 0,
        importance: 0,
        cookie: Cookie(5),
        packet_count: 0,
        byte_count: 0,
        fields: Match {
            fields: vec![oxm(Field::EthType, 0x800), oxm(Field::IpProto, 6), oxm(Field::TcpDst, 80)],
        },
        instructions: vec![Instruction::ApplyActions(vec![Action::Output { port: PortNo(4), max_len: 0 }])],
    };
    let hex = "04130070 00000009 0001 0000 00000000
        0060 03 00 00000000 25ab8e00 0007 0000 0000 0000 00000000 0000000000000005 0000000000000000 0000000000000000
        0001 0015 80000a02 0800 80001401 06 80001c02 0050 000000
        0004 0018 00000000 0000 0010 00000004 0000 000000000000";
    golden(hex, 9, &reply(MultipartReplyBody::Flow(vec![flow])));
}

#[test]
fn port_desc_reply() {
    let port = Port {
        port_no: PortNo::LOCAL,
        hw_addr: [0xe6, 0xcb, 0xbe, 0x6f, 0xba, 0x47],
        name: Bytes::from_static(b"B"),
        config: 1,
        state: 1,
        curr: 0x840,
        advertised: 0,
        supported: 0,
        peer: 0,
        curr_speed: 10_000_000,
        max_speed: 0,
    };
    let hex = "04130050 0000000a 000d 0000 00000000
        fffffffe 00000000 e6cbbe6fba47 0000 42000000000000000000000000000000
        00000001 00000001 00000840 00000000 00000000 00000000 00989680 00000000";
    golden(hex, 10, &reply(MultipartReplyBody::PortDesc(vec![port])));
}

/// Updates of the flow monitor: `tcp,in_port=3` added by hand, then a flow of the controller's own.
#[test]
fn monitor_updates() {
    let flow = MonitoredFlow {
        event: MonitorEvent::Added,
        reason: 0,
        priority: 7,
        idle_timeout: 60,
        hard_timeout: 0,
        table_id: TableId(3),
        cookie: Cookie(5),
        fields: Match {
            fields: vec![oxm(Field::InPortOxm, 3), oxm(Field::EthType, 0x800), oxm(Field::IpProto, 6)],
        },
        instructions: vec![Instruction::ApplyActions(vec![Action::Output { port: PortNo(4), max_len: 0 }])],
    };
    let hex = "04130060 00000000 ffff 0000 00000000 4f4e4600 0000074e
        0048 0000 0000 0007 003c 0000 0017 03 00 0000000000000005
        0001 0017 80000004 00000003 80000a02 0800 80001401 06 00
        0004 0018 00000000 0000 0010 00000004 0000 000000000000";
    golden(hex, 0, &reply(MultipartReplyBody::Monitor(vec![MonitorUpdate::Flow(Box::new(flow))])));
    let hex = "04130020 00000000 ffff 0000 00000000 4f4e4600 0000074e 0008 0003 00000055";
    golden(hex, 0, &reply(MultipartReplyBody::Monitor(vec![MonitorUpdate::Abbreviated(Xid(0x55))])));
}
