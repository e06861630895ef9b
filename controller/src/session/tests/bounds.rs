//! Tests the bounds on memory that a peer can make grow.

use bytes::Bytes;
use ofproto::message::multipart::{
    FlowStats, FlowStatsRequest, GroupDesc, MULTIPART_MORE, MultipartReplyBody, MultipartRequest,
    MultipartRequestBody,
};
use ofproto::message::{GroupType, Message, Port};
use ofproto::oxm::Match;
use ofproto::{Cookie, GroupId, PortNo, TableId, Xid};

use super::{HandshakePoint, Rig, multipart};
use crate::session::{CloseReason, Config, Event, SendError};

fn flow(n: u64) -> FlowStats {
    FlowStats {
        table_id: TableId(0),
        duration_sec: 1,
        duration_nsec: 0,
        priority: 1,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: 0,
        importance: 0,
        cookie: Cookie(n),
        packet_count: 0,
        byte_count: 0,
        fields: Match::default(),
        instructions: vec![],
    }
}

fn ask(rig: &mut Rig) -> Result<Xid, SendError> {
    let body = MultipartRequestBody::Flow(FlowStatsRequest::default());
    rig.session.send(&Message::MultipartRequest(MultipartRequest { flags: 0, body }))
}

fn part(more: bool, cookies: std::ops::Range<u64>) -> Message {
    let flags = if more { MULTIPART_MORE } else { 0 };
    multipart(flags, MultipartReplyBody::Flow(cookies.map(flow).collect()))
}

fn ask_groups(rig: &mut Rig) -> Xid {
    let body = MultipartRequestBody::GroupDesc;
    rig.session.send(&Message::MultipartRequest(MultipartRequest { flags: 0, body })).unwrap()
}

fn groups(ids: std::ops::Range<u32>) -> MultipartReplyBody {
    let group = |id| GroupDesc { kind: GroupType::All, group_id: GroupId(id), buckets: vec![] };
    MultipartReplyBody::GroupDesc(ids.map(group).collect())
}

fn part_of_groups(more: bool, ids: std::ops::Range<u32>) -> Message {
    multipart(if more { MULTIPART_MORE } else { 0 }, groups(ids))
}

#[test]
fn parts_are_put_together_in_order_and_by_request() {
    let mut rig = Rig::ready();
    let (one, two) = (ask_groups(&mut rig), ask_groups(&mut rig));
    rig.give(one, &part_of_groups(true, 0..2));
    rig.give(two, &part_of_groups(true, 10..11));
    rig.give(one, &part_of_groups(false, 2..3));
    rig.give(two, &part_of_groups(false, 11..12));
    rig.give(one, &part_of_groups(false, 3..4));
    assert_eq!(rig.told(), [Event::Replied(one, groups(0..3)), Event::Replied(two, groups(10..12))]);
}

#[test]
fn flows_are_handed_on_part_by_part() {
    let config = Config { max_multipart_bytes: 10_000, ..Config::default() };
    let mut rig = Rig::at(HandshakePoint::Ready, config);
    let xid = ask(&mut rig).unwrap();
    for n in 0..100 {
        rig.give(xid, &part(n < 99, 0..100));
        let flows = (0..100).map(flow).collect();
        assert_eq!(rig.told(), [Event::FlowsReported { xid, flows, more: n < 99 }]);
    }
    rig.give(xid, &part(false, 0..1));
    assert_eq!(rig.told(), [], "nobody asked for more");
    assert!(!rig.session.is_closed());
    let xid = ask(&mut rig).unwrap();
    rig.give(xid, &part(true, 0..1));
    rig.give(xid, &part_of_groups(false, 0..1));
    assert!(
        matches!(rig.closed(), Some(CloseReason::Unexpected { kind: ofproto::MessageType(19), .. })),
        "another kind"
    );
}

#[test]
fn a_reply_without_end_ends_the_session() {
    let config = Config { max_multipart_bytes: 100_000, ..Config::default() };
    let mut rig = Rig::at(HandshakePoint::Ready, config);
    let xid = ask_groups(&mut rig);
    let mut given = 0;
    while !rig.session.is_closed() {
        rig.give(xid, &part_of_groups(true, 0..100));
        given += 1;
        assert!(given < 1000, "never ended");
    }
    assert_eq!(rig.closed(), Some(CloseReason::ReplyTooLarge(100_000)));
}

#[test]
fn bytes_of_a_complete_or_failed_reply_count_no_more() {
    let config = Config { max_multipart_bytes: 40_000, ..Config::default() };
    let mut rig = Rig::at(HandshakePoint::Ready, config);
    for _ in 0..100 {
        let xid = ask_groups(&mut rig);
        rig.give(xid, &part_of_groups(true, 0..600));
        rig.give(xid, &part_of_groups(false, 0..10));
        let xid = ask_groups(&mut rig);
        rig.give(xid, &part_of_groups(true, 0..600));
        let error = ofproto::message::ErrorMsg { kind: 1, code: 6, experimenter: None, data: Bytes::new() };
        rig.give(xid, &Message::Error(error));
        rig.sent();
    }
    assert!(!rig.session.is_closed());
}

#[test]
fn so_many_requests_wait_and_no_more() {
    let mut rig = Rig::ready();
    for _ in 0..16 {
        ask(&mut rig).unwrap();
    }
    assert_eq!(ask(&mut rig), Err(SendError::TooManyRequests));
    assert!(!rig.session.is_closed());
}

#[test]
fn a_switch_that_takes_nothing_loses_its_session() {
    let mut rig = Rig::at(HandshakePoint::Ready, Config { max_request_bytes: 1_000, ..Config::default() });
    let result = (0..1_000).find_map(|_| rig.session.send(&Message::BarrierRequest).err());
    assert_eq!(result, Some(SendError::Full));
    assert_eq!(rig.closed(), Some(CloseReason::WriteBuffer(1_000)));
    assert_eq!(rig.session.buffered(), 0, "nothing is kept for it");
}

#[test]
fn a_flood_of_echoes_stops_being_read() {
    let mut rig = Rig::ready();
    let echo = Message::EchoRequest(vec![7; 60_000].into()).encode(Xid(1)).unwrap();
    let mut read = 0;
    while rig.session.wants_read() {
        rig.give_bytes(&echo);
        read += 1;
        assert!(read < 1_000, "never stops");
    }
    assert!(rig.session.buffered() < (1 << 20) + 60_008);
    // The answers are accepted, so the session continues.
    assert_eq!(rig.sent().len(), read);
    assert!(rig.session.wants_read());
    assert!(!rig.session.is_closed());
}

#[test]
fn requests_of_ours_do_not_stop_reading() {
    let mut rig = Rig::ready();
    for _ in 0..200_000 {
        rig.session.send(&Message::BarrierRequest).unwrap();
    }
    assert!(rig.session.buffered() > 1 << 20);
    assert!(rig.session.wants_read());
}

#[test]
fn too_many_bad_messages_end_the_session() {
    let mut rig = Rig::ready();
    for n in 0..64 {
        rig.give_bytes(&[4, 99, 0, 8, 0, 0, 0, n]);
    }
    assert!(!rig.session.is_closed());
    assert_eq!(rig.sent().len(), 64);
    rig.give_bytes(&[4, 99, 0, 8, 0, 0, 0, 65]);
    assert!(matches!(rig.closed(), Some(CloseReason::TooManyBad(_))));
}

#[test]
fn too_many_messages_beside_the_handshake_end_the_session() {
    for at in [HandshakePoint::Features, HandshakePoint::Describing, HandshakePoint::Ports] {
        let mut rig = Rig::at(at, Config::default());
        for _ in 0..64 {
            rig.give(Xid(77), &Message::BarrierReply);
        }
        assert!(!rig.session.is_closed(), "{at:?}");
        assert_eq!(rig.sent(), [], "{at:?}: an answer that nobody asked for has no answer");
        rig.give(Xid(77), &Message::BarrierReply);
        assert!(matches!(rig.closed(), Some(CloseReason::TooManyBad(_))), "{at:?}");
    }
}

#[test]
fn the_handshake_goes_on_beside_what_does_not_belong_to_it() {
    let mut rig = Rig::at(HandshakePoint::Features, Config::default());
    let error = ofproto::message::ErrorMsg { kind: 1, code: 6, experimenter: None, data: Bytes::new() };
    let features = super::features();
    let other = ofproto::message::FeaturesReply { datapath_id: ofproto::DatapathId(7), ..features.clone() };
    let noise = |rig: &mut Rig| {
        rig.give(Xid(77), &Message::BarrierReply);
        rig.give(Xid(77), &Message::Unknown { kind: ofproto::MessageType(99), body: Bytes::new() });
        rig.give(Xid(77), &Message::Error(error.clone()));
        rig.give(Xid(77), &multipart(0, MultipartReplyBody::Flow(vec![])));
    };
    noise(&mut rig);
    rig.give(Xid(2), &Message::FeaturesReply(features.clone()));
    noise(&mut rig);
    rig.give(Xid(2), &Message::FeaturesReply(other));
    rig.give(Xid(4), &super::desc());
    noise(&mut rig);
    rig.give(Xid(5), &super::ports(0));
    let told = rig.told();
    let [Event::Connected(connected)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(connected.features, features, "the first one says who the switch is");
}

#[test]
fn the_longest_error_of_open_vswitch_is_survived() {
    let mut rig = Rig::ready();
    let mut error = vec![1, 1, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0, 1];
    error.resize(65_535, 0xaa);
    rig.give_bytes(&error);
    rig.give(Xid(5), &Message::EchoRequest("still here".into()));
    assert!(matches!(&rig.told()[..], [Event::Refused(Xid(0), _)]));
    assert_eq!(rig.sent(), [(Xid(5), Message::EchoReply("still here".into()))]);
}

fn ports(n: u32) -> Vec<Port> {
    (0..n).map(|n| Port::named(PortNo(n), "p")).collect()
}

#[test]
fn a_switch_with_too_many_ports_is_not_taken() {
    let mut rig = Rig::at(HandshakePoint::Ports, Config { max_ports: 3, ..Config::default() });
    rig.give(Xid(5), &multipart(MULTIPART_MORE, MultipartReplyBody::PortDesc(ports(3))));
    assert!(!rig.session.is_closed());
    // The flag for more parts does not matter.
    rig.give(Xid(5), &multipart(MULTIPART_MORE, MultipartReplyBody::PortDesc(ports(1))));
    assert_eq!(rig.closed(), Some(CloseReason::TooManyPorts(3)));
}

#[test]
fn a_list_of_ports_counts_as_it_is_in_memory() {
    let config = Config { max_handshake_bytes: 10_000, ..Config::default() };
    let mut rig = Rig::at(HandshakePoint::Ports, config);
    // 64 bytes on the wire, and more in memory.
    let more = u32::try_from(10_000 / size_of::<Port>()).unwrap();
    rig.give(Xid(5), &multipart(MULTIPART_MORE, MultipartReplyBody::PortDesc(ports(100))));
    assert!(!rig.session.is_closed());
    rig.give(Xid(5), &multipart(MULTIPART_MORE, MultipartReplyBody::PortDesc(ports(more - 99))));
    assert_eq!(rig.closed(), Some(CloseReason::ReplyTooLarge(10_000)));
}

#[test]
fn another_list_than_that_of_ports_is_not_kept_in_the_handshake() {
    let mut rig = Rig::at(HandshakePoint::Ports, Config::default());
    rig.give(Xid(5), &part(true, 0..2));
    assert!(matches!(rig.closed(), Some(CloseReason::Unexpected { kind: ofproto::MessageType(19), .. })));
}

#[test]
fn ids_are_never_zero_and_never_the_same() {
    let mut rig = Rig::ready();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1_000 {
        let xid = rig.session.send(&Message::BarrierRequest).unwrap();
        assert_ne!(xid, Xid(0));
        assert!(seen.insert(xid));
    }
}
