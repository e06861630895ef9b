//! `portcullis dump-flows`: what a switch has.

mod explain;
mod json;
mod order;
mod rate;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use miette::miette;
use ofctl::syntax::{Criterion, Names, NoNames, PortNames, SortKey, parse_request, print_stats};
use ofproto::Xid;
use ofproto::message::multipart::{FlowStats, FlowStatsRequest, MultipartRequestBody};
use portcullis::bridge::Ports;
use portcullis::net::{Client, ClientError, RawFlow};

use self::explain::BridgeRules;
use self::rate::Rates;
use super::output::BufferedOutput;
use super::target::{connect, names};
use super::{Failure, finding, syntax};

/// Largest dump that is sorted, in bytes on the wire: some million flows.
const MAX_SORTED: usize = 512 << 20;

/// Print the flows of a switch as `ovs-ofctl -O OpenFlow13 --names dump-flows` does.
///
/// MATCH selects flows as it does for `ovs-ofctl`: match fields of ovs-fields(7), table=, cookie=VALUE/MASK, out_port= and
/// out_group=. Flows are printed as they come from the switch, unless they are sorted. With --no-names the text is that of
/// `ovs-ofctl --no-names dump-flows`, which begins each message of the reply with a line of its own.
#[derive(Debug, Args)]
pub(super) struct DumpFlows {
    #[command(flatten)]
    order: order::Order,
    /// Port numbers in place of names.
    #[arg(long, overrides_with = "names")]
    no_names: bool,
    /// Names in place of port numbers: the default.
    #[arg(long)]
    names: bool,
    /// Leave out duration, packets and bytes.
    #[arg(long)]
    no_stats: bool,
    /// One JSON array, an object a line.
    #[arg(long)]
    json: bool,
    /// Say behind each flow which rule of this network file it comes from.
    #[arg(long, value_name = "FILE")]
    explain: Option<PathBuf>,
    /// Dump twice, so many seconds apart, and print packets and bits per second of each flow in between.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    rate: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|s: f64| Duration::try_from_secs_f64(s).ok());
    seconds
        .filter(|s| !s.is_zero() && *s <= Duration::from_secs(86_400))
        .ok_or_else(|| "seconds, such as 5 or 0.5, at most a day".to_owned())
}

impl DumpFlows {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let Some(target) = self.order.words.first() else {
            return Err(miette!(help = "portcullis dump-flows TARGET [MATCH]", "dump-flows needs a TARGET"));
        };
        if let Some(unknown) = &self.order.unknown {
            return Err(miette!(
                help = "a field of ovs-fields(7), such as nw_src or in_port, or priority",
                "{unknown:?} is no field to sort by"
            ));
        }
        let policy = self.explain.as_deref().map(finding::load).transpose()?;
        let mut client = connect(target).map_err(|failure| self.order.doubt(failure))?;
        let ports = if self.no_names && policy.is_none() { Vec::new() } else { client.ports()? };
        let ports = Ports::new(&ports);
        let table = if self.no_names { ports.names() } else { names(&mut client, &ports)? };
        let request = self.request(&table)?;
        let rules = policy.as_ref().map(|policy| BridgeRules::new(policy, &ports)).transpose()?;
        let rates = match self.rate {
            None => None,
            Some(interval) => {
                let before = Rates::new(&mut client, request.clone())?;
                std::thread::sleep(interval);
                // A switch may have dropped a connection that was silent for so long.
                client = connect(target)?;
                Some(before)
            }
        };
        let names: &dyn Names = if self.no_names { &NoNames } else { &table };
        let printer = Printer { names, stats: !self.no_stats, json: self.json, rules, rates, rows: false };
        self.print(&mut client, request, printer)?;
        Ok(ExitCode::SUCCESS)
    }

    fn request(&self, table: &PortNames) -> Result<FlowStatsRequest, Failure> {
        let text = self.order.words.get(1).map_or("", String::as_str);
        let names: &dyn Names = if self.no_names { &NoNames } else { table };
        let parsed = parse_request(text, names);
        let (request, warnings) = parsed.map_err(|error| syntax::in_text(&error, "MATCH", text))?;
        syntax::warn(&warnings, "MATCH");
        Ok(request)
    }

    /// Prints what the switch answers.
    fn print(
        &self,
        client: &mut Client,
        request: FlowStatsRequest,
        mut printer: Printer<'_>,
    ) -> Result<(), Failure> {
        let mut out = BufferedOutput::new();
        // The transaction is part of what ovs-ofctl prints, and this is the one that it uses.
        let xid = Xid(2);
        let body = MultipartRequestBody::Flow(request);
        let criteria = self.order.criteria.as_slice();
        let plain = !self.json && printer.rules.is_none() && printer.rates.is_none();
        let headers = self.no_names && !self.no_stats && plain && criteria.is_empty();
        let mut sorted = SortedFlows::default();
        printer.begin(&mut out)?;
        client.parts::<Failure>(xid, body, |part| {
            if headers {
                let more = if part.more { " flags=[more]" } else { "" };
                out.text(&format!("OFPST_FLOW reply (OF1.3) (xid={:#x}):{more}\n", xid.0))?;
            }
            for flow in part.flows() {
                let flow = flow.map_err(ClientError::from)?;
                let stats = flow.decode().map_err(ClientError::from)?;
                if criteria.is_empty() {
                    printer.flow(&mut out, &stats)?;
                } else {
                    sorted.add(&stats, flow, criteria)?;
                }
            }
            Ok(())
        })?;
        for flow in sorted.into_flows() {
            printer.flow(&mut out, &flow.decode().map_err(ClientError::from)?)?;
        }
        printer.end(&mut out)?;
        out.flush()
    }
}

/// Flows that wait to be sorted, as they came.
#[derive(Default)]
struct SortedFlows {
    flows: Vec<(SortKey, RawFlow)>,
    bytes: usize,
}

impl SortedFlows {
    fn add(&mut self, stats: &FlowStats, flow: RawFlow, criteria: &[Criterion]) -> Result<(), Failure> {
        self.bytes += flow.size();
        if self.bytes > MAX_SORTED {
            return Err(miette!(
                help = "without --sort nothing is kept",
                "more than {MAX_SORTED} bytes of flows: too much to sort"
            ));
        }
        self.flows.push((SortKey::new(stats, criteria), flow));
        Ok(())
    }

    /// Equal ones stay in the order in which they came.
    fn into_flows(mut self) -> impl Iterator<Item = RawFlow> {
        self.flows.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.flows.into_iter().map(|(_, flow)| flow)
    }
}

/// How flows are printed.
struct Printer<'a> {
    names: &'a dyn Names,
    stats: bool,
    json: bool,
    rules: Option<BridgeRules>,
    rates: Option<Rates>,
    /// True if a row of JSON was printed.
    rows: bool,
}

impl Printer<'_> {
    fn begin(&mut self, out: &mut BufferedOutput) -> Result<(), Failure> {
        if self.json { out.text("[") } else { Ok(()) }
    }

    fn flow(&mut self, out: &mut BufferedOutput, stats: &FlowStats) -> Result<(), Failure> {
        let rate = self.rates.as_ref().map(|rates| rates.of(stats));
        if self.json {
            return self.row(out, stats, rate);
        }
        let mut line = print_stats(stats, self.names, self.stats);
        if let Some(rate) = rate {
            rate.put_into(&mut line);
        }
        line.push('\n');
        if let Some(rules) = &self.rules {
            line.push_str("    # ");
            line.push_str(&rules.explain(stats));
            line.push('\n');
        }
        out.text(&line)
    }

    fn end(&mut self, out: &mut BufferedOutput) -> Result<(), Failure> {
        if self.json { out.text(if self.rows { "\n]\n" } else { "]\n" }) } else { Ok(()) }
    }
}
