//! `portcullis denied`: who tried to reach what, and was refused.

use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;
use portcullis::api_client::{ApiAddress, fetch};
use serde_json::Value;

use super::control::segment;
use super::{Failure, output};

/// Show who tried to reach what and was refused, by which rule, and what would allow it.
///
/// Of bridges with `sample_denied` in the network file. It shows samples: there may have been more packets.
#[derive(Debug, Args)]
pub(super) struct DeniedArgs {
    /// Of this bridge alone.
    #[arg(long)]
    bridge: Option<String>,
    /// The controller's API: [tcp:]ADDRESS:PORT or unix:PATH.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9653")]
    api: ApiAddress,
    /// Print the API's JSON.
    #[arg(long)]
    json: bool,
}

impl DeniedArgs {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let query = self.bridge.as_deref().map(|bridge| format!("?bridge={}", segment(bridge)));
        let text =
            fetch(&self.api, &format!("/api/denied{}", query.unwrap_or_default())).into_diagnostic()?;
        let list: Value = serde_json::from_str(&text).into_diagnostic()?;
        if self.json {
            output::print(&(text + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let denied = list.get("denied").and_then(Value::as_array).into_iter().flatten();
        output::print(&denied.map(paragraph).collect::<String>())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the lines about one denied packet.
fn paragraph(denied: &Value) -> String {
    let word = |key: &str| denied.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| denied.get(key).and_then(Value::as_u64);
    let party = |name: &str, address: &str| match (word(name), word(address)) {
        ("", "") => "somebody".to_owned(),
        (name, "") => name.to_owned(),
        ("", address) => address.to_owned(),
        (name, address) => format!("{name} ({address})"),
    };
    let port = number("to_port").map(|port| format!(" {port}")).unwrap_or_default();
    let samples = number("samples").unwrap_or_default();
    let mut text = format!(
        "{} -> {}: {}{port} by {} of {}, {samples} sample{}, last {}\n",
        party("from", "from_address"),
        party("to", "to_address"),
        word("protocol"),
        word("port"),
        word("bridge"),
        if samples == 1 { "" } else { "s" },
        word("last"),
    );
    let rule = match (word("kind"), word("rule")) {
        (kind, rule) if kind == rule => kind.to_owned(),
        (kind, rule) => format!("{kind} {rule}"),
    };
    text += &format!("  denied by {rule} ({}): {}\n", word("reason"), word("detail"));
    for line in word("allow").lines() {
        text += &format!("    {line}\n");
    }
    if !word("help").is_empty() {
        text += &format!("  {}\n", word("help"));
    }
    text
}
