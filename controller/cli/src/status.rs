//! `portcullis status`: how a running controller stands.

use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;
use portcullis::api_client::{ApiAddress, fetch};
use serde_json::Value;

use super::{Failure, output, window};

/// Show how a running controller and its bridges stand.
///
/// Exit code 1 when a bridge is not connected, not settled or not isolated, or when another switch
/// claims it. Also when several of its ports have a name that the file gives to one. Also when the
/// newest file was refused, the controller's state is lost, or an assertion is violated on the
/// installed flows.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The controller's API: [tcp:]ADDRESS:PORT or unix:PATH.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9653")]
    api: ApiAddress,
    /// Print the API's JSON.
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let text = fetch(&self.api, "/api/status").into_diagnostic()?;
        let report: Value = serde_json::from_str(&text).into_diagnostic()?;
        let refused = word(&report, "refused");
        let lost = word(&report, "state_lost");
        let well = refused.is_empty()
            && lost.is_empty()
            && proof(&report).is_none_or(|proof| words(proof, "violated").is_empty())
            && bridges(&report).all(|b| {
                ["connected", "settled", "isolated"].iter().all(|k| is(b, k))
                    && words(b, "ambiguous_ports").is_empty()
                    && !faults(b).any(|fault| word(fault, "verdict") == "CONTESTED")
            });
        let mut out = String::new();
        if self.json {
            out = text + "\n";
        } else {
            out += &format!("portcullis {}, {}\n", word(&report, "version"), word(&report, "file"));
            if !refused.is_empty() {
                out += "the file as it is now was NOT TAKEN; the one before it stays in force:\n";
                for line in refused.lines() {
                    out += &format!("  {line}\n");
                }
            }
            if !lost.is_empty() {
                out += &format!("the controller has NO STATE: {lost}\n");
            }
            out += &proof(&report).map(proof_lines).unwrap_or_default();
            let windows = report.get("windows").and_then(Value::as_array).into_iter().flatten();
            for window in windows.filter(|window| is(window, "open")) {
                out += &window::line(window);
            }
            for bridge in bridges(&report) {
                out += &paragraph(bridge);
            }
        }
        output::print(&out)?;
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn proof(report: &Value) -> Option<&Value> {
    report.get("proof").filter(|proof| proof.is_object())
}

/// Returns what holds on the installed flows.
fn proof_lines(proof: &Value) -> String {
    let (violated, unknown) = (words(proof, "violated"), words(proof, "unknown"));
    let mut text = format!(
        "assertions on the installed flows: {} hold, {} violated, {} unknown; proven {} s ago\n",
        number(proof, "holding"),
        violated.len(),
        unknown.len(),
        number(proof, "age_seconds"),
    );
    if !violated.is_empty() {
        text += &format!("  VIOLATED: {}; `portcullis verify` shows how\n", violated.join(", "));
    }
    text
}

fn bridges(report: &Value) -> impl Iterator<Item = &Value> {
    report.get("bridges").and_then(Value::as_array).into_iter().flatten()
}

fn is(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn words<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    let list = value.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn faults(bridge: &Value) -> impl Iterator<Item = &Value> {
    bridge.get("faults").and_then(Value::as_array).into_iter().flatten()
}

/// Returns the lines about one bridge.
fn paragraph(bridge: &Value) -> String {
    let ambiguous = words(bridge, "ambiguous_ports");
    let connected = match (is(bridge, "connected"), is(bridge, "settled")) {
        (true, true) if ambiguous.is_empty() => "connected, as the file says",
        (true, true) => "connected, as the file says but for AMBIGUOUS PORTS",
        (true, false) => "connected, NOT YET as the file says",
        (false, _) => "NOT CONNECTED",
    };
    let isolated = if is(bridge, "isolated") { "" } else { ", NOT ISOLATED" };
    let mut text = format!(
        "{}: {connected}{isolated}; {} flows, {} of them learned; {} changes by others put back\n",
        word(bridge, "name"),
        number(bridge, "flows"),
        number(bridge, "learned"),
        number(bridge, "drift_repaired"),
    );
    let missing = words(bridge, "missing_ports");
    if !missing.is_empty() {
        text += &format!("  ports not there: {}\n", missing.join(", "));
    }
    if !ambiguous.is_empty() {
        text += &format!(
            "  AMBIGUOUS PORTS: {}: several ports have this name (its first 15 bytes), and none gets its rights\n",
            ambiguous.join(", ")
        );
    }
    for bound in bridge.get("full").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        text += &format!("  return flows FULL: {bound}\n");
    }
    for fault in faults(bridge) {
        let (kind, detail) = (word(fault, "kind"), word(fault, "detail"));
        let verdict = word(fault, "verdict");
        text += &format!("  {verdict} ({kind}): {detail}\n    {}\n", word(fault, "remedy"));
    }
    if !word(bridge, "last_error").is_empty() {
        text += &format!("  last error: {}\n", word(bridge, "last_error"));
    }
    text
}
