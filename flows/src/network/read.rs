//! Reads the tree into the draft: the sections and their content.

pub(in crate::network) mod check_value;
pub(in crate::network) mod datapath;
pub(in crate::network) mod date;
pub(in crate::network) mod fields;
pub(in crate::network) mod link_local;
pub(in crate::network) mod read_rules;
pub(in crate::network) mod shared;
pub(in crate::network) mod template;

use super::draft::{
    Draft, DraftAttach, DraftAttachment, DraftBridge, DraftContainers, DraftEndpoint, DraftExit, DraftLink,
    DraftLinkEnd, DraftNetwork, DraftOutside, DraftOverlay, Spanned,
};
use super::{Inside, LearnBy, Learning, Stateful};
use crate::finding_code::FindingCode;
use crate::network::read::check_value::{check_name, not_empty};
use crate::network::read::datapath::datapath_id;
use crate::network::read::fields::{Fields, Keyword, entries_of, text_of};
use crate::network::read::read_rules::{allow, always, chain, confine, crossing, never};
use crate::network::schema::file_schema;
use crate::network::schema::file_schema::SchemaTable;
use crate::network::text::report::{FindingReport, quote};
use crate::network::text::tree::{TreeEntry, TreeNode, Value};

impl Keyword for Inside {
    fn of(word: &str) -> Option<Self> {
        match word {
            "deny" => Some(Inside::Deny),
            "allow" => Some(Inside::Allow),
            _ => None,
        }
    }
}

impl Keyword for LearnBy {
    fn of(word: &str) -> Option<Self> {
        match word {
            "switch" => Some(LearnBy::Switch),
            "controller" => Some(LearnBy::Controller),
            _ => None,
        }
    }
}

impl Keyword for Stateful {
    fn of(word: &str) -> Option<Self> {
        match word {
            "learn" => Some(Stateful::Learn),
            "conntrack" => Some(Stateful::Conntrack),
            _ => None,
        }
    }
}

/// Reads all sections of a file into the draft, except templates and includes.
pub(super) fn file(root: &TreeNode<'_>, draft: &mut Draft, report: &mut FindingReport) {
    for entry in entries_of(root, "the file", &file_schema::FILE, report).unwrap_or_default() {
        section(entry, draft, report);
    }
}

/// Reads one section.
pub(super) fn section(section: &TreeEntry<'_>, draft: &mut Draft, report: &mut FindingReport) {
    match &*section.key {
        "bridge" => draft.bridges.extend(named(section, report, bridge)),
        "network" => draft.networks.extend(named(section, report, network)),
        "endpoint" => draft.endpoints.extend(named(section, report, endpoint)),
        "link" => draft.links.extend(named(section, report, link)),
        "exit" => draft.exits.extend(named(section, report, exit)),
        "outside" => draft.outsides.extend(named(section, report, outside)),
        "overlay" => draft.overlays.extend(named(section, report, overlay)),
        "attach" => draft.attaches.extend(rules(section, report, attach)),
        "allow" => draft.allows.extend(rules(section, report, allow)),
        "chain" => draft.chains.extend(rules(section, report, chain)),
        "crossing" => draft.crossings.extend(rules(section, report, crossing)),
        "never" => draft.nevers.extend(rules(section, report, never)),
        "always" => draft.always.extend(rules(section, report, always)),
        "confine" => draft.confines.extend(rules(section, report, confine)),
        _ => {}
    }
}

/// Reads the tables of `[SECTION.NAME]`.
fn named<T>(
    section: &TreeEntry<'_>,
    report: &mut FindingReport,
    read: fn(Spanned<String>, &TreeNode<'_>, &mut FindingReport) -> T,
) -> Vec<T> {
    let mut items = Vec::new();
    for entry in named_entries(section, report) {
        // A bridge is named after one of its ports, and port names have rules of their own.
        let name = name_of(entry, section.key != "bridge", report);
        items.push(read(name, &entry.node, report));
    }
    items
}

/// Returns the entries of a section of names.
pub(super) fn named_entries<'n, 't>(
    section: &'n TreeEntry<'t>,
    report: &mut FindingReport,
) -> &'n [TreeEntry<'t>] {
    let Value::Table(entries) = &section.node.value else {
        let message = format!("{} is {}, not a table of names", quote(&section.key), section.node.kind());
        report.error(
            FindingCode::WrongType,
            &section.key_span,
            message,
            format!("write [{}.NAME]", section.key),
        );
        return &[];
    };
    entries
}

/// Returns the name that an entry of a section of names gives.
pub(super) fn name_of(entry: &TreeEntry<'_>, plain: bool, report: &mut FindingReport) -> Spanned<String> {
    let name = Spanned { value: entry.key.to_string(), span: entry.key_span.clone() };
    if plain {
        check_name(&name, "a name", report);
    }
    name
}

/// Reads the tables of `[[SECTION]]`.
fn rules<T>(
    section: &TreeEntry<'_>,
    report: &mut FindingReport,
    read: fn(&TreeNode<'_>, &mut FindingReport) -> Option<T>,
) -> Vec<T> {
    let Value::Array(items) = &section.node.value else {
        let message = format!("{} is {}, not a list of rules", quote(&section.key), section.node.kind());
        report.error(
            FindingCode::WrongType,
            &section.key_span,
            message,
            format!("write [[{}]]", section.key),
        );
        return Vec::new();
    };
    items.iter().filter_map(|item| read(item, report)).collect()
}

pub(super) fn open<'n, 't>(
    word: &str,
    name: &Spanned<String>,
    node: &'n TreeNode<'t>,
    table: &'static SchemaTable,
    report: &mut FindingReport,
) -> Option<Fields<'n, 't>> {
    Fields::open(node, &name.span, format!("{word} {}", quote(&name.value)), table, report)
}

fn bridge(name: Spanned<String>, node: &TreeNode<'_>, report: &mut FindingReport) -> DraftBridge {
    let (mut ports, mut flows, mut learning, mut sample_denied) = (Vec::new(), Vec::new(), None, None);
    let mut learn = LearnBy::default();
    let mut id = None;
    if let Some(fields) = open("bridge", &name, node, &file_schema::BRIDGE, report) {
        id = fields.text("datapath_id", report).and_then(|text| datapath_id(text, report));
        ports = fields.texts("ports", report);
        flows = fields.lines("flows", report);
        learn = fields.choice("learn", report).unwrap_or_default();
        learning = fields.find("learning").and_then(|node| {
            let what = format!("`learning` of {}", fields.what());
            let fields = Fields::open(node, &node.span, what, &file_schema::LEARNING, report)?;
            Some(Spanned { value: self::learning(&fields, report), span: node.span.clone() })
        });
        sample_denied = fields.find("sample_denied").and_then(|node| {
            let rate = fields.optional_number("sample_denied", 1, 1_000, report)?;
            Some(Spanned { value: u16::try_from(rate).ok()?, span: node.span.clone() })
        });
    }
    DraftBridge { name, datapath_id: id, ports, flows, learn, learning, sample_denied }
}

fn learning(fields: &Fields<'_, '_>, report: &mut FindingReport) -> Learning {
    let mut number = |key, default, most| fields.optional_number(key, 1, most, report).unwrap_or(default);
    Learning {
        idle_timeout: u16::try_from(number("idle_timeout", 60, 65_535)).unwrap_or(u16::MAX),
        age: number("age", 300, 1_000_000),
        macs_per_port: number("macs_per_port", 4096, 1 << 20),
        macs: number("macs", 1 << 16, 1 << 20),
    }
}

fn network(name: Spanned<String>, node: &TreeNode<'_>, report: &mut FindingReport) -> DraftNetwork {
    let mut network = DraftNetwork {
        name,
        bridge: None,
        subnets: Vec::new(),
        inside: Inside::default(),
        gateway: Vec::new(),
        stateful: Stateful::default(),
        vlan: None,
        containers: None,
    };
    let Some(fields) = open("network", &network.name, node, &file_schema::NETWORK, report) else {
        return network;
    };
    network.bridge = fields.required_text("bridge", "\"vmbr0\"", report);
    if fields.required("subnets", "[\"10.0.0.0/24\"]", report).is_some() {
        network.subnets = fields.prefixes("subnets", report);
        not_empty(&fields, "subnets", report);
    }
    network.inside = fields.choice("inside", report).unwrap_or_default();
    network.gateway = fields.addresses("gateway", report);
    network.stateful = fields.choice("stateful", report).unwrap_or_default();
    // IEEE 802.1Q: 0 is no VLAN, and 4095 is reserved.
    network.vlan = fields.optional_number("vlan", 1, 4094, report).and_then(|vlan| u16::try_from(vlan).ok());
    network.containers = fields.find("containers").and_then(|node| {
        let what = format!("`containers` of {}", fields.what());
        let fields = Fields::open(node, &node.span, what, &file_schema::CONTAINERS, report)?;
        Some(containers(&fields, report))
    });
    network
}

fn containers(fields: &Fields<'_, '_>, report: &mut FindingReport) -> DraftContainers {
    let ids = fields.required("ids", "\"100-199\"", report);
    let port = fields.required_text("port", "\"veth{id}\"", report);
    if fields.required("addresses", "[\"10.0.0.{id}\"]", report).is_some() {
        not_empty(fields, "addresses", report);
    }
    DraftContainers {
        ids: ids.and_then(|_| fields.range("ids", report)),
        port,
        addresses: fields.texts("addresses", report),
        clients: fields.one_or_more_texts("clients", report),
        span: fields.span().clone(),
    }
}

fn endpoint(name: Spanned<String>, node: &TreeNode<'_>, report: &mut FindingReport) -> DraftEndpoint {
    let mut endpoint = DraftEndpoint { name, attachments: Vec::new() };
    let Some(fields) = open("endpoint", &endpoint.name, node, &file_schema::ENDPOINT, report) else {
        return endpoint;
    };
    let example = "[{ network = \"NETWORK\", port = \"PORT\", addresses = [\"ADDRESS\"] }]";
    if fields.required("attach", example, report).is_none() {
        return endpoint;
    }
    not_empty(&fields, "attach", report);
    let what = format!("an attachment of {}", fields.what());
    for node in fields.list("attach", report) {
        if let Some(fields) = Fields::open(node, &node.span, what.clone(), &file_schema::ATTACH, report) {
            endpoint.attachments.push(attachment(&fields, node, report));
        }
    }
    endpoint
}

fn attachment(fields: &Fields<'_, '_>, node: &TreeNode<'_>, report: &mut FindingReport) -> DraftAttachment {
    let leased = fields.flag("leased", report);
    if fields.is_bare("addresses") && fields.is_bare("behind") && !leased {
        let message = format!("{} has no address, so whatever it sends is dropped", fields.what());
        report.warning(
            FindingCode::NoAddress,
            &node.span,
            message,
            "add addresses = [\"ADDRESS\"], or leased = true where DHCP gives it one",
        );
    }
    let (addresses, shared) = shared::read(fields, report);
    DraftAttachment {
        network: fields.required_text("network", "\"NETWORK\"", report),
        port: fields.required_text("port", "\"PORT\"", report),
        addresses,
        shared,
        behind: fields.prefixes("behind", report),
        mac: fields.text("mac", report).and_then(|text| mac(text, report)),
        leased,
        router: fields.flag("router", report),
        link_local: link_local::read(fields, report),
        span: node.span.clone(),
    }
}

/// Reads a further attachment, which a template gives an endpoint.
fn attach(node: &TreeNode<'_>, report: &mut FindingReport) -> Option<DraftAttach> {
    let what = "an [[attach]]".to_owned();
    let fields = Fields::open(node, &node.span, what, &file_schema::TEMPLATE_ATTACH, report)?;
    let endpoint = fields.required_text("endpoint", "\"ENDPOINT\"", report);
    Some(DraftAttach { endpoint, attachment: attachment(&fields, node, report) })
}

fn mac(Spanned { value, span }: Spanned<String>, report: &mut FindingReport) -> Option<Spanned<[u8; 6]>> {
    let mut bytes = [0; 6];
    let mut parts = value.split(':');
    let read = bytes.iter_mut().all(|byte| {
        let part = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
        part.and_then(|part| u8::from_str_radix(part, 16).ok()).map(|value| *byte = value).is_some()
    });
    if !read || parts.next().is_some() {
        let message = format!("{} is not a MAC address", quote(&value));
        report.error(FindingCode::BadMac, &span, message, "write it like \"52:54:00:12:34:56\"");
        return None;
    }
    // IEEE 802: the lowest bit of the first byte marks a group.
    if bytes == [0; 6] || bytes.first().is_some_and(|first| first & 1 == 1) {
        let message = format!("{} is no one's own MAC address", quote(&value));
        report.error(FindingCode::BadMac, &span, message, "write the address of the one interface");
        return None;
    }
    Some(Spanned { value: bytes, span })
}

fn link(name: Spanned<String>, node: &TreeNode<'_>, report: &mut FindingReport) -> DraftLink {
    let mut link = DraftLink { name, ends: Vec::new() };
    let Some(fields) = open("link", &link.name, node, &file_schema::LINK, report) else { return link };
    let example = "[{ network = \"NETWORK\", port = \"PORT\" }, { bridge = \"BRIDGE\", port = \"PORT\" }]";
    if fields.required("ends", example, report).is_none() {
        return link;
    }
    let ends = fields.list("ends", report);
    if ends.len() != 2 && matches!(fields.find("ends"), Some(TreeNode { value: Value::Array(_), .. })) {
        let message = format!("{} has {} ends", fields.what(), ends.len());
        report.error(
            FindingCode::LinkEnds,
            fields.span_of("ends"),
            message,
            "a link has two ends, each on a bridge of its own",
        );
    }
    let what = format!("an end of {}", fields.what());
    for node in ends.iter().take(2) {
        let Some(fields) = Fields::open(node, &node.span, what.clone(), &file_schema::LINK_END, report)
        else {
            continue;
        };
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
                FindingCode::MisplacedKey,
                fields.span_of("behind"),
                message,
                "name the network in place of the bridge",
            );
        }
        if end.network.is_some() && fields.is_bare("behind") {
            let message =
                format!("nothing is behind {}, so whatever comes in by it is dropped", fields.what());
            report.warning(FindingCode::NoAddress, &node.span, message, "add behind = [\"PREFIX\"]");
        }
        if end.network.is_some() && fields.has("forwards") {
            let message = format!("{what} is on a network, so there is nothing for its `forwards`");
            report.error(
                FindingCode::MisplacedKey,
                fields.span_of("forwards"),
                message,
                "name the bridge in place of the network",
            );
        }
        link.ends.push(end);
    }
    link
}

fn exit(name: Spanned<String>, node: &TreeNode<'_>, report: &mut FindingReport) -> DraftExit {
    let mut exit = DraftExit {
        name,
        network: None,
        bridge: None,
        port: None,
        next_hop: Vec::new(),
        router: false,
        link_local: None,
    };
    let Some(fields) = open("exit", &exit.name, node, &file_schema::EXIT, report) else { return exit };
    (exit.network, exit.bridge) = network_or_bridge(&fields, report);
    exit.port = fields.required_text("port", "\"PORT\"", report);
    exit.next_hop = fields.addresses("next_hop", report);
    exit.router = fields.flag("router", report);
    exit.link_local = link_local::read(&fields, report);
    for key in ["next_hop", "router", "link_local"] {
        if exit.bridge.is_some() && fields.has(key) {
            let message = format!("{} is on no network, so there is nothing for its `{key}`", fields.what());
            let help = "name the network in place of the bridge";
            report.error(FindingCode::MisplacedKey, fields.span_of(key), message, help);
        }
    }
    exit
}

/// Reads exactly one of `network` and `bridge`.
fn network_or_bridge(
    fields: &Fields<'_, '_>,
    report: &mut FindingReport,
) -> (Option<Spanned<String>>, Option<Spanned<String>>) {
    let (network, bridge) = (fields.text("network", report), fields.text("bridge", report));
    match (fields.has("network"), fields.has("bridge")) {
        (true, true) => {
            let message = format!("{} has both `network` and `bridge`", fields.what());
            let help = "keep `network`: it says which bridge; `bridge` alone only declares the port";
            report.error(FindingCode::NetworkAndBridge, fields.span_of("bridge"), message, help);
            (network, None)
        }
        (false, false) => {
            let message = format!("{} has neither `network` nor `bridge`", fields.what());
            let help = "add network = \"NETWORK\", or bridge = \"BRIDGE\" to only declare the port";
            report.error(FindingCode::MissingKey, fields.span(), message, help);
            (None, None)
        }
        _ => (network, bridge),
    }
}

fn outside(name: Spanned<String>, node: &TreeNode<'_>, report: &mut FindingReport) -> DraftOutside {
    let mut outside = DraftOutside { name, exit: None, addresses: Vec::new() };
    let Some(fields) = open("outside", &outside.name, node, &file_schema::OUTSIDE, report) else {
        return outside;
    };
    outside.exit = fields.required_text("exit", "\"EXIT\"", report);
    outside.addresses = fields.prefixes("addresses", report);
    if fields.has("addresses") {
        not_empty(&fields, "addresses", report);
    }
    outside
}

fn overlay(name: Spanned<String>, node: &TreeNode<'_>, report: &mut FindingReport) -> DraftOverlay {
    let mut overlay = DraftOverlay { name, protocol: None, ports: Vec::new(), members: Vec::new() };
    let Some(fields) = open("overlay", &overlay.name, node, &file_schema::OVERLAY, report) else {
        return overlay;
    };
    if fields.required("protocol", "\"udp\"", report).is_some() {
        overlay.protocol = fields.optional_choice("protocol", report);
    }
    if fields.required("ports", "[4242]", report).is_some() {
        overlay.ports = fields.port_numbers("ports", report);
        not_empty(&fields, "ports", report);
    }
    let Some(members) = fields.required("members", "{ ENDPOINT = \"ADDRESS\" }", report) else {
        return overlay;
    };
    let what = format!("`members` of {}", fields.what());
    let Value::Table(members) = &members.value else {
        let message = format!("{what} is {}, not a table of names", members.kind());
        report.error(FindingCode::WrongType, &members.span, message, "write { ENDPOINT = \"ADDRESS\" }");
        return overlay;
    };
    for member in members {
        let what = format!("{} in {what}", quote(&member.key));
        let items = match &member.node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(&member.node),
        };
        let texts: Vec<_> = items.iter().filter_map(|item| text_of(item, &what, report)).collect();
        let addresses =
            texts.into_iter().filter_map(|text| crate::network::read::fields::address(text, &what, report));
        let name = Spanned { value: member.key.to_string(), span: member.key_span.clone() };
        overlay.members.push((name, addresses.collect()));
    }
    overlay
}
