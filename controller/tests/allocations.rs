//! What the packet-in path allocates: nothing, from the bytes of a session to the bytes of its answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Instant;

use bytes::Bytes;
use ofproto::message::multipart::{Desc, MultipartReply, MultipartReplyBody};
use ofproto::message::{FeaturesReply, Hello, Message, PacketIn};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Cookie, DatapathId, Framer, PortNo, TableId, Xid};
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
            let (xid, message) = Message::decode_shared(&frame).unwrap();
            let reply = match message {
                Message::FeaturesRequest => {
                    let (datapath_id, n_buffers, n_tables) = (DatapathId(7), 0, 1);
                    let (auxiliary_id, capabilities, reserved) = (0, 0, 0);
                    let features = FeaturesReply {
                        datapath_id,
                        n_buffers,
                        n_tables,
                        auxiliary_id,
                        capabilities,
                        reserved,
                    };
                    Message::FeaturesReply(features)
                }
                Message::MultipartRequest(request) => {
                    let body = match request.body {
                        ofproto::message::multipart::MultipartRequestBody::Desc => {
                            MultipartReplyBody::Desc(Desc::default())
                        }
                        _ => MultipartReplyBody::PortDesc(Vec::new()),
                    };
                    Message::MultipartReply(MultipartReply { flags: 0, body })
                }
                _ => continue,
            };
            session.receive(now, &reply.encode(xid).unwrap());
        }
    }
    while session.poll_event().is_some() {}
    session
}

fn mac(n: u32) -> [u8; 6] {
    let [a, b, c, d] = n.to_be_bytes();
    [2, 0, a, b, c, d]
}

fn packet_in(from: u32, to: u32) -> Vec<u8> {
    let data = [&mac(to)[..], &mac(from), &[8, 0], &[0x45; 84]].concat();
    let in_port = Oxm::Known { field: Field::InPortOxm, value: u128::from(1 + from % 4), mask: None };
    let packet = PacketIn {
        buffer_id: BufferId::NO_BUFFER,
        total_len: 98,
        reason: 0,
        table_id: TableId(0),
        cookie: Cookie(0),
        fields: Match { fields: vec![in_port] },
        data: Bytes::from(data),
    };
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
    // PortNo is what the answers are about: they were made.
    batch(first, &mut answers);
    assert!(answers.len() > 100 * BATCH as usize && PortNo(1) != PortNo(2));
}
