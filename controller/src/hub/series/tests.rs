//! Checks after each kind of change that the series are those of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flows::compile::{TimeContext, compile};
use flows::network::{Additions, Container, Protocol, Service};
use ofproto::DatapathId;
use ofproto::message::multipart::FlowStats;

use super::*;
use crate::bridge::{BridgeStatus, Compiled, Ports};
use crate::hub::owners::{Claim, Claimant};
use crate::metrics::Metrics;
use crate::ovs::{FaultKind, IsolationFault};
use crate::policy::{Policy, loaded};

const LAN: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.0.0.0/24"]
[network.lan.containers]
ids = "100-199"
port = "veth{id}"
addresses = ["10.0.0.{id}"]
clients = ["a"]
[endpoint.a]
attach = [{ network = "lan", port = "a0", addresses = ["10.0.0.1"] }]
[endpoint.b]
attach = [{ network = "lan", port = "b0", addresses = ["10.0.0.2"] }]
"#;
const WEB: &str = r#"
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
purpose = "always"
"#;
const FETCH: &str = r#"
[[allow]]
name = "fetch"
from = "b"
to = "a"
protocol = "udp"
ports = [69]
purpose = "while it is updated"
temp = "updates"
"#;
const DMZ: &str = r#"
[network.dmz]
bridge = "br0"
subnets = ["10.1.0.0/24"]
inside = "allow"
[endpoint.c]
attach = [{ network = "dmz", port = "c0", addresses = ["10.1.0.1"] }]
[endpoint.d]
attach = [{ network = "dmz", port = "d0", addresses = ["10.1.0.2"] }]
"#;
const FAR: &str = r#"
[network.far]
bridge = "br1"
subnets = ["10.2.0.0/24"]
inside = "allow"
[endpoint.e]
attach = [{ network = "far", port = "e0", addresses = ["10.2.0.1"] }]
[endpoint.f]
attach = [{ network = "far", port = "f0", addresses = ["10.2.0.2"] }]
"#;
const ANY: &str = r#"
[bridge."*"]
learning = { idle_timeout = 60, age = 300, macs_per_port = 4, macs = 16 }
"#;

fn policy(parts: &[&str]) -> Policy {
    Policy::from_text(Path::new("test.toml"), parts.concat()).unwrap()
}

/// Returns every flow of a bridge as a switch would report it, with its program.
fn read(policy: &Policy, bridge: &str) -> (Compiled, Vec<FlowStats>) {
    let ports = policy.assumed_ports(bridge);
    let compiled = Compiled::new(compile(&policy.file, bridge, &ports, &TimeContext::widest(&policy.file)));
    let stats = |flow: &flows::Flow| FlowStats { packet_count: 7, byte_count: 700, ..flow.to_stats() };
    let stats = compiled.program.flows().map(stats).collect();
    (compiled, stats)
}

/// Counts all metrics of a bridge that its session can count.
fn count(hub: &Hub, bridge: &str, session: u64) {
    let policy = hub.policy();
    let (peer, mailbox) = ("peer".to_owned(), Arc::default());
    let claimant = Claimant { session, datapath: DatapathId(session), peer, local: None, mailbox };
    assert_eq!(hub.acquire(bridge, claimant, Instant::now()), Claim::Granted(bridge.to_owned()));
    let (compiled, stats) = read(&policy, bridge);
    hub.count_part(bridge, &compiled, &stats, true);
    hub.end_count(bridge, &compiled, stats.len() as u64, &BTreeMap::new(), &Ports::default());
    let label = hub.label(bridge);
    hub.metrics.changing(label, 3);
    hub.metrics.changed(label, 1, Duration::from_millis(3));
    hub.metrics.packet_in(label);
    drop(hub.metrics.learning(label));
    let status = BridgeStatus { generation: policy.generation, settled: true, ..BridgeStatus::default() };
    hub.publish(bridge, session, status);
}

fn fault(bridge: &str) -> IsolationFault {
    IsolationFault {
        bridge: bridge.to_owned(),
        kind: FaultKind::InBand,
        detail: "it is".to_owned(),
        remedy: "do not".to_owned(),
    }
}

/// Returns the values of a label in all series whose names begin in that way.
fn values(hub: &Hub, family: &str, label: &str) -> BTreeSet<String> {
    let text = hub.metrics_text().unwrap();
    let series = text.lines().filter(|line| !line.starts_with('#') && line.starts_with(family));
    let value = |line: &str| {
        let (_, rest) = line.split_once(&format!("{label}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    series.filter_map(value).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Returns the rules that flows of the file on the bridge count for.
fn rules_of(policy: &Policy, bridge: &str) -> BTreeSet<String> {
    read(policy, bridge).0.program.origins().map(|(_, origin)| origin.rule.clone()).collect()
}

/// Compares the series with the file, which has these bridges, and with the series counted before
/// the file was activated.
fn compare(hub: &Hub, bridges: &[&str]) {
    let policy = hub.policy();
    assert_eq!(values(hub, "portcullis_", "bridge"), set(bridges));
    let mut rules = BTreeSet::new();
    for bridge in bridges {
        rules.extend(rules_of(&policy, bridge));
    }
    // The fixed words are those of the bridge.
    let named = |mut rules: BTreeSet<String>| {
        rules.retain(|rule| OriginKind::ALL.iter().all(|kind| kind.label() != rule));
        rules
    };
    let rules = named(rules);
    for family in ["portcullis_rule_packets_total", "portcullis_rule_bytes_total"] {
        assert_eq!(named(values(hub, family, "rule")), rules);
    }
    let windows = policy.window_names().into_iter().map(str::to_owned).collect();
    assert_eq!(values(hub, "portcullis_window_open", "window"), windows);
}

fn hub(parts: &[&str]) -> Hub {
    let hub = Hub::new(policy(parts), Metrics::new().unwrap());
    count(&hub, "br0", 1);
    count(&hub, "br1", 2);
    hub.note_faults(vec![fault("br0"), fault("br1")]);
    hub
}

#[test]
fn series_end_with_their_rule_their_network_their_window_and_their_bridge() {
    let hub = hub(&[LAN, WEB, FETCH, DMZ, FAR]);
    compare(&hub, &["br0", "br1"]);
    let has = |rule: &str| values(&hub, "portcullis_rule_", "rule").contains(rule);
    assert!(["web", "fetch", "dmz", "c", "far"].into_iter().all(has));
    for parts in [&[LAN, FETCH, DMZ, FAR][..], &[LAN, DMZ, FAR], &[LAN, FAR]] {
        hub.replace_policy(policy(parts));
        compare(&hub, &["br0", "br1"]);
    }
    assert!(!["web", "fetch", "dmz", "c"].into_iter().any(has) && has("far"));
    // The bridge is removed from the file, and its session releases it.
    hub.replace_policy(policy(&[LAN]));
    compare(&hub, &["br0"]);
    assert!(hub.release("br1", 2));
    compare(&hub, &["br0"]);
    // A session that has not seen the new file yet writes once more.
    hub.metrics.changing("br1", 1);
    compare(&hub, &["br0"]);
    // The bridge comes back, and its series begin anew.
    hub.replace_policy(policy(&[LAN, FAR]));
    count(&hub, "br1", 3);
    compare(&hub, &["br0", "br1"]);
    let text = hub.metrics_text().unwrap();
    assert!(text.contains("portcullis_flow_mods_total{bridge=\"br1\"} 3\n"), "{text}");
}

#[test]
fn a_rule_that_goes_to_another_bridge_ends_where_it_was() {
    let moved = FAR.replace("br1", "br0").replace("10.2.", "10.3.");
    let hub = hub(&[LAN, DMZ, FAR]);
    hub.replace_policy(policy(&[LAN, &DMZ.replace("br0", "br1"), &moved]));
    let text = hub.metrics_text().unwrap();
    let has = |bridge: &str, rule: &str| {
        text.contains(&format!("portcullis_rule_packets_total{{bridge=\"{bridge}\",rule=\"{rule}\"}}"))
    };
    assert!(!has("br1", "e") && !has("br0", "c") && has("br0", "a"), "{text}");
}

#[test]
fn a_bridge_is_not_settled_on_a_file_that_its_session_has_not_heard_of() {
    let hub = hub(&[LAN, FAR]);
    let settled = || hub.report().bridges.iter().map(|bridge| bridge.settled).collect::<Vec<_>>();
    assert_eq!(settled(), [true, true]);
    let generation = hub.replace_policy(policy(&[LAN, WEB, FAR]));
    assert_eq!(settled(), [false, false]);
    hub.publish("br0", 1, BridgeStatus { generation, settled: true, ..BridgeStatus::default() });
    assert_eq!(settled(), [true, false]);
}

#[test]
fn series_end_with_their_container() {
    let hub = hub(&[LAN, FAR]);
    let service = Service { name: "web".to_owned(), protocol: Protocol::Tcp, port: 80 };
    let container = Container {
        id: 101,
        name: "shop".to_owned(),
        network: "lan".to_owned(),
        mac: None,
        services: vec![service],
    };
    hub.replace_policy(hub.policy().with_container(&container).unwrap());
    count(&hub, "br0", 1);
    compare(&hub, &["br0", "br1"]);
    let rules = values(&hub, "portcullis_rule_packets_total", "rule");
    assert!(rules.contains("shop") && rules.contains("container.shop.web"), "{rules:?}");
    hub.replace_policy(hub.policy().without_container("shop").unwrap());
    compare(&hub, &["br0", "br1"]);
}

#[test]
fn a_bridge_that_the_file_does_not_name_has_faults_while_it_is_connected() {
    let hub = hub(&[LAN, FAR, ANY]);
    count(&hub, "tap0", 3);
    let found = || vec![fault("tap0"), fault("never-attached"), fault("br0")];
    let (new, _) = hub.note_faults(found());
    assert_eq!(new, [fault("tap0")], "that of br0 is known, and the other is none of the file's");
    let faults = || values(&hub, "portcullis_isolation_fault", "bridge");
    assert_eq!(faults(), set(&["br0", "br1", "tap0"]));
    let connected = set(&["br0", "br1"]);
    assert_eq!(values(&hub, "portcullis_bridge_connected", "bridge"), connected, "not all others");
    assert_eq!(values(&hub, "portcullis_flow_mods_total", "bridge"), set(&["*", "br0", "br1"]));
    // The fault is over, and then the bridge is removed.
    assert_eq!(hub.note_faults(vec![fault("br0")]).1, ["tap0"]);
    hub.note_faults(found());
    assert!(hub.release("tap0", 3));
    assert_eq!(faults(), connected);
    hub.note_faults(found());
    assert_eq!(faults(), connected);
    hub.replace_policy(policy(&[LAN, FAR]));
    compare(&hub, &["br0", "br1"]);
}

#[test]
fn every_rule_that_a_flow_can_count_for_is_named() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../flows");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root.join("networks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    // This file must be refused.
    files.retain(|path| !path.ends_with("dual-socket-health-check.toml"));
    files.push(root.join("tests/compiled/support/mixed.toml"));
    assert!(files.len() > 6);
    for path in files {
        // Not checked: that takes long, and says nothing about names.
        let file = loaded(&path, &Additions::default()).unwrap().file;
        let policy = Policy { file, ..Policy::default() };
        let named = SeriesNames::new(0, &policy.file);
        for bridge in policy.bridges() {
            for rule in rules_of(&policy, bridge) {
                assert!(named.has_rule(bridge, &rule), "{}: {bridge}: {rule}", path.display());
            }
        }
    }
}
