//! Bounds the allocations of a session: none for PACKET_INs, and few for a peer that has not named
//! its bridge yet.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Instant;

use bytes::BufMut as _;
use ofproto::message::multipart::{MULTIPART_MORE, MultipartReply, MultipartReplyBody};
use ofproto::message::{Hello, Message, Port};
use ofproto::testing::switch::{self, mac};
use ofproto::{Cookie, DatapathId, Framer, PortNo, TableId, Xid};
use portcullis::bridge::Ports;
use portcullis::mac_learning::{FlowKind, LearningSwitch, Settings, Shares};
use portcullis::session::{CloseReason, Config, Event, MAX_PORTS, Session};

/// PACKET_INs of one batch.
const BATCH: u32 = 128;

/// A session whose handshake is done.
fn ready(now: Instant) -> Session {
    let mut session = Session::new(now, Config::default());
    session.receive(now, &Message::Hello(Hello::ours()).encode(Xid(1)).unwrap());
    let mut framer = Framer::new();
    while let Some(bytes) = session.poll_transmit() {
        framer.feed(&bytes);
        while let Some(frame) = framer.next_frame().unwrap() {
            let (xid, asked) = Message::decode_shared(&frame).unwrap();
            // Its HELLO was answered before it came.
            let answer =
                switch::handshake(&asked, DatapathId(7), &[]).filter(|_| !matches!(asked, Message::Hello(_)));
            if let Some(answer) = answer {
                session.receive(now, &answer.encode(xid).unwrap());
            }
        }
    }
    while session.poll_event().is_some() {}
    session
}

fn packet_in(from: u32, to: u32) -> Vec<u8> {
    let packet = switch::packet_in(PortNo(1 + from % 4), &switch::frame(mac(from), mac(to)));
    Message::PacketIn(packet).encode(Xid(0)).unwrap().to_vec()
}

#[test]
fn a_batch_of_packet_ins_allocates_nothing() {
    let now = Instant::now();
    let mut session = ready(now);
    let flow = FlowKind { table: TableId(0), priority: 100, cookie: Cookie(5), idle_timeout: 60 };
    let shares = Shares { per_port: 4096, all: 65_536 };
    let mut learning = LearningSwitch::new(Settings { flow, shares, age: 300 }).unwrap();
    // Whole messages and one that ends in the next batch, as they come from a socket.
    let stream: Vec<u8> = (0..BATCH).flat_map(|n| packet_in(n, (n + 1) % BATCH)).collect();
    let (first, second) = stream.split_at(stream.len() - 50);
    let mut answers = Vec::new();
    let mut batch = |bytes: &[u8], answers: &mut Vec<u8>| {
        session.inbox().extend_from_slice(bytes);
        session.waiting_packet_ins(|frame| assert!(frame.len() > 100));
        session.received(now, |frame| learning.packet_in(frame, 3, answers));
        learning.batch_ended(3)
    };
    for _ in 0..10 {
        batch(first, &mut answers);
        batch(second, &mut answers);
        answers.clear();
    }
    let mut decided = 0;
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            decided += batch(first, &mut answers).forwarded + batch(second, &mut answers).forwarded;
            answers.clear();
        }
    });
    assert_eq!(decided, u64::from(BATCH) * 100);
    assert_eq!(counted.count_total, 0, "{counted:?}");
    // They were made, and not left out.
    batch(first, &mut answers);
    assert!(answers.len() > 100 * BATCH as usize);
}

/// Bounds the memory of a connection without a bridge.
const UNNAMED: u64 = 8 << 20;
/// Names the xid of the request for the ports, which follows HELLO, FEATURES_REQUEST, SET_CONFIG
/// and the request for DESC.
const PORTS: Xid = Xid(5);
/// Sets the ports in one message, as many as fit.
const PART: usize = 1_023;

/// Returns a part whose ports have the longest names, of characters that are escaped.
fn ports_part(flags: u16, n: usize, first: usize) -> Vec<u8> {
    let port = |n: usize| Port::named(PortNo(u32::try_from(n).unwrap()), vec![0x1b; 15]);
    let body = MultipartReplyBody::PortDesc((first..first + n).map(port).collect());
    Message::MultipartReply(MultipartReply { flags, body }).encode(PORTS).unwrap().to_vec()
}

/// Returns a session that waits for the list of ports.
fn describing(now: Instant) -> Session {
    let mut session = Session::new(now, Config::default());
    session.receive(now, &Message::Hello(Hello::ours()).encode(Xid(1)).unwrap());
    session.receive(now, &Message::FeaturesReply(switch::features(DatapathId(7))).encode(Xid(2)).unwrap());
    session
}

/// Feeds bytes to a session as a socket does.
fn read(session: &mut Session, now: Instant, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let inbox = session.inbox();
        let n = (inbox.capacity() - inbox.len()).min(bytes.len());
        let (some, rest) = bytes.split_at(n);
        inbox.put_slice(some);
        session.received(now, |_| false);
        bytes = rest;
    }
}

#[test]
fn endless_parts_of_ports_take_little_memory() {
    let now = Instant::now();
    let part = ports_part(MULTIPART_MORE, PART, 1);
    let (mut parts, mut ended) = (0, None);
    let counted = allocation_counter::measure(|| {
        let mut session = describing(now);
        while ended.is_none() && parts < 10_000 {
            read(&mut session, now, &part);
            parts += 1;
            ended = session.poll_event();
        }
    });
    assert_eq!(ended, Some(Event::Closed(CloseReason::TooManyPorts(MAX_PORTS))), "after {parts} parts");
    assert_eq!(parts, MAX_PORTS / PART + 1);
    assert!(counted.bytes_max < UNNAMED, "{counted:?}");
}

#[test]
fn as_many_ports_as_a_switch_may_have_take_little_memory() {
    let now = Instant::now();
    let parts: Vec<Vec<u8>> = (1..=MAX_PORTS)
        .step_by(1_000)
        .map(|n| ports_part(MULTIPART_MORE, 1_000.min(MAX_PORTS + 1 - n), n))
        .collect();
    let last = ports_part(0, 0, 0);
    let mut known = 0;
    let counted = allocation_counter::measure(|| {
        let mut session = describing(now);
        for part in parts.iter().chain([&last]) {
            read(&mut session, now, part);
        }
        let Some(Event::Connected(connected)) = session.poll_event() else { panic!("not connected") };
        let ports = Ports::new(&connected.ports);
        known =
            (1..=MAX_PORTS).filter(|n| ports.name_of(PortNo(u32::try_from(*n).unwrap())).is_some()).count();
    });
    assert_eq!(known, MAX_PORTS);
    assert!(counted.bytes_max < UNNAMED, "{counted:?}");
}

#[test]
fn whoever_dribbles_holds_little_until_a_header_came() {
    let now = Instant::now();
    let mut kept = None;
    let counted = allocation_counter::measure(|| {
        let mut session = Session::new(now, Config::default());
        while session.poll_transmit().is_some() {}
        for byte in [4, 19, 0xff, 0xff, 0, 0, 0] {
            session.inbox().put_u8(byte);
            session.received(now, |_| false);
        }
        session.inbox();
        kept = Some(session);
    });
    assert!(counted.bytes_current < 2_048, "{counted:?}");
    assert!(size_of::<Session>() < 1_024, "{} bytes", size_of::<Session>());
}

#[test]
fn a_session_that_says_much_is_read_in_large_steps_and_gives_its_buffer_back() {
    let now = Instant::now();
    let echo = |n: usize| Message::EchoReply(vec![7; n].into()).encode(Xid(1)).unwrap();
    let mut session = ready(now);
    let (large, small) = (echo(60_000).repeat(4), echo(20));
    read(&mut session, now, &large);
    let room = |session: &mut Session| {
        let inbox = session.inbox();
        inbox.capacity() - inbox.len()
    };
    assert!(room(&mut session) >= 64 << 10);
    // A pause is no reason.
    read(&mut session, now, &small);
    assert!(room(&mut session) >= 64 << 10);
    for _ in 0..100 {
        read(&mut session, now, &small);
    }
    assert!(room(&mut session) <= 4 << 10);
}
