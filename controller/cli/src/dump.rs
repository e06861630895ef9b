//! The commands that ask a switch one question and print its answer, message by message, as `ovs-ofctl` does.

use std::process::ExitCode;

use clap::Args;
use miette::miette;
use ofctl::ofp_print::print_message;
use ofctl::syntax::{Names as _, NoNames, PortNames, parse_request};
use ofproto::message::Message;
use ofproto::message::multipart::{FlowStatsRequest, MultipartRequestBody};
use ofproto::{GroupId, MeterId, PortNo, Xid};
use portcullis::bridge::Ports;
use portcullis::net::Client;

use super::output::BufferedOutput;
use super::target::{connect, names};
use super::{Failure, syntax};

/// Verbosity of `ovs-ofctl` for a message in a dump.
const VERBOSITY: u8 = 1;
/// The transaction under which `ovs-ofctl` asks: it is a part of what it prints.
const FIRST: Xid = Xid(2);
/// That of `ovs-ofctl` when it asked for the names of ports and tables before.
const AFTER_NAMES: Xid = Xid(6);
/// That of `ovs-ofctl` when it looked for a port by its name before.
const AFTER_PORT: Xid = Xid(4);
/// All groups (OFPG_ALL) and all meters (OFPM13_ALL).
const ALL_GROUPS: GroupId = GroupId(0xffff_fffc);
const ALL_METERS: MeterId = MeterId(0xffff_ffff);

/// A switch, and how it is printed.
#[derive(Debug, Args)]
pub(super) struct Dump {
    /// A bridge's name, unix:PATH or tcp:ADDRESS[:PORT].
    target: String,
    #[command(flatten)]
    style: Style,
}

/// A switch, and one thing of it.
#[derive(Debug, Args)]
pub(super) struct DumpOne {
    /// A bridge's name, unix:PATH or tcp:ADDRESS[:PORT].
    target: String,
    /// Only this one: a number, or for a port its name; for dump-aggregate, flows as dump-flows takes them.
    which: Option<String>,
    #[command(flatten)]
    style: Style,
}

#[derive(Debug, Clone, Copy, Args)]
struct Style {
    /// Port numbers in place of names.
    #[arg(long, overrides_with = "names")]
    no_names: bool,
    /// Names in place of port numbers: the default.
    #[arg(long)]
    names: bool,
}

/// A switch that was called.
struct CalledSwitch {
    client: Client,
    names: PortNames,
    no_names: bool,
    out: BufferedOutput,
}

impl CalledSwitch {
    fn new(target: &str, style: Style) -> Result<Self, Failure> {
        let mut client = connect(target)?;
        let names = match style.no_names {
            true => PortNames::new(),
            false => {
                let ports = Ports::new(&client.ports()?);
                names(&mut client, &ports)?
            }
        };
        Ok(Self { client, names, no_names: style.no_names, out: BufferedOutput::new() })
    }

    fn print(&mut self, frame: &[u8]) -> Result<(), Failure> {
        self.out.text(&print_message(frame, VERBOSITY, &self.names))
    }

    /// Prints each part of an answer as it comes.
    fn parts(&mut self, xid: Xid, body: MultipartRequestBody) -> Result<(), Failure> {
        let (names, out) = (&self.names, &mut self.out);
        self.client.parts(xid, body, |part| out.text(&print_message(part.frame(), VERBOSITY, names)))
    }

    fn ask(&mut self, xid: Xid, message: &Message) -> Result<(), Failure> {
        let frame = self.client.ask(xid, message)?;
        self.print(&frame)
    }

    fn end(mut self) -> Result<ExitCode, Failure> {
        self.out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Dump {
    /// Asks one thing.
    pub(super) fn execute(self, body: MultipartRequestBody) -> Result<ExitCode, Failure> {
        let mut called = CalledSwitch::new(&self.target, self.style)?;
        called.parts(FIRST, body)?;
        called.end()
    }

    /// `show`: what the switch is, its ports and its configuration.
    pub(super) fn show(self) -> Result<ExitCode, Failure> {
        let mut called = CalledSwitch::new(&self.target, self.style)?;
        called.ask(FIRST, &Message::FeaturesRequest)?;
        called.parts(Xid(3), MultipartRequestBody::PortDesc)?;
        called.ask(Xid(if called.no_names { 5 } else { 9 }), &Message::GetConfigRequest)?;
        called.end()
    }
}

impl DumpOne {
    /// `dump-aggregate`.
    pub(super) fn aggregate(self) -> Result<ExitCode, Failure> {
        let mut called = CalledSwitch::new(&self.target, self.style)?;
        let text = self.which.as_deref().unwrap_or_default();
        let request =
            if called.no_names { parse_request(text, &NoNames) } else { parse_request(text, &called.names) };
        let (request, warnings): (FlowStatsRequest, _) =
            request.map_err(|error| syntax::in_text(&error, "MATCH", text))?;
        syntax::warn(&warnings, "MATCH");
        let named = self.which.is_some() && !called.no_names;
        called.parts(if named { AFTER_NAMES } else { FIRST }, MultipartRequestBody::Aggregate(request))?;
        called.end()
    }

    /// `dump-ports`.
    pub(super) fn ports(self) -> Result<ExitCode, Failure> {
        let mut called = CalledSwitch::new(&self.target, self.style)?;
        let (xid, port) = called.port(self.which.as_deref())?;
        called.parts(xid, MultipartRequestBody::PortStats(port))?;
        called.end()
    }

    /// `dump-ports-desc`. OpenFlow 1.3 describes all ports whatever is asked, so the others are left out only from
    /// OpenFlow 1.5 on.
    pub(super) fn ports_desc(self) -> Result<ExitCode, Failure> {
        let mut called = CalledSwitch::new(&self.target, self.style)?;
        let (xid, _) = called.port(self.which.as_deref())?;
        called.parts(xid, MultipartRequestBody::PortDesc)?;
        called.end()
    }

    /// `dump-groups`. OpenFlow 1.3 describes all groups whatever is asked.
    pub(super) fn groups(self) -> Result<ExitCode, Failure> {
        group(self.which.as_deref())?;
        let mut called = CalledSwitch::new(&self.target, self.style)?;
        called.parts(FIRST, MultipartRequestBody::GroupDesc)?;
        called.end()
    }

    /// `dump-group-stats`.
    pub(super) fn group_stats(self) -> Result<ExitCode, Failure> {
        let group = group(self.which.as_deref())?;
        let mut called = CalledSwitch::new(&self.target, self.style)?;
        let xid = if called.no_names { FIRST } else { AFTER_NAMES };
        called.parts(xid, MultipartRequestBody::Group(group))?;
        called.end()
    }

    /// `dump-meters` and `meter-stats`.
    pub(super) fn meters(self, body: fn(MeterId) -> MultipartRequestBody) -> Result<ExitCode, Failure> {
        let meter = number(self.which.as_deref(), "meter=", "meter")?.map_or(ALL_METERS, MeterId);
        let mut called = CalledSwitch::new(&self.target, self.style)?;
        called.parts(FIRST, body(meter))?;
        called.end()
    }
}

impl CalledSwitch {
    /// A port by number, reserved word or name, and the transaction under which `ovs-ofctl` asks for it.
    fn port(&self, which: Option<&str>) -> Result<(Xid, PortNo), Failure> {
        let Some(word) = which else { return Ok((FIRST, PortNo::ANY)) };
        let known = parse_request(&format!("out_port={word}"), &NoNames);
        if let Ok((request, _)) = known {
            return Ok((FIRST, request.out_port));
        }
        let port = self.names.port_by_name(word).map(|port| (AFTER_PORT, port));
        port.ok_or_else(|| match self.names.is_ambiguous(word) {
            true => miette!(help = "the port's number", "several ports have the name {word:?}"),
            false => miette!(help = "a number, a name or LOCAL", "unknown port {word:?}"),
        })
    }
}

/// A group by number, or all.
fn group(which: Option<&str>) -> Result<GroupId, Failure> {
    let word = which.map(|word| word.strip_prefix("group_id=").unwrap_or(word));
    match word {
        Some(word) if ["all", "any"].iter().any(|w| w.eq_ignore_ascii_case(word)) => Ok(ALL_GROUPS),
        _ => Ok(number(word, "", "group")?.map_or(ALL_GROUPS, GroupId)),
    }
}

fn number(which: Option<&str>, prefix: &str, what: &str) -> Result<Option<u32>, Failure> {
    let Some(word) = which else { return Ok(None) };
    let digits = word.strip_prefix(prefix).unwrap_or(word);
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed.map(Some).map_err(|_| miette!(help = format!("the number of a {what}"), "{word:?} is no {what}"))
}
