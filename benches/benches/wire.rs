//! The wire: framing, decoding what a switch sends, encoding what it gets.
#![allow(clippy::unwrap_used, reason = "a benchmark of what does not decode measures nothing")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use ofproto::action::Action;
use ofproto::message::{FlowModCommand, PacketOut};
use ofproto::testing::switch::{frame, mac, packet_in};
use ofproto::{BufferId, Framer, Message, PortNo, Writer, Xid};
use portcullis_benches::{full_flow_reply, numbered_flow};

fn main() {
    let mut c = Criterion::default().configure_from_args();
    framing(&mut c);
    decoding(&mut c);
    encoding(&mut c);
    c.final_summary();
}

fn a_packet_in() -> Vec<u8> {
    Message::PacketIn(packet_in(PortNo(3), &frame(mac(1), mac(2)))).encode(Xid(1)).unwrap().to_vec()
}

fn framing(c: &mut Criterion) {
    let batch = a_packet_in().repeat(256);
    let mut group = c.benchmark_group("frame");
    group.throughput(Throughput::Bytes(batch.len() as u64));
    group.bench_function("256_packet_ins", |b| {
        let mut framer = Framer::new();
        b.iter(|| {
            assert_eq!(framer.feed(black_box(&batch)), batch.len());
            let mut frames = 0;
            while let Some(frame) = framer.next_frame().unwrap() {
                black_box(frame);
                frames += 1;
            }
            assert_eq!(frames, 256);
        });
    });
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let frame = Bytes::from(a_packet_in());
    group.throughput(Throughput::Elements(1));
    group.bench_function("packet_in", |b| {
        b.iter(|| Message::decode_shared(black_box(&frame)).unwrap());
    });
    let (reply, flows) = full_flow_reply().unwrap();
    let reply = Bytes::from(reply);
    group.throughput(Throughput::Elements(u64::from(flows)));
    group.bench_function("flow_reply_64k", |b| {
        b.iter(|| Message::decode_shared(black_box(&reply)).unwrap());
    });
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    let flow_mod = Message::FlowMod(numbered_flow(1).to_flow_mod(FlowModCommand::Add));
    let packet_out = Message::PacketOut(PacketOut {
        buffer_id: BufferId::NO_BUFFER,
        in_port: PortNo(3),
        actions: vec![Action::Output { port: PortNo(4), max_len: 0 }],
        data: vec![0xab; 98].into(),
    });
    for (name, message) in [("flow_mod", flow_mod), ("packet_out", packet_out)] {
        let mut w = Writer::new();
        group.bench_function(name, |b| {
            b.iter(|| {
                w.truncate(0);
                black_box(&message).encode_into(Xid(1), &mut w).unwrap();
                black_box(w.as_slice());
            });
        });
    }
}
