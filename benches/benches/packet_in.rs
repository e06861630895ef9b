//! The packet-in path of a learning switch: its parts, and a whole decision. And `learn` executed in userspace.
#![allow(clippy::unwrap_used, reason = "a benchmark of what does not decode measures nothing")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use flows::runtime::userspace_learn::{Dialect, LearnedFlowMirror, packet_of, react};
use ofctl::syntax::{NoNames, parse_flow};
use ofproto::frame::next_length;
use ofproto::hot::{FlowStamp, PacketInView, PacketOutStamp, VlanVid};
use ofproto::message::{FlowMod, Message};
use ofproto::testing::switch::{self, mac};
use ofproto::{BufferId, Cookie, PortNo, TableId, Xid};
use portcullis::mac_learning::{FlowKind, LearningSwitch, MacTable, NotedEntries, Settings, Shares};

/// How many addresses a table has.
const SIZES: [u32; 3] = [100, 10_000, 1_000_000];
const SHARES: Shares = Shares { per_port: 1 << 20, all: 1 << 20 };
const NOW: u32 = 5;

fn main() {
    let mut c = Criterion::default().configure_from_args();
    parts(&mut c);
    tables(&mut c);
    decisions(&mut c);
    learning(&mut c);
    c.final_summary();
}

/// Numbers below `size` in an order that no processor foresees.
fn scattered(size: u32) -> impl FnMut() -> u32 {
    let mut state = 0x2545_f491_u32;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % size
    }
}

/// From a host at one of four ports.
fn packet_in(from: u32, to: u32) -> Vec<u8> {
    let packet = switch::packet_in(PortNo(1 + from % 4), &switch::frame(mac(from), mac(to)));
    Message::PacketIn(packet).encode(Xid(0)).unwrap().to_vec()
}

fn parts(c: &mut Criterion) {
    let mut group = c.benchmark_group("hot");
    group.throughput(Throughput::Elements(1));
    let frame = packet_in(1, 2);
    group.bench_function("packet_in", |b| b.iter(|| PacketInView::parse(black_box(&frame)).unwrap()));
    let flow = FlowStamp::new(&FlowMod::default(), Xid(0)).unwrap();
    let mut out = Vec::with_capacity(1 << 16);
    group.bench_function("flow_mod", |b| {
        b.iter(|| {
            out.clear();
            flow.write(
                &mut out,
                (black_box(PortNo(1)), black_box(mac(1))),
                (PortNo(2), mac(2)),
                VlanVid::NONE,
            );
        });
    });
    let packet_out = PacketOutStamp::new(Xid(0)).unwrap();
    group.bench_function("packet_out", |b| {
        b.iter(|| {
            out.clear();
            packet_out.write(
                &mut out,
                BufferId::NO_BUFFER,
                black_box(PortNo(1)),
                PortNo(2),
                black_box(frame.get(42..).unwrap_or_default()),
            )
        });
    });
    let batch = frame.repeat(256);
    group.throughput(Throughput::Elements(256));
    group.bench_function("framing_256", |b| {
        b.iter(|| {
            let mut rest = black_box(&batch[..]);
            let mut frames = 0;
            while let Ok(Some(length)) = next_length(rest) {
                rest = rest.get(length..).unwrap_or_default();
                frames += 1;
            }
            assert_eq!(frames, 256);
        });
    });
    group.finish();
}

fn table(size: u32) -> MacTable {
    let mut table = MacTable::new(SHARES, 300);
    for n in 0..size {
        table.learn(mac(n), 0, PortNo(1 + n % 4), NOW);
    }
    table
}

fn tables(c: &mut Criterion) {
    let mut group = c.benchmark_group("mac_table");
    group.throughput(Throughput::Elements(1));
    for size in SIZES {
        let mut filled = table(size);
        let mut next = scattered(size);
        group.bench_function(BenchmarkId::new("lookup", size), |b| {
            b.iter(|| filled.port(black_box(mac(next())), 0).unwrap());
        });
        group.bench_function(BenchmarkId::new("learn_known", size), |b| {
            b.iter(|| {
                let n = next();
                filled.learn(black_box(mac(n)), 0, PortNo(1 + n % 4), NOW)
            });
        });
    }
    for size in SIZES {
        group.throughput(Throughput::Elements(size.into()));
        group.sample_size(10);
        group.bench_function(BenchmarkId::new("insert", size), |b| {
            b.iter_batched(|| (), |()| table(black_box(size)), BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn decisions(c: &mut Criterion) {
    const BATCH: u32 = 128;
    let mut group = c.benchmark_group("decision");
    group.throughput(Throughput::Elements(BATCH.into()));
    for size in SIZES {
        let flow = FlowKind { table: TableId(0), priority: 100, cookie: Cookie(5), idle_timeout: 60 };
        let mut switch = LearningSwitch::new(Settings { flow, shares: SHARES, age: 300 }).unwrap();
        let mut out = Vec::with_capacity(1 << 16);
        for n in 0..size {
            switch.packet_in(&packet_in(n, u32::MAX), NOW, &mut out);
            out.clear();
        }
        let mut next = scattered(size);
        // More batches than one, so that it is not always the same addresses.
        let batches: Vec<Vec<Vec<u8>>> =
            (0..64).map(|_| (0..BATCH).map(|_| packet_in(next(), next())).collect()).collect();
        let mut turn = batches.iter().cycle();
        group.bench_function(BenchmarkId::new("batch_of_128", size), |b| {
            b.iter(|| {
                out.clear();
                let Some(batch) = turn.next() else { return };
                if switch.is_large() {
                    let mut noted = NotedEntries::new();
                    batch.iter().for_each(|frame| switch.note(frame, &mut noted));
                    switch.load(&mut noted);
                }
                for frame in batch {
                    switch.packet_in(black_box(frame), NOW, &mut out);
                }
                black_box(switch.batch_ended(NOW));
            });
        });
    }
    group.finish();
}

/// `learn` executed for a packet: a return flow that is there already, and one that is not, with so many learned before.
fn learning(c: &mut Criterion) {
    let learner = "udp,actions=learn(table=1,cookie=7,idle_timeout=60,priority=5,eth_type=0x800,nw_proto=17,\
                   NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],NXM_OF_UDP_SRC[]=NXM_OF_UDP_DST[],\
                   NXM_OF_UDP_DST[]=NXM_OF_UDP_SRC[],output:NXM_OF_IN_PORT[]),output:2";
    let learner = parse_flow(learner, &NoNames).unwrap();
    let actions: Vec<_> = learner.actions().cloned().collect();
    let datagram = |n: u32| {
        let [_, b, c, d] = n.to_be_bytes();
        let ipv4 = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, b, c, d, 10, 255, 0, 1];
        let data = [&mac(9)[..], &mac(n), &[8, 0], &ipv4, &[4, 0, 0, 53, 0, 8, 0, 0]].concat();
        switch::packet_in(PortNo(1), &data)
    };
    let mut group = c.benchmark_group("learn");
    group.throughput(Throughput::Elements(1));
    for size in [100, 10_000] {
        let mut mirror = LearnedFlowMirror::new(usize::MAX, Dialect::Nicira);
        for n in 0..size {
            react(&actions, &packet_of(&datagram(n)), &mut mirror, NOW);
        }
        assert_eq!(mirror.len(), size as usize);
        let mut next = scattered(size);
        let known: Vec<_> = (0..1_024).map(|_| datagram(next())).collect();
        let mut turn = known.iter().cycle();
        group.bench_function(BenchmarkId::new("known", size), |b| {
            b.iter(|| {
                turn.next().map(|packet| react(&actions, &packet_of(black_box(packet)), &mut mirror, NOW))
            });
        });
        let packet = datagram(size);
        group.bench_function(BenchmarkId::new("new", size), |b| {
            b.iter_batched(
                || mirror.clone(),
                |mut mirror| {
                    let reaction = react(&actions, &packet_of(black_box(&packet)), &mut mirror, NOW);
                    assert_eq!(reaction.flow_mods.len(), 1);
                    (mirror, reaction)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
