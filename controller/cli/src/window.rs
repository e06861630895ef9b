//! `portcullis window`: the time for which `temp` allows are open.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use miette::IntoDiagnostic as _;
use portcullis::windows::{parse_duration, words};
use serde_json::{Value, json};

use super::control::{Control, segment};
use super::{Failure, output};

/// Open and close the windows of a running controller: the time for which the `temp` allows of its network file are open.
///
/// A window closes by itself when its time is over, also while the controller does not run.
#[derive(Debug, Args)]
pub(super) struct WindowArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open a window for a while.
    Open {
        /// Its name: the `temp` of the allows that it opens.
        name: String,
        /// For how long: 45s, 30m, 2h, 1d, 1h30m; at most 30d.
        #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true)]
        duration: String,
        /// Why, for those who read the log.
        #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
        reason: String,
        /// Keep it open for so long from now on, if it is open.
        #[arg(long)]
        extend: bool,
        #[command(flatten)]
        control: Control,
    },
    /// Close a window before its time.
    Close {
        /// Its name.
        name: String,
        #[command(flatten)]
        control: Control,
    },
    /// Show which windows there are, and which are open.
    List {
        /// Print the API's JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        control: Control,
    },
}

impl WindowArgs {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        match self.command {
            Command::Open { name, duration, reason, extend, control } => {
                // Errors that need no controller are reported at once.
                parse_duration(&duration).map_err(|e| miette::miette!(help = e.help(), "{e}"))?;
                let body = json!({ "name": name, "for": duration, "reason": reason, "extend": extend });
                let window = control.ask("POST", "/api/windows", Some(&body))?;
                output::print(&line(&window))?;
            }
            Command::Close { name, control } => {
                let window = control.ask("DELETE", &format!("/api/windows/{}", segment(&name)), None)?;
                output::print(&line(&window))?;
            }
            Command::List { json, control } => {
                let list = control.ask("GET", "/api/windows", None)?;
                if json {
                    let text = serde_json::to_string_pretty(&list).into_diagnostic()?;
                    output::print(&format!("{text}\n"))?;
                } else {
                    let windows = list.get("windows").and_then(Value::as_array).into_iter().flatten();
                    output::print(&windows.map(line).collect::<String>())?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A window in a line, and the rules that it opens in another.
pub(super) fn line(window: &Value) -> String {
    let word = |key: &str| window.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut text = format!("window {}: ", word("name"));
    if window.get("open").and_then(Value::as_bool) == Some(true) {
        let left = window.get("seconds_left").and_then(Value::as_u64).unwrap_or_default();
        text += &format!(
            "OPEN until {} ({} left), by {}: {}\n",
            word("until"),
            words(left),
            word("who"),
            word("reason")
        );
    } else {
        text += "closed\n";
    }
    let list = |key: &str| {
        let list = window.get(key).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let rules = list("rules");
    if !rules.is_empty() {
        text += &format!("  opens {}\n", rules.join(", "));
    }
    for bridge in list("pending") {
        text += &format!("  not yet so on {bridge}\n");
    }
    text
}
