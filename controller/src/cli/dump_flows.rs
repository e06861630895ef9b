//! `portcullis dump-flows`: what a switch has.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use flows::Flow;
use flows::compile::Origin;
use flows::syntax::{Names, NoNames, PortNames, parse_match, print_actions, print_match, print_stats};
use miette::{IntoDiagnostic as _, miette};
use ofproto::message::multipart::{FlowStats, FlowStatsRequest};
use ofproto::{Cookie, GroupId, PortNo, TableId};
use serde_json::json;

use super::target::connect;
use super::{Failure, finding, output};
use crate::bridge::{Compiled, Ports};
use crate::policy::Policy;

/// Print the flows of a switch as `ovs-ofctl -O OpenFlow13 --names dump-flows` does.
#[derive(Debug, Args)]
pub(super) struct DumpFlows {
    /// A bridge's name, unix:PATH or tcp:ADDRESS:PORT.
    target: String,
    /// Only these flows: match fields, table=, cookie=VALUE/MASK, out_port=, out_group=.
    #[arg(value_name = "MATCH")]
    matches: Option<String>,
    /// Port numbers in place of names.
    #[arg(long)]
    no_names: bool,
    /// Leave out duration, packets and bytes.
    #[arg(long)]
    no_stats: bool,
    /// One JSON array.
    #[arg(long)]
    json: bool,
    /// Say behind each flow which rule of this network file it comes from.
    #[arg(long, value_name = "FILE")]
    explain: Option<PathBuf>,
}

impl DumpFlows {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let policy = match self.explain.as_deref().map(Policy::load).transpose() {
            Ok(policy) => policy,
            Err(error) => {
                finding::print_error(&error);
                return Ok(ExitCode::FAILURE);
            }
        };
        let mut client = connect(&self.target)?;
        let ports = Ports::new(&client.connected.ports);
        let table = ports.names();
        let request = request(self.matches.as_deref().unwrap_or_default(), &table)?;
        let flows = client.flows(request).into_diagnostic()?;
        let compiled = match (&policy, ports.bridge()) {
            (Some(policy), Some(bridge)) if policy.owns(bridge) => {
                Some(Compiled::new(policy.compile(bridge, &ports.by_name())))
            }
            (Some(policy), bridge) => {
                let bridge = bridge.unwrap_or("?");
                return Err(miette!("{} says nothing about the flows of {bridge}", policy.path.display()));
            }
            (None, _) => None,
        };
        let names: &dyn Names = if self.no_names { &NoNames } else { &table };
        let mut out = String::new();
        if self.json {
            let rows: Vec<_> = flows.iter().map(|f| self.row(f, names, compiled.as_ref())).collect();
            out = serde_json::to_string_pretty(&rows).into_diagnostic()?;
            out.push('\n');
        } else {
            for flow in &flows {
                let _ = writeln!(out, "{}", print_stats(flow, names, !self.no_stats));
                if let Some(compiled) = &compiled {
                    let _ = writeln!(out, "    # {}", explanation(flow, compiled));
                }
            }
        }
        output::print(&out)?;
        Ok(ExitCode::SUCCESS)
    }

    fn row(&self, stats: &FlowStats, names: &dyn Names, compiled: Option<&Compiled>) -> serde_json::Value {
        let flow = Flow::from_stats(stats);
        let mut row = json!({
            "table": flow.table.0,
            "priority": flow.priority,
            "cookie": flow.cookie.to_string(),
            "idle_timeout": flow.idle_timeout,
            "hard_timeout": flow.hard_timeout,
            "flags": flow.flags,
            "match": print_match(&flow.matches, names),
            "actions": print_actions(&flow.instructions, names),
        });
        let Some(object) = row.as_object_mut() else { return row };
        if !self.no_stats {
            let age = f64::from(stats.duration_sec) + f64::from(stats.duration_nsec) / 1e9;
            object.insert("duration_seconds".to_owned(), json!(age));
            object.insert("packets".to_owned(), json!(stats.packet_count));
            object.insert("bytes".to_owned(), json!(stats.byte_count));
        }
        if let Some(compiled) = compiled {
            let learned = compiled.twin(&flow).is_none();
            let origin = compiled.origin(&flow).map(|o| {
                json!({
                    "kind": o.kind.label(),
                    "rule": o.rule,
                    "reason": o.reason.map(|r| r.label()),
                    "detail": o.detail,
                    "learned": learned,
                })
            });
            object.insert("origin".to_owned(), origin.unwrap_or(serde_json::Value::Null));
        }
        row
    }
}

/// Which rule a flow comes from, in words.
fn explanation(stats: &FlowStats, compiled: &Compiled) -> String {
    let flow = Flow::from_stats(stats);
    let Some(Origin { kind, rule, reason, detail }) = compiled.origin(&flow) else {
        return "not of the file: the controller would delete it".to_owned();
    };
    let learned = if compiled.twin(&flow).is_none() { "learned by " } else { "" };
    let reason = reason.map_or_else(String::new, |r| format!(" (drops: {})", r.label()));
    format!("{learned}{} {rule}{reason}: {detail}", kind.label())
}

/// What `ovs-ofctl dump-flows` takes as its second word.
fn request(text: &str, names: &PortNames) -> Result<FlowStatsRequest, Failure> {
    let mut request = FlowStatsRequest::default();
    let mut rest = Vec::new();
    for word in text.split([',', ' ']).filter(|w| !w.is_empty()) {
        let bad = || miette!("{word:?} is no number or port");
        match word.split_once('=') {
            Some(("table", table)) => request.table_id = TableId(number(table).ok_or_else(bad)?),
            Some(("cookie", cookie)) => {
                let (value, mask) = cookie.split_once('/').unwrap_or((cookie, "-1"));
                request.cookie = Cookie(number(value).ok_or_else(bad)?);
                request.cookie_mask = if mask == "-1" { u64::MAX } else { number(mask).ok_or_else(bad)? };
            }
            Some(("out_port", port)) => request.out_port = port_number(port, names).ok_or_else(bad)?,
            Some(("out_group", group)) => request.out_group = GroupId(number(group).ok_or_else(bad)?),
            _ => rest.push(word),
        }
    }
    request.fields = parse_match(&rest.join(","), names).map_err(|error| miette!("{error}"))?.to_wire();
    Ok(request)
}

/// A decimal or hexadecimal number that fits.
fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let value = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => text.parse().ok()?,
    };
    T::try_from(value).ok()
}

fn port_number(text: &str, names: &PortNames) -> Option<PortNo> {
    if text.eq_ignore_ascii_case("LOCAL") {
        return Some(PortNo::LOCAL);
    }
    names.port_by_name(text).or_else(|| number(text).map(PortNo))
}
