//! Reads the rules from the tree into the draft.

use crate::finding_code::FindingCode;
use crate::network::draft::{
    DraftAllow, DraftAlways, DraftChain, DraftConfine, DraftCrossing, DraftHop, DraftNever, Spanned,
};
use crate::network::read::check_value::{check_name, not_empty};
use crate::network::read::fields::{Fields, Keyword};
use crate::network::schema::file_schema;
use crate::network::schema::file_schema::SchemaTable;
use crate::network::text::report::{FindingReport, quote};
use crate::network::text::tree::{TreeNode, Value};
use crate::network::{Protocol, Returns, ViolationResponse};

/// Limits the hops of a chain and the alternatives of a hop, which are named by letters.
const MAX_HOPS: usize = 26;

impl Keyword for Protocol {
    fn of(word: &str) -> Option<Self> {
        Protocol::ALL.into_iter().find(|protocol| protocol.word() == word)
    }
}

impl Keyword for ViolationResponse {
    fn of(word: &str) -> Option<Self> {
        match word {
            "report" => Some(Self::Report),
            "isolate" => Some(Self::Isolate),
            _ => None,
        }
    }
}

/// The value of `returns`, or `None` if the key is missing.
#[derive(Default)]
struct MaybeReturns(Option<Returns>);

impl Keyword for MaybeReturns {
    fn of(word: &str) -> Option<Self> {
        match word {
            "connection" => Some(Self(Some(Returns::Connection))),
            "service" => Some(Self(Some(Returns::Service))),
            _ => None,
        }
    }
}

fn rule<'n, 't>(
    word: &str,
    node: &'n TreeNode<'t>,
    table: &'static SchemaTable,
    report: &mut FindingReport,
) -> Option<(Spanned<String>, Fields<'n, 't>)> {
    let mut fields = Fields::open(node, &node.span, format!("a rule [[{word}]]"), table, report)?;
    let name = match fields.required_text("name", "\"NAME\"", report) {
        Some(name) => name,
        // The rest of the rule is still read.
        None => return Some((Spanned { value: String::new(), span: node.span.clone() }, fields)),
    };
    check_name(&name, "the name of a rule", report);
    fields.rename(format!("{word} {}", quote(&name.value)), &name.span);
    Some((name, fields))
}

fn parties(fields: &Fields<'_, '_>, key: &str, report: &mut FindingReport) -> Vec<Spanned<String>> {
    if fields.required(key, "[\"NAME\"]", report).is_none() {
        return Vec::new();
    }
    not_empty(fields, key, report);
    fields.one_or_more_texts(key, report)
}

/// Reads protocol and ports. `default` is the protocol of a rule that names none; a misspelt one
/// yields `None`.
fn service(
    fields: &Fields<'_, '_>,
    default: Option<Protocol>,
    report: &mut FindingReport,
) -> (Option<Protocol>, Vec<Spanned<u16>>) {
    let protocol = if fields.has("protocol") { fields.optional_choice("protocol", report) } else { default };
    let mut ports = fields.port_numbers("ports", report);
    if fields.has("ports") {
        not_empty(fields, "ports", report);
        // A misspelt protocol has its own error, and may well have ports.
        if let Some(word) = match protocol {
            Some(Protocol::Any) => Some("any"),
            Some(Protocol::Icmp) => Some("icmp"),
            Some(Protocol::Dhcp) => Some("dhcp"),
            _ => None,
        } {
            let message = format!("{} has ports, and its protocol `{word}` has none", fields.what());
            let help = "say protocol = \"tcp\", \"udp\" or \"sctp\", or take the ports away";
            report.error(FindingCode::PortsWithoutProtocol, fields.span_of("ports"), message, help);
            ports.clear();
        }
    }
    (protocol, ports)
}

/// Reads a limit. In Open vSwitch a limit of 0 is no limit (ovs-actions(7), learn).
fn limit(fields: &Fields<'_, '_>, report: &mut FindingReport) -> Option<u32> {
    fields.optional_number("limit", 1, u32::MAX, report)
}

fn window(fields: &Fields<'_, '_>, report: &mut FindingReport) -> Option<Spanned<String>> {
    let name = fields.text("temp", report)?;
    check_name(&name, "the name of a window", report);
    Some(name)
}

fn returns(fields: &Fields<'_, '_>, report: &mut FindingReport) -> Option<Returns> {
    fields.optional_choice::<MaybeReturns>("returns", report)?.0
}

/// Reports a key that means nothing beside another one.
fn contradiction(fields: &Fields<'_, '_>, key: &str, why: &str, help: &str, report: &mut FindingReport) {
    if fields.has(key) {
        let message = format!("{} of {} contradicts {why}", quote(key), fields.what());
        report.error(FindingCode::ContradictingKeys, fields.span_of(key), message, help);
    }
}

pub(in crate::network) fn allow(node: &TreeNode<'_>, report: &mut FindingReport) -> Option<DraftAllow> {
    let (name, fields) = rule("allow", node, &file_schema::ALLOW, report)?;
    let (from, to) = (parties(&fields, "from", report), parties(&fields, "to", report));
    let (protocol, ports) = service(&fields, Some(Protocol::Any), report);
    let allow = DraftAllow {
        from,
        to,
        protocol,
        ports,
        purpose: fields.text("purpose", report).map(|text| text.value).unwrap_or_default(),
        limit: limit(&fields, report),
        temp: window(&fields, report),
        via: fields.text("via", report),
        returns: returns(&fields, report),
        overlay: fields.text("overlay", report),
        elsewhere: fields.text("elsewhere", report),
        ..DraftAllow::new(name)
    };
    if fields.has("overlay") {
        contradiction(&fields, "elsewhere", "its `overlay`", "keep one: it travels in one place", report);
    }
    for key in ["via", "limit", "returns"].into_iter().filter(|_| allow.is_carried()) {
        let carried = if fields.has("overlay") { "its `overlay`" } else { "its `elsewhere`" };
        let help = "take it away: no bridge sees what the rule is about";
        contradiction(&fields, key, carried, help, report);
    }
    if let Some(protocol @ (Protocol::Icmp | Protocol::Sctp | Protocol::Dhcp | Protocol::Vrrp)) = protocol {
        let why = format!("its protocol `{}`", protocol.word());
        contradiction(&fields, "returns", &why, "take it away: there is nothing to choose", report);
        if protocol == Protocol::Dhcp {
            contradiction(&fields, "limit", &why, "take it away: DHCP has no learned flows", report);
            contradiction(&fields, "via", &why, "take it away: DHCP stays inside a network", report);
        }
    }
    Some(allow)
}

pub(in crate::network) fn chain(node: &TreeNode<'_>, report: &mut FindingReport) -> Option<DraftChain> {
    let (name, fields) = rule("chain", node, &file_schema::CHAIN, report)?;
    let from = parties(&fields, "from", report);
    let mut hops = Vec::new();
    let mut protocol = Some(Protocol::Any);
    if fields.required("hops", "[{ to = \"NAME\", protocol = \"tcp\", ports = [443] }]", report).is_some() {
        not_empty(&fields, "hops", report);
        for node in bounded(fields.list("hops", report), &fields, report) {
            let alternatives = match &node.value {
                Value::Array(items) => bounded(items, &fields, report),
                _ => std::slice::from_ref(node),
            };
            let before = protocol;
            let hop: Vec<_> =
                alternatives.iter().filter_map(|node| hop(node, before, &fields, report)).collect();
            protocol = hop.first().map_or(before, |hop| hop.protocol);
            hops.push(hop);
        }
    }
    let chosen = |hop: &DraftHop| !matches!(hop.protocol, Some(Protocol::Icmp | Protocol::Sctp));
    if !hops.iter().flatten().any(chosen) {
        let why = "the protocols of its hops";
        contradiction(&fields, "returns", why, "take it away: there is nothing to choose", report);
    }
    Some(DraftChain {
        from,
        hops,
        purpose: fields.text("purpose", report).map(|text| text.value).unwrap_or_default(),
        limit: limit(&fields, report),
        temp: window(&fields, report),
        returns: returns(&fields, report),
        name,
    })
}

fn bounded<'n, 't>(
    items: &'n [TreeNode<'t>],
    fields: &Fields<'_, '_>,
    report: &mut FindingReport,
) -> &'n [TreeNode<'t>] {
    match (items.get(..MAX_HOPS), items.get(MAX_HOPS)) {
        (Some(kept), Some(beyond)) => {
            let message = format!("{} has more than {MAX_HOPS} hops, or alternatives of one", fields.what());
            report.error(FindingCode::TooMany, &beyond.span, message, "split the chain");
            kept
        }
        _ => items,
    }
}

fn hop(
    node: &TreeNode<'_>,
    before: Option<Protocol>,
    chain: &Fields<'_, '_>,
    report: &mut FindingReport,
) -> Option<DraftHop> {
    let what = format!("a hop of {}", chain.what());
    let fields = Fields::open(node, &node.span, what, &file_schema::HOP, report)?;
    let to = parties(&fields, "to", report);
    let (protocol, ports) = service(&fields, before, report);
    let purpose = fields.text("purpose", report).map(|text| text.value);
    Some(DraftHop { to, protocol, ports, purpose, span: node.span.clone() })
}

pub(in crate::network) fn crossing(node: &TreeNode<'_>, report: &mut FindingReport) -> Option<DraftCrossing> {
    let (name, fields) = rule("crossing", node, &file_schema::CROSSING, report)?;
    let (from, to) = (parties(&fields, "from", report), parties(&fields, "to", report));
    fields.required("protocol", "\"tcp\"", report);
    let (protocol, ports) = service(&fields, None, report);
    if !fields.has("ports") && protocol.is_some_and(|protocol| protocol != Protocol::Icmp) {
        let message = format!("{} has no `ports`", fields.what());
        report.error(
            FindingCode::MissingKey,
            fields.span(),
            message,
            "name them: a crossing admits nothing else",
        );
    }
    let mut words_of = |key: &str, example: &str| {
        let text = fields.required_text(key, example, report)?;
        if text.value.trim().is_empty() {
            let message = format!("{} of {} says nothing", quote(key), fields.what());
            report.error(
                FindingCode::EmptyText,
                &text.span,
                message,
                "isolation is not broken without a word",
            );
        }
        Some(text.value)
    };
    let approved_by = words_of("approved_by", "\"WHO\"").unwrap_or_default();
    let reason = words_of("reason", "\"WHY\"").unwrap_or_default();
    Some(DraftCrossing {
        from,
        to,
        protocol,
        ports,
        over: fields.required_text("over", "\"LINK\"", report),
        approved_by,
        reason,
        expires: fields.moment("expires", report),
        limit: limit(&fields, report),
        name,
    })
}

pub(in crate::network) fn never(node: &TreeNode<'_>, report: &mut FindingReport) -> Option<DraftNever> {
    let (name, fields) = rule("never", node, &file_schema::NEVER, report)?;
    let (from, to) = (parties(&fields, "from", report), parties(&fields, "to", report));
    let except = fields.one_or_more_texts("except", report);
    Some(DraftNever { name, from, to, except, on_violation: on_violation(&fields, report) })
}

pub(in crate::network) fn always(node: &TreeNode<'_>, report: &mut FindingReport) -> Option<DraftAlways> {
    let (name, fields) = rule("always", node, &file_schema::ALWAYS, report)?;
    let (from, to) = (parties(&fields, "from", report), parties(&fields, "to", report));
    let (protocol, ports) = service(&fields, Some(Protocol::Any), report);
    Some(DraftAlways { name, from, to, protocol, ports })
}

pub(in crate::network) fn confine(node: &TreeNode<'_>, report: &mut FindingReport) -> Option<DraftConfine> {
    let (name, fields) = rule("confine", node, &file_schema::CONFINE, report)?;
    let (from, to) = (parties(&fields, "from", report), parties(&fields, "to", report));
    Some(DraftConfine { name, from, to, on_violation: on_violation(&fields, report) })
}

fn on_violation(fields: &Fields<'_, '_>, report: &mut FindingReport) -> ViolationResponse {
    fields.choice("on_violation", report).unwrap_or_default()
}
