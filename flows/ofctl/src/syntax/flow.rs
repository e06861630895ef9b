//! Parses a whole line.

use flow_model::{DEFAULT_PRIORITY, Flow, FlowMatch};
use ofproto::message::{
    FLOW_CHECK_OVERLAP, FLOW_NO_BYT_COUNTS, FLOW_NO_PKT_COUNTS, FLOW_RESET_COUNTS, FLOW_SEND_FLOW_REM,
};
use ofproto::oxm::Field;
use ofproto::{Cookie, TableId};

use super::Context;
use super::actions::parse_instructions;
use super::matching::MatchReader;
use super::protocols::Protocols;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind, Warning};
use crate::syntax::lex::names::Names;
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;
use crate::syntax::matching::suggest;

/// The words for flags.
pub(super) const FLAGS: [(&str, u16); 5] = [
    ("send_flow_rem", FLOW_SEND_FLOW_REM),
    ("check_overlap", FLOW_CHECK_OVERLAP),
    ("reset_counts", FLOW_RESET_COUNTS),
    ("no_packet_counts", FLOW_NO_PKT_COUNTS),
    ("no_byte_counts", FLOW_NO_BYT_COUNTS),
];

/// Keys of a dump that do not affect an added flow.
pub(super) const IGNORED: [&str; 5] = ["duration", "n_packets", "n_bytes", "idle_age", "hard_age"];

/// A flow, with warnings about its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The flow.
    pub flow: Flow,
    /// The words whose meaning differs from their text, as `ovs-ofctl` reads them.
    pub warnings: Vec<Warning>,
    /// The protocols of Open vSwitch that can express the line, by its words.
    pub usable: Protocols,
}

/// Parses a flow as `ovs-ofctl -O OpenFlow13 add-flow` does.
///
/// # Errors
/// [`SyntaxError`] names the first invalid word, its position, and a remedy.
pub fn parse_flow(line: &str, names: &dyn Names) -> Result<Flow, SyntaxError> {
    parse_flow_with_warnings(line, names).map(|parsed| parsed.flow)
}

/// Parses a flow like [`parse_flow`], and warns about parts that Open vSwitch will not match or
/// keep.
///
/// # Errors
/// Returns the errors of [`parse_flow`].
pub fn parse_flow_with_warnings(line: &str, names: &dyn Names) -> Result<Parsed, SyntaxError> {
    let cx = Context::new(line, names);
    let Some((head, actions)) = split_actions(line) else {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, line, "the flow does not say what it does")
            .help("end it with actions=…, for example actions=drop or actions=output:2"));
    };
    let mut flow = Flow::new(TableId(0), DEFAULT_PRIORITY, FlowMatch::any());
    let mut matches = MatchReader::default();
    for pair in token::pairs(head) {
        let taken = flag(&cx, pair, &mut flow)? || matches.take(&cx, pair)?;
        if !taken {
            property(&cx, pair, &mut flow)?;
        }
    }
    flow.instructions = parse_instructions(&cx, actions, matches.fields(), flow.table)?;
    refuse_internal(&cx, &matches)?;
    flow.matches = matches.finish_flow(&cx)?;
    if matches.fields().is_younger_ipv6() {
        cx.narrow(Protocols::NXM_OR_OXM);
    }
    Ok(Parsed { flow, usable: cx.usable.get(), warnings: cx.warnings.into_inner() })
}

/// Parses a match as `ovs-ofctl dump-flows BRIDGE MATCH` does, except for `table`, `cookie`,
/// `out_port` and `out_group`, which select in another way.
///
/// # Errors
/// [`SyntaxError`] names the first invalid word.
pub fn parse_match(text: &str, names: &dyn Names) -> Result<FlowMatch, SyntaxError> {
    let cx = Context::new(text, names);
    let mut matches = MatchReader::default();
    for pair in token::pairs(text) {
        if !matches.take(&cx, pair)? {
            return Err(unknown(&cx, pair));
        }
    }
    matches.finish(&cx)
}

/// Refuses the two fields that Open vSwitch reserves for itself. A switch answers OFPBRC_EPERM to
/// flows that match them.
fn refuse_internal(cx: &Context<'_>, matches: &MatchReader<'_>) -> Result<(), SyntaxError> {
    let internal = |field: Field| matches.fields().place(field).is_some_and(|bits| bits.mask != 0);
    let recirculated = matches.fields().place(Field::RecircId).is_some_and(|bits| bits.value != 0);
    let name = match () {
        () if internal(Field::DpHash) => "dp_hash",
        () if recirculated => "recirc_id",
        () => return Ok(()),
    };
    let word = matches.word(if name == "dp_hash" { Field::DpHash } else { Field::RecircId });
    let message = format!("{name} is internal to Open vSwitch and cannot be matched");
    Err(cx.error(SyntaxErrorKind::Inconsistent, word.unwrap_or(cx.line), message))
}

/// Splits the line at `actions=`.
fn split_actions(line: &str) -> Option<(&str, &str)> {
    line.match_indices("action").find_map(|(at, word)| {
        let (head, tail) = line.split_at_checked(at)?;
        // Not inside another word, such as a port's name.
        if head.ends_with(|c: char| c.is_ascii_alphanumeric() || "_-.\"".contains(c)) {
            return None;
        }
        let tail = tail.strip_prefix(word)?;
        let actions = tail.strip_prefix('s').unwrap_or(tail).trim_start().strip_prefix('=')?;
        Some((head, actions))
    })
}

fn flag(cx: &Context<'_>, pair: KeyValue<'_>, flow: &mut Flow) -> Result<bool, SyntaxError> {
    let Some((name, bit)) = FLAGS.iter().find(|(name, _)| *name == pair.key) else { return Ok(false) };
    if let Some(text) = pair.value {
        return Err(cx.error(SyntaxErrorKind::Syntax, text, format!("{name} takes no value")));
    }
    flow.flags |= bit;
    match *bit {
        FLOW_RESET_COUNTS => cx.narrow(Protocols::SINCE_12),
        FLOW_NO_PKT_COUNTS | FLOW_NO_BYT_COUNTS => cx.narrow(Protocols::SINCE_13),
        _ => {}
    }
    Ok(true)
}

fn property(cx: &Context<'_>, pair: KeyValue<'_>, flow: &mut Flow) -> Result<(), SyntaxError> {
    let text = pair.text();
    if text.is_empty() {
        return Err(unknown_or_empty(cx, pair));
    }
    match pair.key {
        "table" => {
            // 255 means "no table", as in `ovs-ofctl`.
            let table = cx.table("table", text)?;
            if table != TableId::ALL.0 {
                cx.narrow(Protocols::WITH_TABLE);
                flow.table = TableId(table);
            }
        }
        "priority" => flow.priority = cx.half("priority", text)?,
        "idle_timeout" => flow.idle_timeout = cx.half("idle_timeout", text)?,
        "hard_timeout" => flow.hard_timeout = cx.half("hard_timeout", text)?,
        "importance" => {
            cx.half("importance", text)?;
            cx.warn(pair.key, "importance is not kept: OpenFlow 1.3 has none");
        }
        "cookie" if text.contains('/') => {
            return Err(cx
                .error(SyntaxErrorKind::Syntax, text, "a flow that is added has a cookie without a mask")
                .help("cookie=0x5"));
        }
        "cookie" => flow.cookie = Cookie(cx.number("cookie", text, u64::MAX)?),
        key if IGNORED.contains(&key) => {}
        _ => return Err(unknown(cx, pair)),
    }
    Ok(())
}

fn unknown_or_empty(cx: &Context<'_>, pair: KeyValue<'_>) -> SyntaxError {
    const VALUED: [&str; 6] = ["table", "priority", "idle_timeout", "hard_timeout", "importance", "cookie"];
    if VALUED.contains(&pair.key) {
        let message = format!("{} needs a value", pair.key);
        return cx.error(SyntaxErrorKind::Syntax, pair.key, message).help(format!("{}=NUMBER", pair.key));
    }
    unknown(cx, pair)
}

fn unknown(cx: &Context<'_>, pair: KeyValue<'_>) -> SyntaxError {
    cx.error(SyntaxErrorKind::Syntax, pair.key, format!("unknown field {:?}", pair.key)).help(
        suggest::field(pair.key).unwrap_or_else(|| {
            "fields are those of ovs-fields(7), such as in_port, ip, nw_src, tcp or tp_dst".to_owned()
        }),
    )
}
