//! Windows on a real Open vSwitch, with real packets.

mod access;
mod closing;
mod full_disk;
mod learner;
mod long;
mod messages;
mod opening;
mod state;
mod storm;

use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::LabOptions;
use portcullis_tests::ofctl::is_learned;
use portcullis_tests::{Running, binary};
use serde_json::Value;

const NETWORK: &str = include_str!("network.toml");
/// The bridge.
const BRIDGE: &str = "br0";

fn start() -> Running {
    Running::start(NETWORK, LabOptions::default())
}

/// `portcullis window` to the lab's controller.
fn window(net: &Running, words: &[&str]) -> Output {
    let api = net.lab.control().to_string();
    let output = Command::new(binary()).arg("window").args(words).args(["--api", &api]).output();
    output.expect("portcullis window")
}

/// The same, which has to succeed: what it printed.
fn must(net: &Running, words: &[&str]) -> String {
    let output = window(net, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Opens `updates` for a while; until when, in seconds since 1970-01-01 UTC.
fn open(net: &Running, duration: &str) -> u64 {
    must(net, &["open", "updates", "--for", duration, "--reason", "kernel update"]);
    listed(net, "updates")["closes_at"].as_u64().expect("an end")
}

/// A window as the list has it.
fn listed(net: &Running, name: &str) -> Value {
    let list: Value = serde_json::from_str(&must(net, &["list", "--json"])).expect("JSON");
    let windows = list["windows"].as_array().expect("windows");
    windows.iter().find(|w| w["name"] == name).unwrap_or_else(|| panic!("{list:#}")).clone()
}

/// What was said, on one line: a report wraps long ones between a margin and the width.
fn said(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.split_whitespace().filter(|w| *w != "│").collect::<Vec<_>>().join(" ")
}

/// The flows that the switch will end, learned ones aside.
fn timed(net: &Running) -> Vec<String> {
    let flows = net.flows_with_stats(BRIDGE);
    flows.into_iter().filter(|f| head(f).contains("hard_timeout=") && !is_learned(f)).collect()
}

/// The flows that the switch learned for `rule`'s ports.
fn learned(net: &Running, port: u16) -> Vec<String> {
    let of = format!("tp_src={port}");
    let flows = net.flows_with_stats(BRIDGE);
    flows.into_iter().filter(|f| is_learned(f) && head(f).contains(&of)).collect()
}

/// A flow without its actions, in which a learner has the same words.
fn head(flow: &str) -> &str {
    flow.split(" actions=").next().unwrap_or_default()
}

/// A number that a flow's line says.
fn number(flow: &str, key: &str) -> f64 {
    let rest = flow.split(&format!("{key}=")).nth(1).unwrap_or_else(|| panic!("no {key}: {flow}"));
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().unwrap_or_else(|_| panic!("{key}: {flow}"))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock")
}

fn drift(net: &Running) -> f64 {
    net.metric(&format!("portcullis_drift_repaired_total{{bridge=\"{BRIDGE}\"}}"))
}

/// The lines of the controller's log with all of these words.
fn logged(net: &Running, words: &[&str]) -> usize {
    net.controller.output().lines().filter(|l| words.iter().all(|w| l.contains(w))).count()
}
