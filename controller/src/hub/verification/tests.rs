//! The proof follows the flows that a switch reports.

use std::path::Path;

use ofctl::syntax::parse_flow;
use ofproto::DatapathId;
use ofproto::message::Port;
use ofproto::message::multipart::FlowStats;

use super::*;
use crate::bridge::{BridgeStatus, Compiled, Ports};
use crate::hub::owners::{Claim, Claimant};
use crate::metrics::Metrics;
use crate::policy::Policy;

const TEXT: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.0.0.0/24"]
[endpoint.a]
attach = [{ network = "lan", port = "a0", addresses = ["10.0.0.1"] }]
[endpoint.b]
attach = [{ network = "lan", port = "b0", addresses = ["10.0.0.2"] }]
[[never]]
name = "apart"
from = ["a"]
to = ["b"]
"#;

/// A bridge with a session, whose flows are read now and then.
struct Bridge {
    hub: Arc<Hub>,
    compiled: Compiled,
    ports: Ports,
    flows: Vec<FlowStats>,
}

impl Bridge {
    fn new() -> Self {
        let policy = Policy::from_text(Path::new("test.toml"), TEXT.to_owned()).unwrap();
        let by_name = policy.assumed_ports("br0");
        let compiled = Compiled::new(policy.compile("br0", &by_name));
        let port = |(name, number): (&String, &ofproto::PortNo)| Port::named(*number, name.clone());
        let ports: Vec<Port> = by_name.iter().map(port).collect();
        let flows = compiled.program.flows().map(|flow| flow.to_stats()).collect();
        let hub = Arc::new(Hub::new(policy, Metrics::new().unwrap()));
        let (peer, mailbox) = ("peer".to_owned(), Arc::default());
        let claimant = Claimant { session: 1, datapath: DatapathId(1), peer, local: None, mailbox };
        assert_eq!(hub.acquire("br0", claimant, Instant::now()), Claim::Granted("br0".to_owned()));
        Self { hub, compiled, ports: Ports::new(&ports), flows }
    }

    /// Reads the flows, in two parts, and one more flow if there is one.
    fn read(&self, more: Option<&str>, settled: bool) {
        let names = self.ports.by_name();
        let more = more.map(|line| parse_flow(line, &names).unwrap().to_stats());
        let flows: Vec<FlowStats> = self.flows.iter().cloned().chain(more).collect();
        let (some, rest) = flows.split_at(flows.len() / 2);
        self.hub.count_part("br0", &self.compiled, some, true);
        self.hub.count_part("br0", &self.compiled, rest, false);
        self.hub.end_count("br0", &self.compiled, flows.len() as u64, &BTreeMap::new(), &self.ports);
        self.hub.publish("br0", 1, BridgeStatus { settled, ..BridgeStatus::default() });
    }

    /// Waits until the metric has a value.
    async fn becomes(&self, value: i64) {
        let line = format!("portcullis_never_holds{{never=\"apart\"}} {value}\n");
        let start = Instant::now();
        while !self.hub.metrics_text().unwrap().contains(&line) {
            assert!(start.elapsed() < Duration::from_secs(30), "{line}: {:?}", self.hub.proof_summary());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

const LEAK: &str = "priority=65500,in_port=a0,actions=output:b0";

#[tokio::test]
async fn a_leak_that_stays_is_seen_and_ends() {
    let bridge = Bridge::new();
    let hub = &bridge.hub;
    let before = hub.verification(Duration::ZERO).await;
    assert_eq!((before.counts(), before.current, before.age_seconds), ([0, 0, 1], false, None));
    assert!(hub.proof_summary().is_none());
    let proving = tokio::spawn(Arc::clone(hub).keep_verifying());
    bridge.read(None, true);
    bridge.becomes(1).await;
    assert!(hub.is_proven());
    let report = hub.verification(Duration::ZERO).await;
    assert_eq!((report.counts(), report.current), ([1, 0, 0], true));
    assert_eq!(report.bridges[0].flows, bridge.flows.len() as u64);

    // The next read may find it gone, and this bridge never settles: it is proven all the same.
    bridge.read(Some(LEAK), false);
    let doubted = hub.verification(Duration::ZERO).await;
    assert_eq!((doubted.counts(), doubted.current), ([0, 0, 1], false));
    assert!(doubted.assertions[0].line().contains("have changed since the last proof"), "{doubted:?}");
    bridge.becomes(0).await;
    let report = hub.verification(Duration::ZERO).await;
    assert_eq!((report.counts(), report.current), ([0, 1, 0], true));
    let witness = &report.assertions[0].witnesses[0];
    assert_eq!((&*witness.hops[0].in_port, witness.hops[0].out_port.as_deref()), ("a0", Some("b0")));
    assert!(witness.hops[0].trace.starts_with("ovs-appctl ofproto/trace br0 'in_port="), "{witness:?}");
    assert_eq!((report.bridges[0].foreign, report.bridges[0].examples.len()), (1, 1));
    assert_eq!(hub.proof_summary().unwrap().violated, ["never apart"]);
    assert_eq!(hub.report().proof.unwrap().holding, 0);

    bridge.read(None, true);
    bridge.becomes(1).await;
    // Nobody reads a bridge without a session.
    assert!(hub.release("br0", 1));
    bridge.becomes(-1).await;
    assert_eq!(hub.proof_summary().unwrap().unknown, ["never apart"]);
    assert!(!proving.is_finished());
}

#[test]
fn a_violation_is_told_once() {
    let of = |verdict: &str| {
        let (kind, name, verdict) = ("never".to_owned(), "apart".to_owned(), verdict.to_owned());
        vec![AssertionReport { kind, name, verdict, ..AssertionReport::default() }]
    };
    let mut violated = BTreeSet::new();
    for (verdict, known) in [("holds", 0), ("violated", 1), ("violated", 1), ("unknown", 1), ("holds", 0)] {
        tell(&of(verdict), &mut violated);
        assert_eq!(violated.len(), known, "{verdict}");
    }
    tell(&of("violated"), &mut violated);
    tell(&[], &mut violated);
    assert!(violated.is_empty());
}
