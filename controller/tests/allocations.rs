//! What the packet-in path allocates: nothing, from the bytes of a session to the bytes of its answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Instant;

use ofproto::message::{Hello, Message};
use ofproto::testing::switch::{self, mac};
use ofproto::{Cookie, DatapathId, Framer, PortNo, TableId, Xid};
use portcullis::learning::{FlowKind, LearningSwitch, Settings, Shares};
use portcullis::session::{Config, Session};

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
