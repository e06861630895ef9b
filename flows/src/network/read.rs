//! From the tree to the draft: which sections there are, and which keys each may have.

use super::draft::{
    At, Draft, DraftAllow, DraftAttachment, DraftBridge, DraftEndpoint, DraftExit, DraftLink, DraftLinkEnd,
    DraftNetwork, DraftNever,
};
use super::fields::{Fields, entries_of};
use super::report::{Report, quote};
use super::tree::{Entry, Node, Value};
use super::{Inside, Protocol};

const SECTIONS: [&str; 7] = ["bridge", "network", "endpoint", "link", "exit", "allow", "never"];

/// Reads all sections of a file.
pub(super) fn read(root: &Node<'_>, report: &mut Report) -> Draft {
    let mut draft = Draft::default();
    for section in entries_of(root, "the file", &SECTIONS, report).unwrap_or_default() {
        match &*section.key {
            "bridge" => draft.bridges = named(section, report, bridge),
            "network" => draft.networks = named(section, report, network),
            "endpoint" => draft.endpoints = named(section, report, endpoint),
            "link" => draft.links = named(section, report, link),
            "exit" => draft.exits = named(section, report, exit),
            "allow" => draft.allows = rules(section, report, allow),
            "never" => draft.nevers = rules(section, report, never),
            _ => {}
        }
    }
    draft
}

/// The tables of `[SECTION.NAME]`.
fn named<T>(
    section: &Entry<'_>,
    report: &mut Report,
    read: fn(At<String>, &Node<'_>, &mut Report) -> T,
) -> Vec<T> {
    let Value::Table(entries) = &section.node.value else {
        let message = format!("{} is {}, not a table of names", quote(&section.key), section.node.kind());
        report.error("wrong-type", &section.key_span, message, format!("write [{}.NAME]", section.key));
        return Vec::new();
    };
    let item = |entry: &Entry<'_>| {
        let name = At { value: entry.key.to_string(), span: entry.key_span.clone() };
        // A bridge has the name of one of its ports, which has rules of its own.
        if section.key != "bridge" {
            check_name(&name, "a name", report);
        }
        read(name, &entry.node, report)
    };
    entries.iter().map(item).collect()
}

/// The tables of `[[SECTION]]`.
fn rules<T>(
    section: &Entry<'_>,
    report: &mut Report,
    read: fn(&Node<'_>, &mut Report) -> Option<T>,
) -> Vec<T> {
    let Value::Array(items) = &section.node.value else {
        let message = format!("{} is {}, not a list of rules", quote(&section.key), section.node.kind());
        report.error("wrong-type", &section.key_span, message, format!("write [[{}]]", section.key));
        return Vec::new();
    };
    items.iter().filter_map(|item| read(item, report)).collect()
}

/// Names stand in cookies' explanations, metrics and commands, so they are plain.
fn check_name(name: &At<String>, what: &str, report: &mut Report) {
    const LONGEST: usize = 64;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let help = format!("use up to {LONGEST} ASCII letters, digits, `-`, `_` and `.`");
    if name.value.is_empty() || name.value.len() > LONGEST || !name.value.bytes().all(plain) {
        report.error("bad-name", &name.span, format!("{} cannot be {what}", quote(&name.value)), help);
    }
}

fn open<'n, 't>(
    word: &str,
    name: &At<String>,
    node: &'n Node<'t>,
    known: &[&'static str],
    report: &mut Report,
) -> Option<Fields<'n, 't>> {
    Fields::open(node, &name.span, format!("{word} {}", quote(&name.value)), known, report)
}

fn bridge(name: At<String>, node: &Node<'_>, report: &mut Report) -> DraftBridge {
    let (mut ports, mut flows) = (Vec::new(), Vec::new());
    if let Some(fields) = open("bridge", &name, node, &["ports", "flows"], report) {
        ports = fields.texts("ports", report);
        flows = fields.lines("flows", report);
    }
    DraftBridge { name, ports, flows }
}

fn network(name: At<String>, node: &Node<'_>, report: &mut Report) -> DraftNetwork {
    let mut network = DraftNetwork { name, bridge: None, subnets: Vec::new(), inside: Inside::default() };
    let Some(fields) = open("network", &network.name, node, &["bridge", "subnets", "inside"], report) else {
        return network;
    };
    network.bridge = fields.required_text("bridge", "\"vmbr0\"", report);
    if fields.required("subnets", "[\"10.0.0.0/24\"]", report).is_some() {
        network.subnets = fields.prefixes("subnets", report);
        not_empty(&fields, "subnets", report);
    }
    let words = [("deny", Inside::Deny), ("allow", Inside::Allow)];
    network.inside = fields.choice("inside", &words, report).unwrap_or_default();
    network
}

fn endpoint(name: At<String>, node: &Node<'_>, report: &mut Report) -> DraftEndpoint {
    let mut endpoint = DraftEndpoint { name, attachments: Vec::new() };
    let Some(fields) = open("endpoint", &endpoint.name, node, &["attach"], report) else { return endpoint };
    let example = "[{ network = \"NETWORK\", port = \"PORT\", addresses = [\"ADDRESS\"] }]";
    if fields.required("attach", example, report).is_none() {
        return endpoint;
    }
    not_empty(&fields, "attach", report);
    let what = format!("an attachment of {}", fields.what());
    for node in fields.list("attach", report) {
        let known = ["network", "port", "addresses", "behind", "mac"];
        let Some(fields) = Fields::open(node, &node.span, what.clone(), &known, report) else { continue };
        if fields.is_bare("addresses") && fields.is_bare("behind") {
            let message = format!("{what} has no address, so whatever it sends is dropped");
            report.warning("no-address", &node.span, message, "add addresses = [\"ADDRESS\"]");
        }
        let mac = fields.text("mac", report).and_then(|text| mac(text, report));
        endpoint.attachments.push(DraftAttachment {
            network: fields.required_text("network", "\"NETWORK\"", report),
            port: fields.required_text("port", "\"PORT\"", report),
            addresses: fields.addresses("addresses", report),
            behind: fields.prefixes("behind", report),
            mac,
            span: node.span.clone(),
        });
    }
    endpoint
}

fn mac(At { value, span }: At<String>, report: &mut Report) -> Option<At<[u8; 6]>> {
    let mut bytes = [0; 6];
    let mut parts = value.split(':');
    let read = bytes.iter_mut().all(|byte| {
        let part = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
        part.and_then(|part| u8::from_str_radix(part, 16).ok()).map(|value| *byte = value).is_some()
    });
    if !read || parts.next().is_some() {
        let message = format!("{} is not a MAC address", quote(&value));
        report.error("bad-mac", &span, message, "write it like \"52:54:00:12:34:56\"");
        return None;
    }
    // IEEE 802: the lowest bit of the first byte marks a group.
    if bytes == [0; 6] || bytes.first().is_some_and(|first| first & 1 == 1) {
        let message = format!("{} is no one's own MAC address", quote(&value));
        report.error("bad-mac", &span, message, "write the address of the one interface");
        return None;
    }
    Some(At { value: bytes, span })
}

fn link(name: At<String>, node: &Node<'_>, report: &mut Report) -> DraftLink {
    let mut link = DraftLink { name, ends: Vec::new() };
    let Some(fields) = open("link", &link.name, node, &["ends"], report) else { return link };
    let example = "[{ network = \"NETWORK\", port = \"PORT\" }, { bridge = \"BRIDGE\", port = \"PORT\" }]";
    if fields.required("ends", example, report).is_none() {
        return link;
    }
    let ends = fields.list("ends", report);
    if ends.len() != 2 && matches!(fields.find("ends"), Some(Node { value: Value::Array(_), .. })) {
        let message = format!("{} has {} ends", fields.what(), ends.len());
        report.error(
            "link-ends",
            fields.span_of("ends"),
            message,
            "a link has two ends, each on a bridge of its own",
        );
    }
    let what = format!("an end of {}", fields.what());
    for node in ends.iter().take(2) {
        let known = ["network", "bridge", "port", "behind", "forwards"];
        let Some(fields) = Fields::open(node, &node.span, what.clone(), &known, report) else { continue };
        let (network, bridge) = network_or_bridge(&fields, report);
        let end = DraftLinkEnd {
            port: fields.required_text("port", "\"PORT\"", report),
            behind: fields.prefixes("behind", report),
            forwards: fields.text("forwards", report),
            span: node.span.clone(),
            network,
            bridge,
        };
        if end.bridge.is_some() && fields.has("behind") {
            let message = format!("{what} is on no network, so there is nothing for its `behind`");
            report.error(
                "misplaced-key",
                fields.span_of("behind"),
                message,
                "name the network in place of the bridge",
            );
        }
        if end.network.is_some() && fields.is_bare("behind") {
            let message =
                format!("nothing is behind {}, so whatever comes in by it is dropped", fields.what());
            report.warning("no-address", &node.span, message, "add behind = [\"PREFIX\"]");
        }
        if end.network.is_some() && fields.has("forwards") {
            let message = format!("{what} is on a network, so it cannot forward to a port");
            report.error(
                "misplaced-key",
                fields.span_of("forwards"),
                message,
                "name the bridge in place of the network",
            );
        }
        link.ends.push(end);
    }
    link
}

fn exit(name: At<String>, node: &Node<'_>, report: &mut Report) -> DraftExit {
    let mut exit = DraftExit { name, network: None, bridge: None, port: None, next_hop: Vec::new() };
    let known = ["network", "bridge", "port", "next_hop"];
    let Some(fields) = open("exit", &exit.name, node, &known, report) else { return exit };
    (exit.network, exit.bridge) = network_or_bridge(&fields, report);
    exit.port = fields.required_text("port", "\"PORT\"", report);
    exit.next_hop = fields.addresses("next_hop", report);
    if exit.bridge.is_some() && fields.has("next_hop") {
        let message = format!("{} is on no network, so there is nothing for its `next_hop`", fields.what());
        report.error(
            "misplaced-key",
            fields.span_of("next_hop"),
            message,
            "name the network in place of the bridge",
        );
    }
    exit
}

/// Exactly one of `network` and `bridge`.
fn network_or_bridge(
    fields: &Fields<'_, '_>,
    report: &mut Report,
) -> (Option<At<String>>, Option<At<String>>) {
    let (network, bridge) = (fields.text("network", report), fields.text("bridge", report));
    match (fields.has("network"), fields.has("bridge")) {
        (true, true) => {
            let message = format!("{} has both `network` and `bridge`", fields.what());
            let help = "keep `network`: it says which bridge; `bridge` alone only declares the port";
            report.error("network-and-bridge", fields.span_of("bridge"), message, help);
            (network, None)
        }
        (false, false) => {
            let message = format!("{} has neither `network` nor `bridge`", fields.what());
            let help = "add network = \"NETWORK\", or bridge = \"BRIDGE\" to only declare the port";
            report.error("missing-key", fields.span(), message, help);
            (None, None)
        }
        _ => (network, bridge),
    }
}

fn rule<'n, 't>(
    word: &str,
    node: &'n Node<'t>,
    known: &[&'static str],
    report: &mut Report,
) -> Option<(At<String>, Fields<'n, 't>)> {
    let mut fields = Fields::open(node, &node.span, format!("a rule [[{word}]]"), known, report)?;
    let name = match fields.required_text("name", "\"NAME\"", report) {
        Some(name) => name,
        // The rest of the rule is still looked at.
        None => return Some((At { value: String::new(), span: node.span.clone() }, fields)),
    };
    check_name(&name, "the name of a rule", report);
    fields.rename(format!("{word} {}", quote(&name.value)), &name.span);
    Some((name, fields))
}

fn parties(fields: &Fields<'_, '_>, key: &str, report: &mut Report) -> Vec<At<String>> {
    if fields.required(key, "[\"NAME\"]", report).is_none() {
        return Vec::new();
    }
    not_empty(fields, key, report);
    fields.one_or_more_texts(key, report)
}

fn allow(node: &Node<'_>, report: &mut Report) -> Option<DraftAllow> {
    let known = ["name", "from", "to", "protocol", "ports", "purpose", "limit"];
    let (name, fields) = rule("allow", node, &known, report)?;
    let words = [
        ("any", Protocol::Any),
        ("tcp", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("sctp", Protocol::Sctp),
        ("icmp", Protocol::Icmp),
    ];
    let (from, to) = (parties(&fields, "from", report), parties(&fields, "to", report));
    let protocol = fields.choice("protocol", &words, report);
    let mut ports = fields.port_numbers("ports", report);
    if fields.has("ports") {
        not_empty(&fields, "ports", report);
        // A misspelt protocol has its own error, and it may well have ports.
        if let Some(word) = match protocol {
            Some(Protocol::Any) => Some("any"),
            Some(Protocol::Icmp) => Some("icmp"),
            _ => None,
        } {
            let message = format!("{} has ports, and its protocol `{word}` has none", fields.what());
            let help = "say protocol = \"tcp\", \"udp\" or \"sctp\", or take the ports away";
            report.error("ports-without-protocol", fields.span_of("ports"), message, help);
            ports.clear();
        }
    }
    let purpose = fields.text("purpose", report).map(|text| text.value).unwrap_or_default();
    // In Open vSwitch a limit of 0 is no limit (ovs-actions(7), learn).
    let limit = fields.optional_number("limit", 1, u32::MAX, report);
    Some(DraftAllow { name, from, to, protocol, ports, purpose, limit })
}

fn never(node: &Node<'_>, report: &mut Report) -> Option<DraftNever> {
    let (name, fields) = rule("never", node, &["name", "from", "to"], report)?;
    let (from, to) = (parties(&fields, "from", report), parties(&fields, "to", report));
    Some(DraftNever { name, from, to })
}

/// An error for a list that is there and empty.
fn not_empty(fields: &Fields<'_, '_>, key: &str, report: &mut Report) {
    if let Some(Node { value: Value::Array(items), span }) = fields.find(key)
        && items.is_empty()
    {
        let message = format!("{} of {} is empty", quote(key), fields.what());
        report.error("empty-list", span, message, "name at least one");
    }
}
