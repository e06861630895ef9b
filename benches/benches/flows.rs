//! From the network file to flows, the diff against a switch, and the interpreter.
#![allow(clippy::unwrap_used, reason = "a benchmark of what is not read measures nothing")]

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use criterion::{Criterion, Throughput};
use flow_model::{Flow, Masked};
use flows::compile::{Program, TimeContext, compile, recompile};
use flows::diff::diff;
use flows::finding::has_errors;
use flows::network::{Additions, NetworkFile, load};
use flows::runtime::return_flows::LearnedFlowJudge;
use flows::verify::interp::{Packet, Pipeline, TCP_SYN};
use ofproto::oxm::Field;
use portcullis_benches::{
    Bridges, DUAL_SOCKET, container, dual_socket, networks, numbered_flow, pantheon_256,
    pantheon_with_containers, ports, reported,
};

fn main() {
    let mut c = Criterion::default().configure_from_args();
    network(&mut c);
    pantheon(&mut c);
    difference(&mut c);
    interpreter(&mut c);
    judged(&mut c);
    elsewhere(&mut c);
    c.final_summary();
}

fn network(c: &mut Criterion) {
    c.bench_function("parse/dual-socket", |b| {
        b.iter(|| flows::network::parse(black_box(DUAL_SOCKET), "dual-socket.toml").unwrap());
    });
    let pantheon = pantheon_256();
    let (file, findings) = flows::network::parse(&pantheon, "pantheon.toml").unwrap();
    assert_eq!((file.networks.len(), findings.len()), (257, 0));
    c.bench_function("network/pantheon-256", |b| {
        b.iter(|| flows::network::parse(black_box(&pantheon), "pantheon.toml").unwrap());
    });
    let file = dual_socket().unwrap();
    let bridges: Vec<_> = file.bridges.iter().map(|b| (b.name.as_str(), ports(&file, &b.name))).collect();
    c.bench_function("compile/dual-socket", |b| {
        b.iter(|| {
            let programs = bridges
                .iter()
                .map(|(name, ports)| compile(black_box(&file), name, ports, &TimeContext::default()));
            assert!(programs.map(|p| p.flows().count()).sum::<usize>() > 0);
        });
    });
}

fn loaded(text: &str) -> NetworkFile {
    let mut read = |_: &str| Ok(text.to_owned());
    match load("pantheon.toml", &mut read, &Additions::default()) {
        Ok(loaded) => loaded.file,
        Err(_) => NetworkFile::default(),
    }
}

/// What is done when a file is loaded again, and the compiler's share of what is done when one container comes: the whole
/// of that is in `change.rs`.
fn pantheon(c: &mut Criterion) {
    const BRIDGE: &str = "pantheon";
    let text = pantheon_with_containers();
    let (before, mut after) = (loaded(&text), loaded(&text));
    after.put(&container()).unwrap();
    let ports = ports(&after, BRIDGE);
    let compiled = |file: &NetworkFile| compile(file, BRIDGE, &ports, &TimeContext::default());
    let (old, new) = (compiled(&before), compiled(&after));
    assert!(new.missing_ports.is_empty() && old.flows().count() > 5_000);
    let added = diff(new.flows(), old.flows(), |_| false).len();
    assert!((1..20).contains(&added), "{added} changes for a container");
    let mut group = c.benchmark_group("pantheon-256");
    group.sample_size(20);
    group.bench_function("text_to_flows", |b| {
        b.iter(|| compiled(&loaded(black_box(&text))).parts.len());
    });
    group.bench_function("load", |b| b.iter(|| loaded(black_box(&text))));
    group.bench_function("compile", |b| b.iter(|| compiled(black_box(&before))));
    group.bench_function("diff_unchanged", |b| {
        b.iter(|| assert!(diff(black_box(&old).flows(), black_box(&old).flows(), |_| false).is_empty()));
    });
    group.bench_function("recompile", |b| {
        b.iter(|| {
            let program =
                recompile(black_box(&old), black_box(&after), BRIDGE, &ports, &TimeContext::default());
            let kept =
                program.parts.iter().zip(&old.parts).filter(|(new, old)| Arc::ptr_eq(new, old)).count();
            assert_eq!(kept + 1, old.parts.len());
            program
        });
    });
    group.bench_function("snapshot_swap", |b| {
        // What readers hold while it is swapped: the old one is not freed under them.
        let (old, new) = (Arc::new(old.clone()), Arc::new(new.clone()));
        let current: ArcSwap<Program> = ArcSwap::new(Arc::clone(&old));
        b.iter(|| {
            current.store(Arc::clone(&new));
            current.store(Arc::clone(&old));
            current.load().parts.len()
        });
    });
}

fn difference(c: &mut Criterion) {
    const FLOWS: u32 = 10_000;
    let desired: Vec<Flow> = (0..FLOWS).map(numbered_flow).collect();
    // What the switch reports is other memory than what is desired, and need not be in its order.
    let actual: Vec<Flow> = desired.iter().rev().map(|f| Flow::from_stats(&reported(f))).collect();
    let mut group = c.benchmark_group("diff");
    group.throughput(Throughput::Elements(u64::from(FLOWS)));
    group.bench_function("nothing_of_10000", |b| {
        b.iter(|| assert!(diff(black_box(&desired), black_box(&actual), |_| false).is_empty()));
    });
}

fn interpreter(c: &mut Criterion) {
    let file = dual_socket().unwrap();
    let ports = ports(&file, "vmbr0");
    let pipeline = Pipeline::new(compile(&file, "vmbr0", &ports, &TimeContext::default()).into_whole().0);
    let gateway = *ports.get("veth100").unwrap();
    let (from, to) = ([10, 0, 0, 100].into(), [1, 1, 1, 1].into());
    let packet = Packet::ipv4([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], from, to, 6).tcp(1_000, 443, TCP_SYN);
    // The one packet that has to pass: from the gateway to the Internet, through all four tables.
    assert_eq!(pipeline.run(gateway, &packet).outputs.len(), 1);
    let mut group = c.benchmark_group("interp");
    group.throughput(Throughput::Elements(1));
    group.bench_function("gateway_to_warp", |b| {
        b.iter(|| pipeline.run(gateway, black_box(&packet)));
    });
}

/// A switch's learned flows after a change: 5 conversations of the gateway with each of 20,000 servers.
fn judged(c: &mut Criterion) {
    let file = dual_socket().unwrap();
    let ports = ports(&file, "vmbr0");
    let program = compile(&file, "vmbr0", &ports, &TimeContext::default());
    let pipeline = Pipeline::new(program.flows().cloned().collect());
    let (from, to) = (Ipv4Addr::new(10, 0, 0, 100), Ipv4Addr::new(198, 51, 100, 10));
    let gateway = file.attachments_on("vmbr0").find(|(endpoint, _)| endpoint.name == "gateway").unwrap().1;
    let packet = Packet::ipv4(gateway.mac.unwrap_or([2; 6]), [4; 6], from, to, 17).udp(4_000, 4_000);
    let learned = pipeline.run(*ports.get(&gateway.port).unwrap(), &packet).learned;
    let one = learned.iter().find(|flow| flow.matches.exact(Field::UdpDst).is_some()).unwrap();
    let flow = |n: u32| {
        let mut flow = one.clone();
        flow.matches.set(Field::Ipv4Src, Masked::exact(Field::Ipv4Src, (0xc633_0000 + n / 5).into()));
        flow.matches.set(Field::UdpDst, Masked::exact(Field::UdpDst, (40_000 + n % 5).into()));
        flow
    };
    let flows: Vec<Flow> = (0..100_000).map(flow).collect();
    let mut group = c.benchmark_group("learned");
    group.sample_size(10).throughput(Throughput::Elements(flows.len() as u64));
    group.bench_function("judge/100000", |b| {
        b.iter(|| {
            let judge = LearnedFlowJudge::new(&program.parts);
            assert!(flows.iter().all(|flow| judge.accounts_for(flow).is_some()));
        });
    });
    group.finish();
}

/// Checks 800 networks on as many bridges, and on one. Both take about as long, because a bridge's
/// flows do not grow with networks elsewhere.
fn elsewhere(c: &mut Criterion) {
    let mut group = c.benchmark_group("check/800_networks");
    group.sample_size(10);
    for (name, bridges) in [("on_one_bridge", Bridges::One), ("on_800_bridges", Bridges::Each)] {
        let (file, _) = flows::network::parse(&networks(800, bridges), "networks.toml").unwrap();
        group.bench_function(name, |b| {
            b.iter(|| assert!(!has_errors(&flows::verify::check::check(black_box(&file)).findings)));
        });
    }
    group.finish();
}
