//! `portcullis denied` on a real Open vSwitch: who tried to reach what, and a storm that stays within the rate.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use lab::LabOptions;
use portcullis_tests::frames::{emit, mac, udp};
use portcullis_tests::{Pinger, Running, binary};
use serde_json::Value;

/// Samples a second.
const RATE: u64 = 20;

const NETWORK: &str = r#"
[bridge.br0]
sample_denied = 20

[network.n]
bridge = "br0"
subnets = ["10.9.0.0/24"]

[network.m]
bridge = "br0"
subnets = ["10.8.0.0/24"]

[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.9.0.1"] }]

[endpoint.b]
attach = [{ network = "n", port = "b0", addresses = ["10.9.0.2"] }]

[endpoint.d]
attach = [{ network = "m", port = "d0", addresses = ["10.8.0.1"] }]

[[allow]]
name = "watch"
from = "a"
to = "b"
protocol = "icmp"
"#;

fn start() -> Running {
    Running::start(NETWORK, LabOptions::default())
}

/// What `portcullis denied` prints.
fn printed(net: &Running, words: &[&str]) -> String {
    let output = Command::new(binary())
        .args(["denied", "--api", &net.api().to_string()])
        .args(words)
        .output()
        .expect("portcullis denied");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The entry that has these words.
fn entry(net: &Running, words: &[(&str, Value)]) -> Value {
    let look = || {
        let list: Value = serde_json::from_str(&printed(net, &["--json"])).expect("JSON");
        let all = list["denied"].as_array().expect("a list").clone();
        all.into_iter().find(|entry| words.iter().all(|(key, value)| entry[*key] == *value))
    };
    net.wait_for(&format!("{words:?}"), look).0
}

/// Tries to open a TCP connection from an endpoint.
fn connect(net: &Running, from: &str, to: &str) -> bool {
    let to: SocketAddr = to.parse().expect("an address");
    let tried = || TcpStream::connect_timeout(&to, Duration::from_millis(500)).is_ok();
    net.lab.within(from, tried).expect("the namespace")
}

fn packet_ins(net: &Running) -> f64 {
    net.metric("portcullis_packet_ins_total{bridge=\"br0\"}")
}

#[test]
fn a_connection_that_was_refused_shows_with_the_rule_that_would_allow_it() {
    let net = start();
    let flows = net.flows("br0");
    assert!(flows.iter().any(|f| f.contains("controller(max_len=128,meter_id=1009)")), "{flows:#?}");
    let meters = net.lab.ofctl(&["dump-meters", "br0"]).expect("meters");
    assert!(meters.contains("meter=1009 pktps") && meters.contains("rate=20"), "{meters}");

    assert!(!connect(&net, "a", "10.9.0.2:443"));
    let entry = entry(&net, &[("from", "a".into()), ("protocol", "tcp".into())]);
    let said = |key: &str| entry[key].as_str().unwrap_or_default();
    assert_eq!((said("to"), said("to_address"), said("from_address")), ("b", "10.9.0.2", "10.9.0.1"));
    assert_eq!((said("bridge"), said("port"), entry["to_port"].as_u64()), ("br0", "a0", Some(443)));
    assert_eq!((said("reason"), said("kind"), said("help")), ("not-allowed", "deny", ""));
    assert!(entry["samples"].as_u64() >= Some(1), "{entry:#}");
    let text = printed(&net, &["--bridge", "br0"]);
    assert!(text.contains("a (10.9.0.1) -> b (10.9.0.2): tcp 443 by a0 of br0"), "{text}");
    assert_eq!(printed(&net, &["--bridge", "br1"]), "");

    // Into another network, and from an address that is another's: no rule would do.
    let macs = (mac(&net.lab, "a"), mac(&net.lab, "b"));
    let [a, b, d] = [[10, 9, 0, 1], [10, 9, 0, 2], [10, 8, 0, 1]].map(Ipv4Addr::from);
    emit(&net.lab, "a", &[udp(macs, a, d, 53), udp(macs, b, d, 53)]);
    for (from, reason, help) in [("10.9.0.1", "isolation", "[[crossing]]"), ("10.9.0.2", "spoofed", "own")] {
        let entry = self::entry(&net, &[("from_address", from.into()), ("to", "d".into())]);
        assert_eq!(
            (&entry["from"], &entry["reason"], &entry["allow"]),
            (&"a".into(), &reason.into(), &Value::Null)
        );
        assert!(entry["help"].as_str().is_some_and(|said| said.contains(help)), "{entry:#}");
    }

    // What is proposed is taken, and does it.
    let allow = said("allow");
    assert!(allow.contains("[[allow]]") && allow.contains("ports = [443]"), "{allow}");
    net.reload(&format!("{NETWORK}\n{allow}"));
    let listener =
        net.lab.within("b", || std::net::TcpListener::bind("10.9.0.2:443")).expect("the namespace");
    let _listener = listener.expect("a listener");
    net.wait_for("the connection", || connect(&net, "a", "10.9.0.2:443").then_some(()));
}

#[test]
fn a_storm_is_sampled_at_the_rate_and_stops_nobody() {
    let net = start();
    let macs = (mac(&net.lab, "a"), mac(&net.lab, "b"));
    let frames: Vec<Vec<u8>> = (0..20_000u16)
        .map(|n| udp(macs, Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2), 1_000 + n))
        .collect();
    let pinger = Pinger::start(&net.lab, "a", "10.9.0.2");
    let (before, start) = (packet_ins(&net), Instant::now());
    // The socket of the switch's port holds 280 of them: what comes faster is lost there, and an echo request with it.
    for some in frames.chunks(50) {
        emit(&net.lab, "a", some);
        std::thread::sleep(Duration::from_millis(5));
    }
    let denied = || {
        let flows = net.flows_with_stats("br0");
        let deny = flows.iter().find(|f| f.contains("table=2") && f.contains("priority=0"))?;
        let (_, rest) = deny.split_once("n_packets=")?;
        rest.split(',').next()?.parse::<u64>().ok().filter(|n| *n >= 20_000)
    };
    net.wait_for("the deny to have counted all of it", || {
        // A busy machine loses some before the switch has them: they are made up for.
        emit(&net.lab, "a", frames.get(..200)?);
        denied()
    });
    let samples = packet_ins(&net) - before;
    let most = RATE * (start.elapsed().as_secs() + 1) + RATE;
    assert!(samples >= 1.0 && samples <= most as f64, "{samples} samples, at most {most}");
    pinger.more(20);
    let pinged = pinger.end();
    assert_eq!(pinged.lost, Vec::<u32>::new(), "{pinged:?}");
    assert!(net.bridge("br0").is_some_and(|bridge| bridge["settled"] == true));
}
