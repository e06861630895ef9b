//! `portcullis parse-flow` and `parse-flows`: what a flow's text means, in OpenFlow's words or bytes.

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::ExitCode;

use clap::{ArgAction, Args};
use miette::{Context as _, IntoDiagnostic as _};
use ofctl::ofp_print::print_message;
use ofctl::syntax::{NoNames, Parsed, Protocols, parse_flow_with_warnings};
use ofproto::message::FlowModCommand;
use ofproto::{Message, Xid};

use super::Failure;
use super::output::print;
use super::syntax::{in_text, warn};

/// How a flow is shown.
#[derive(Debug, Args)]
struct FlowStyle {
    /// The bytes of the flow_mod instead of its text, a line each.
    #[arg(long)]
    hex: bool,
    /// More of every message; from five times on its bytes too.
    #[arg(short, long, action = ArgAction::Count)]
    more: u8,
}

/// Print a flow as `ovs-ofctl -O OpenFlow13 parse-flow` does: the flow_mod that adds it.
#[derive(Debug, Args)]
pub(super) struct ParseFlow {
    /// The flow, in the syntax of `ovs-ofctl add-flow`.
    flow: String,
    #[command(flatten)]
    shown: FlowStyle,
}

/// Print the flows of a file as `ovs-ofctl -O OpenFlow13 parse-flows` does.
#[derive(Debug, Args)]
pub(super) struct ParseFlows {
    /// A file with a flow a line, `#` before remarks; `-` for standard input.
    file: String,
    #[command(flatten)]
    shown: FlowStyle,
}

impl ParseFlow {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let text = show(&[(0, &self.flow)], "the flow", &self.flow, &self.shown)?;
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl ParseFlows {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let mut bytes = Vec::new();
        if self.file == "-" {
            std::io::stdin().read_to_end(&mut bytes).into_diagnostic()?;
        } else {
            bytes = std::fs::read(&self.file).into_diagnostic().wrap_err_with(|| self.file.clone())?;
        }
        let text = String::from_utf8_lossy(&bytes);
        print(&show(&lines(&text), &self.file, &text, &self.shown)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The lines that say something, and where each begins: without remarks, and blanks before and behind.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let said = line.split('#').next().unwrap_or_default();
        let trimmed = said.trim_start();
        let at = start + said.len() - trimmed.len();
        if !trimmed.trim_end().is_empty() {
            lines.push((at, trimmed.trim_end()));
        }
        start += line.len() + 1;
    }
    lines
}

/// The text about flows that stand at these places of `text`, which is `what`.
fn show(lines: &[(usize, &str)], what: &str, text: &str, shown: &FlowStyle) -> Result<String, Failure> {
    let mut out = String::new();
    let mut usable = Protocols::ANY;
    for (xid, (start, line)) in (1..).zip(lines) {
        let parsed = parse_flow_with_warnings(line, &NoNames);
        let Parsed { flow, warnings, usable: here } = parsed.map_err(|mut error| {
            error.span = error.span.start + start..error.span.end + start;
            in_text(&error, what, text)
        })?;
        warn(&warnings, what);
        usable = usable.and(here);
        let message = Message::FlowMod(flow.to_flow_mod(FlowModCommand::Add));
        let bytes = message.encode(Xid(xid)).into_diagnostic().wrap_err_with(|| (*line).to_owned())?;
        if shown.hex {
            let _ = writeln!(out, "{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
        } else {
            out.push_str(&print_message(&bytes, shown.more, &NoNames));
        }
    }
    if shown.hex {
        return Ok(out);
    }
    Ok(format!("usable protocols: {usable}\nchosen protocol: OXM-OpenFlow13\n{out}"))
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn remarks_and_blanks_are_passed_over() {
        let text = "# one\n\n  a b # c\nd\n   \t\n";
        assert_eq!(lines(text), [(9, "a b"), (17, "d")]);
        assert_eq!(text.get(17..18), Some("d"));
    }
}
