//! The reference interpreter agrees with Open vSwitch: random pipelines, and the compiled dual-socket network,
//! through `ovs-appctl ofproto/trace` of a private Open vSwitch with a datapath of no devices at all.

mod controller;
mod dual_socket;
mod learners;
mod packets;
mod pipelines;
mod switch;
mod trace;

use std::cell::Cell;

use flows::verify::interp::{Outcome, Packet, Pipeline};
use ofproto::PortNo;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::switch::Switch;

/// How many ports a bridge of random pipelines has.
const PORTS: u32 = 5;

/// What the random pipelines were good for.
#[derive(Debug, Default)]
struct Tally {
    asked: Cell<usize>,
    taken: Cell<usize>,
    traces: Cell<usize>,
    put_out: Cell<usize>,
    deep: Cell<usize>,
}

/// Runs a packet in both and compares; `learn` makes both learn.
fn agree(
    switch: &Switch,
    bridge: &str,
    pipeline: &Pipeline,
    in_port: PortNo,
    packet: &Packet,
    learn: bool,
) -> Outcome {
    let text = switch.trace(bridge, &packet.to_text(Some(in_port)), learn);
    let real = trace::parse(&text, switch.datapath_ports(bridge), packet);
    let outcome = pipeline.run(in_port, packet);
    let ours = trace::of_outcome(&outcome, in_port, &switch.ports(bridge));
    assert!(outcome.unsupported.is_empty(), "{:?}", outcome.unsupported);
    assert!(outcome.ambiguous.is_empty(), "{:?}", outcome.ambiguous);
    assert_eq!(ours, real, "\n{text}");
    outcome
}

/// More by hand: `PROPTEST_CASES=2000`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

#[test]
fn random_pipelines_agree() {
    let switch = Switch::start(&[("br0", PORTS)]);
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    });
    let gene = || any::<[u8; 32]>();
    let cases = (prop::collection::vec(gene(), 4..30), prop::collection::vec(gene(), 12));
    let tally = Tally::default();
    let result = runner.run(&cases, |(flows, packets)| {
        let flows = pipelines::decode(&flows);
        let asked = flows.len();
        let flows = switch.install("br0", flows);
        tally.asked.set(tally.asked.get() + asked);
        tally.taken.set(tally.taken.get() + flows.len());
        let pipeline = Pipeline::new(flows);
        for gene in &packets {
            let (in_port, packet) = packets::decode(gene);
            let seen = agree(&switch, "br0", &pipeline, in_port, &packet, false);
            tally.traces.set(tally.traces.get() + 1);
            tally.put_out.set(tally.put_out.get() + usize::from(!seen.outputs.is_empty()));
            tally.deep.set(tally.deep.get() + usize::from(seen.path.len() > 1));
        }
        Ok(())
    });
    if let Err(e) = result {
        // The random bytes themselves say nothing to anybody.
        let text = e.to_string();
        panic!("{}", text.split("minimal failing input").next().unwrap());
    }
    // Agreement on nothing but drops and refused flows would say little.
    println!("{tally:?}");
    assert!(tally.taken.get() * 10 > tally.asked.get() * 8, "{tally:?}");
    assert!(tally.put_out.get() * 6 > tally.traces.get(), "{tally:?}");
    assert!(tally.deep.get() * 8 > tally.traces.get(), "{tally:?}");
}
