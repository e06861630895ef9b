//! Messages about groups, meters and queues of a real Open vSwitch 3.1.0, as bytes. They were
//! captured between `ovs-ofctl -O OpenFlow13`, with the command at each, and a bridge's management
//! socket.

use crate::action::Action;
use crate::ids::{GroupId, MeterId, PortNo, QueueId, TableId};
use crate::message::multipart::{
    GroupDesc, GroupFeatures, GroupStats, MeterBandStats, MeterConfig, MeterFeatures, MeterStats,
    MultipartReplyBody, MultipartRequest, MultipartRequestBody, QueueStats,
};
use crate::message::tests::golden::{golden, reply};
use crate::message::*;

fn output(port: u32) -> Vec<Action> {
    vec![Action::Output { port: PortNo(port), max_len: 0 }]
}

/// `mod-group B group_id=4,type=ff,bucket=watch_port:1,output:1,bucket=watch_group:2,group:2`.
#[test]
fn group_mod() {
    let group = GroupMod {
        command: GroupModCommand::Modify,
        kind: GroupType::FastFailover,
        group_id: GroupId(4),
        buckets: vec![
            Bucket { watch_port: PortNo(1), actions: output(1), ..Bucket::default() },
            Bucket { watch_group: GroupId(2), actions: vec![Action::Group(GroupId(2))], ..Bucket::default() },
        ],
    };
    let hex = "040f0048 00000006 0001 03 00 00000004
        0020 0000 00000001 ffffffff 00000000 0000 0010 00000001 0000 000000000000
        0018 0000 ffffffff 00000002 00000000 0016 0008 00000002";
    golden(hex, 6, &Message::GroupMod(group));
}

/// `dump-groups B` after `add-group B group_id=2,type=select,bucket=weight:7,output:1`, without the
/// other groups of that reply.
#[test]
fn group_desc() {
    let bucket = Bucket { weight: 7, actions: output(1), ..Bucket::default() };
    let group = GroupDesc { kind: GroupType::Select, group_id: GroupId(2), buckets: vec![bucket] };
    let hex = "04130038 00000002 0007 0000 00000000 0028 01 00 00000002
        0020 0007 ffffffff ffffffff 00000000 0000 0010 00000001 0000 000000000000";
    golden(hex, 2, &reply(MultipartReplyBody::GroupDesc(vec![group])));
}

/// `dump-group-stats B group_id=2`, and `dump-group-features B`.
#[test]
fn group_stats_and_features() {
    let body = MultipartRequestBody::Group(GroupId(2));
    let hex = "04120018 00000006 0006 0000 00000000 00000002 00000000";
    golden(hex, 6, &Message::MultipartRequest(MultipartRequest { flags: 0, body }));
    let stats = GroupStats {
        group_id: GroupId(2),
        ref_count: 0,
        packet_count: 0,
        byte_count: 0,
        duration_sec: 0,
        duration_nsec: 0x2123_e300,
        buckets: vec![crate::message::multipart::BucketCounter { packet_count: 0, byte_count: 0 }],
    };
    let hex = "04130048 00000006 0006 0000 00000000 0038 0000 00000002 00000000 00000000
        0000000000000000 0000000000000000 00000000 2123e300 0000000000000000 0000000000000000";
    golden(hex, 6, &reply(MultipartReplyBody::Group(vec![stats])));
    let features = GroupFeatures {
        types: 0xf,
        capabilities: 7,
        max_groups: [0xffff_ff00; 4],
        actions: [0x03ff_8001; 4],
    };
    let hex = "04130038 00000002 0008 0000 00000000 0000000f 00000007
        ffffff00 ffffff00 ffffff00 ffffff00 03ff8001 03ff8001 03ff8001 03ff8001";
    golden(hex, 2, &reply(MultipartReplyBody::GroupFeatures(features)));
}

/// `add-meter B meter=9,kbps,burst,stats,bands=type=drop,rate=100,burst_size=7`, `dump-meters B meter=9`, `meter-stats B
/// meter=9`, `meter-features B`.
#[test]
fn meters() {
    let bands = vec![MeterBand { rate: 100, burst_size: 7, kind: MeterBandType::Drop }];
    let flags = METER_KBPS | METER_BURST | METER_STATS;
    let meter_id = MeterId(9);
    let add = MeterMod { command: MeterModCommand::Add, flags, meter_id, bands: bands.clone() };
    let hex = "041d0020 00000002 0000 000d 00000009 0001 0010 00000064 00000007 00000000";
    golden(hex, 2, &Message::MeterMod(add));
    let hex = "04130028 00000002 000a 0000 00000000 0018 000d 00000009 0001 0010 00000064 00000007 00000000";
    golden(hex, 2, &reply(MultipartReplyBody::MeterConfig(vec![MeterConfig { flags, meter_id, bands }])));
    let stats = MeterStats {
        meter_id,
        flow_count: 0,
        packet_in_count: 0,
        byte_in_count: 0,
        duration_sec: 0,
        duration_nsec: 0x14dc_9380,
        bands: vec![MeterBandStats { packet_band_count: 0, byte_band_count: 0 }],
    };
    let hex = "04130048 00000002 0009 0000 00000000 00000009 0038 000000000000 00000000
        0000000000000000 0000000000000000 00000000 14dc9380 0000000000000000 0000000000000000";
    golden(hex, 2, &reply(MultipartReplyBody::Meter(vec![stats])));
    let features =
        MeterFeatures { max_meter: 0x40000, band_types: 2, capabilities: 0xf, max_bands: 8, max_color: 0 };
    let hex = "04130020 00000002 000b 0000 00000000 00040000 00000002 0000000f 08 00 0000";
    golden(hex, 2, &reply(MultipartReplyBody::MeterFeatures(features)));
}

/// `queue-get-config B 1` and `queue-stats B` (one queue of three), of a port with `qos type=linux-htb` and queues.
#[test]
fn queues() {
    let hex = "04160010 00000002 00000001 00000000";
    golden(hex, 2, &Message::QueueGetConfigRequest(QueueGetConfigRequest { port: PortNo(1) }));
    let queue = |id| PacketQueue { queue_id: QueueId(id), port: PortNo(1), properties: vec![] };
    let config = QueueGetConfigReply { port: PortNo(1), queues: [0, 4, 3].map(queue).to_vec() };
    let hex = "04170040 00000002 00000001 00000000 00000000 00000001 0010 000000000000
        00000004 00000001 0010 000000000000 00000003 00000001 0010 000000000000";
    golden(hex, 2, &Message::QueueGetConfigReply(config));
    let stats = QueueStats {
        port_no: PortNo(1),
        queue_id: QueueId(0),
        tx_bytes: 0x56,
        tx_packets: 1,
        tx_errors: 0,
        duration_sec: 0x2e49_9f9e,
        duration_nsec: 0x1e47_7700,
    };
    let hex = "04130038 00000002 0005 0000 00000000 00000001 00000000
        0000000000000056 0000000000000001 0000000000000000 2e499f9e 1e477700";
    golden(hex, 2, &reply(MultipartReplyBody::Queue(vec![stats])));
}

/// `mod-port B va no-flood`: OpenFlow 1.3 has no OFPPC_NO_FLOOD, so the message changes no setting.
/// It also checks the table_mod that Open vSwitch prints as `table_id=2` (`ofp-print`).
#[test]
fn port_mod_and_table_mod() {
    let port = PortMod {
        port_no: PortNo(1),
        hw_addr: [0x3e, 0x38, 0xce, 0x3e, 0x1a, 0x59],
        config: 0,
        mask: 0,
        advertise: 0,
    };
    let hex = "04100028 00000004 00000001 00000000 3e38ce3e1a59 0000 00000000 00000000 00000000 00000000";
    golden(hex, 4, &Message::PortMod(port));
    let table = TableMod { table_id: TableId(2), config: 0 };
    golden("04110010 00000002 02 000000 00000000", 2, &Message::TableMod(table));
}
