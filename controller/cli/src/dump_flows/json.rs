//! `--json`: one array, an object a line, so that it can be read as a whole or as it comes.

use flows::Flow;
use miette::IntoDiagnostic as _;
use ofctl::syntax::{print_actions, print_match};
use ofproto::message::multipart::FlowStats;
use serde::Serialize;

use super::explain::FlowSource;
use super::rate::Rate;
use super::{BufferedOutput, Failure, Printer};

/// A flow.
#[derive(Debug, Serialize)]
struct FlowRow {
    table: u8,
    priority: u16,
    cookie: String,
    idle_timeout: u16,
    hard_timeout: u16,
    /// OFPFF_ bits.
    flags: u16,
    #[serde(rename = "match")]
    matches: String,
    actions: String,
    #[serde(flatten)]
    counters: Option<Counters>,
    #[serde(flatten)]
    rate: Option<Rate>,
    /// Null for a flow that is not of the file; not there without a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Option<FlowSource>>,
}

#[derive(Debug, Serialize)]
struct Counters {
    duration_seconds: f64,
    packets: u64,
    bytes: u64,
}

impl Printer<'_> {
    /// Prints a flow as an object.
    pub(super) fn row(
        &mut self,
        out: &mut BufferedOutput,
        stats: &FlowStats,
        rate: Option<Rate>,
    ) -> Result<(), Failure> {
        let flow = Flow::from_stats(stats);
        let row = FlowRow {
            table: flow.table.0,
            priority: flow.priority,
            cookie: flow.cookie.to_string(),
            idle_timeout: flow.idle_timeout,
            hard_timeout: flow.hard_timeout,
            flags: flow.flags,
            matches: print_match(&flow.matches, self.names),
            actions: print_actions(&flow.instructions, self.names),
            counters: self.stats.then(|| Counters {
                duration_seconds: super::rate::seconds(stats),
                packets: stats.packet_count,
                bytes: stats.byte_count,
            }),
            rate,
            origin: self.rules.as_ref().map(|rules| rules.source(stats)),
        };
        let text = serde_json::to_string(&row).into_diagnostic()?;
        out.text(if std::mem::replace(&mut self.rows, true) { ",\n" } else { "\n" })?;
        out.text(&text)
    }
}
