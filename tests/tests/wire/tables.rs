//! Groups, meters, queues, ports and tables, as a bridge takes and tells them.

use ofproto::action::Action;
use ofproto::message::multipart::{
    GroupStats, MeterConfig, MultipartReplyBody, MultipartRequestBody, QueueStatsRequest,
    TableFeatureProperty,
};
use ofproto::message::{
    AsyncConfig, Bucket, GroupMod, GroupModCommand, GroupType, METER_BURST, METER_KBPS, METER_STATS,
    MeterBand, MeterBandType, MeterMod, MeterModCommand, PortMod, QueueGetConfigRequest, TableMod,
};
use ofproto::oxm::Field;
use ofproto::{GroupId, Message, MeterId, PortNo, QueueId, TableId};
use portcullis_tests::{Conn, PrivateOvs};

fn bridge() -> (PrivateOvs, Conn) {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    let conn = Conn::dial(&ovs.mgmt("b1"));
    (ovs, conn)
}

fn output(port: u32) -> Vec<Action> {
    vec![Action::Output { port: PortNo(port), max_len: 0 }]
}

/// One group of each type.
fn groups() -> [GroupMod; 4] {
    let add = |kind, group_id, buckets| GroupMod {
        command: GroupModCommand::Add,
        kind,
        group_id: GroupId(group_id),
        buckets,
    };
    let plain = |port| Bucket { actions: output(port), ..Bucket::default() };
    [
        add(GroupType::All, 1, vec![plain(1), plain(2)]),
        add(GroupType::Select, 2, vec![Bucket { weight: 7, ..plain(1) }, Bucket { weight: 9, ..plain(2) }]),
        add(GroupType::Indirect, 3, vec![plain(3)]),
        add(
            GroupType::FastFailover,
            4,
            vec![
                Bucket { watch_port: PortNo(1), ..plain(1) },
                Bucket {
                    watch_group: GroupId(2),
                    actions: vec![Action::Group(GroupId(2))],
                    ..Bucket::default()
                },
            ],
        ),
    ]
}

#[test]
fn a_group_of_each_type_comes_back_as_it_was_made() {
    let (ovs, mut conn) = bridge();
    for group in groups() {
        conn.send(&Message::GroupMod(group));
    }
    conn.barrier();
    assert_eq!(conn.errors(), []);
    let parts = conn.parts(MultipartRequestBody::GroupDesc);
    let [MultipartReplyBody::GroupDesc(descs)] = &parts[..] else { panic!("{parts:?}") };
    let mut descs = descs.clone();
    descs.sort_by_key(|desc| desc.group_id);
    for (desc, made) in descs.iter().zip(groups()) {
        assert_eq!((desc.kind, desc.group_id, &desc.buckets), (made.kind, made.group_id, &made.buckets));
    }
    assert_eq!(descs.len(), 4);

    let parts = conn.parts(MultipartRequestBody::Group(GroupId(2)));
    let [MultipartReplyBody::Group(stats)] = &parts[..] else { panic!("{parts:?}") };
    let [GroupStats { group_id: GroupId(2), packet_count: 0, buckets, .. }] = &stats[..] else {
        panic!("{stats:?}")
    };
    assert_eq!(buckets.len(), 2);
    let parts = conn.parts(MultipartRequestBody::GroupFeatures);
    let [MultipartReplyBody::GroupFeatures(features)] = &parts[..] else { panic!("{parts:?}") };
    assert_eq!(features.types, 0xf);
    assert!(features.max_groups.iter().all(|max| *max > 0xffff));

    // What Open vSwitch refuses: an unknown type, and a command of OpenFlow 1.5.
    let odd = GroupMod { kind: GroupType::Unknown(9), group_id: GroupId(9), ..groups()[0].clone() };
    let Message::Error(error) = conn.ask(&Message::GroupMod(odd)) else { panic!() };
    assert_eq!(error.name(), Some("OFPGMFC_BAD_TYPE"));
    let odd = GroupMod { command: GroupModCommand::Unknown(3), ..groups()[0].clone() };
    let Message::Error(error) = conn.ask(&Message::GroupMod(odd)) else { panic!() };
    // OFPGMFC_BAD_COMMAND has no number before 1.4.
    assert_eq!(error.name(), Some("NXBRC_UNENCODABLE_ERROR"));
    assert!(ovs.ofctl(&["dump-groups", "b1"]).contains("watch_group:2"));
}

#[test]
fn meters_come_back_as_they_were_made() {
    let (ovs, mut conn) = bridge();
    let band = |rate, burst_size| MeterBand { rate, burst_size, kind: MeterBandType::Drop };
    let meter = MeterMod {
        command: MeterModCommand::Add,
        flags: METER_KBPS | METER_BURST | METER_STATS,
        meter_id: MeterId(5),
        bands: vec![band(100, 7), band(200, 9)],
    };
    conn.send(&Message::MeterMod(meter.clone()));
    conn.barrier();
    assert_eq!(conn.errors(), []);
    let parts = conn.parts(MultipartRequestBody::MeterConfig(MeterId::ALL));
    let config = MeterConfig { flags: meter.flags, meter_id: meter.meter_id, bands: meter.bands.clone() };
    assert_eq!(parts, [MultipartReplyBody::MeterConfig(vec![config])]);
    let parts = conn.parts(MultipartRequestBody::Meter(MeterId(5)));
    let [MultipartReplyBody::Meter(stats)] = &parts[..] else { panic!("{parts:?}") };
    assert_eq!(stats.iter().map(|s| (s.meter_id, s.bands.len())).collect::<Vec<_>>(), [(MeterId(5), 2)]);
    let parts = conn.parts(MultipartRequestBody::MeterFeatures);
    let [MultipartReplyBody::MeterFeatures(features)] = &parts[..] else { panic!("{parts:?}") };
    // Bit 1 is OFPMBT_DROP.
    assert_eq!((features.band_types, features.max_bands > 1), (2, true));

    // Other bands are refused, each in its own way.
    for kind in [
        MeterBandType::DscpRemark { prec_level: 1 },
        MeterBandType::Experimenter { experimenter: 7, data: Default::default() },
        MeterBandType::Unknown { kind: 9, body: vec![0; 4].into() },
    ] {
        let bands = vec![MeterBand { kind, ..band(1, 1) }];
        let other = MeterMod { meter_id: MeterId(6), bands, ..meter.clone() };
        let Message::Error(error) = conn.ask(&Message::MeterMod(other)) else { panic!() };
        assert_eq!(error.name(), Some("OFPMMFC_BAD_BAND"));
    }
    let delete =
        MeterMod { command: MeterModCommand::Delete, meter_id: MeterId::ALL, bands: vec![], ..meter };
    conn.send(&Message::MeterMod(delete));
    conn.barrier();
    assert!(!ovs.ofctl(&["dump-meters", "b1"]).contains("meter=5"));
}

#[test]
fn tables_tell_what_they_can_do() {
    let (_ovs, mut conn) = bridge();
    let parts = conn.parts(MultipartRequestBody::TableFeatures(vec![]));
    let tables: Vec<_> = parts
        .iter()
        .flat_map(|part| match part {
            MultipartReplyBody::TableFeatures(tables) => tables,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        tables.iter().map(|t| t.table_id).collect::<Vec<_>>(),
        (0..254).map(TableId).collect::<Vec<_>>()
    );
    let first = tables[0];
    assert_eq!(
        (first.metadata_match, first.metadata_write, first.max_entries),
        (u64::MAX, u64::MAX, 1_000_000)
    );
    let fields = first.properties.iter().find_map(|property| match property {
        TableFeatureProperty::Match(ids) => Some(ids.iter().map(|id| id.field()).collect::<Vec<_>>()),
        _ => None,
    });
    let fields = fields.unwrap();
    for field in [Field::EthType, Field::TcpDst, Field::Reg0, Field::TunErspanVer, Field::ActsetOutput] {
        assert!(fields.contains(&Some(field)), "{field:?}: {fields:?}");
    }
    let next = first.properties.iter().find_map(|property| match property {
        TableFeatureProperty::NextTables { miss: false, tables } => Some(tables.len()),
        _ => None,
    });
    assert_eq!(next, Some(253));

    // They cannot be changed.
    let body = MultipartRequestBody::TableFeatures(vec![first.clone()]);
    let xid = conn
        .send(&Message::MultipartRequest(ofproto::message::multipart::MultipartRequest { flags: 0, body }));
    let Message::Error(error) = conn.wait(xid) else { panic!() };
    assert_eq!(error.name(), Some("OFPTFFC_EPERM"));
    // Nor has OpenFlow 1.3 anything to configure in them.
    conn.send(&Message::TableMod(TableMod { table_id: TableId(3), config: 0 }));
    conn.barrier();
    assert_eq!(conn.errors(), []);
}

#[test]
fn ports_and_queues() {
    let (ovs, mut conn) = bridge();
    ovs.vsctl(&["add-port", "b1", "p7", "--", "set", "interface", "p7", "type=internal", "ofport_request=7"]);
    let parts = conn.parts(MultipartRequestBody::PortDesc);
    let [MultipartReplyBody::PortDesc(ports)] = &parts[..] else { panic!("{parts:?}") };
    let port = ports.iter().find(|port| port.port_no == PortNo(7)).unwrap();
    // OFPPC_NO_FWD.
    let change =
        PortMod { port_no: PortNo(7), hw_addr: port.hw_addr, config: 1 << 5, mask: 1 << 5, advertise: 0 };
    conn.send(&Message::PortMod(change));
    conn.barrier();
    assert!(
        ovs.ofctl(&["show", "b1"]).contains("config:     PORT_DOWN NO_FWD"),
        "{}",
        ovs.ofctl(&["show", "b1"])
    );
    let Message::Error(error) = conn.ask(&Message::PortMod(PortMod { hw_addr: [2; 6], ..change })) else {
        panic!()
    };
    assert_eq!(error.name(), Some("OFPPMFC_BAD_HW_ADDR"));

    let reply = conn.ask(&Message::QueueGetConfigRequest(QueueGetConfigRequest { port: PortNo(7) }));
    let Message::QueueGetConfigReply(reply) = reply else { panic!("{reply:?}") };
    assert_eq!(reply.port, PortNo(7));
    let none = QueueStatsRequest { port_no: PortNo(7), queue_id: QueueId(44) };
    let body = MultipartRequestBody::Queue(none);
    let xid = conn
        .send(&Message::MultipartRequest(ofproto::message::multipart::MultipartRequest { flags: 0, body }));
    let Message::Error(error) = conn.wait(xid) else { panic!() };
    assert_eq!(error.name(), Some("OFPQOFC_BAD_QUEUE"));
    let all = QueueStatsRequest { port_no: PortNo::ANY, queue_id: QueueId::ALL };
    assert_eq!(conn.parts(MultipartRequestBody::Queue(all)), [MultipartReplyBody::Queue(vec![])]);
}

#[test]
fn what_a_controller_is_told_can_be_set_and_read() {
    let (_ovs, mut conn) = bridge();
    let config = AsyncConfig { packet_in_mask: [7, 2], port_status_mask: [1, 4], flow_removed_mask: [15, 3] };
    conn.send(&Message::SetAsync(config));
    assert_eq!(conn.ask(&Message::GetAsyncRequest), Message::GetAsyncReply(config));
    let other = AsyncConfig { packet_in_mask: [1, 0], ..config };
    conn.send(&Message::NxSetAsync(other));
    assert_eq!(conn.ask(&Message::GetAsyncRequest), Message::GetAsyncReply(other));
    assert_eq!(conn.errors(), []);
}
