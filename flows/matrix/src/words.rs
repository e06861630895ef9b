//! The words of cells (columns, protocols, ports, windows, addresses), and the comparison of names.

use std::net::IpAddr;

use flows::network::Protocol;
use ipnetwork::IpNetwork;

use super::{Presence, Temp};

/// The fault of a cell, and its remedy.
pub(super) type CellError = (String, &'static str);

/// The widest range of ports that is expanded.
const MAX_RANGE: usize = 64;

/// Limit on the number of parts of one cell.
const MAX_PARTS: usize = 256;

/// Limit on the length of a name in the network language.
const MAX_NAME: usize = 64;

/// Normalises a name for comparison: lower case, with a dash for each character that the network
/// language does not allow.
pub(super) fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(4 * MAX_NAME) {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    out.truncate(MAX_NAME);
    while out.ends_with('-') {
        out.pop();
    }
    out
}

/// Returns the names of a label. A part in parentheses at its end is a second name: `vmbr1
/// (internal)` has two.
pub(super) fn names_of(label: &str) -> Vec<String> {
    let (name, other) = split(label);
    let other = other.into_iter().flat_map(|other| other.split(','));
    std::iter::once(name).chain(other).map(slug).filter(|name| !name.is_empty()).collect()
}

/// Splits a label into the part before the parentheses at its end and the part inside them.
pub(super) fn split(label: &str) -> (&str, Option<&str>) {
    let whole = (label.trim(), None);
    let Some(inside) = label.trim().strip_suffix(')') else { return whole };
    match inside.split_once('(') {
        Some((name, other)) if !name.trim().is_empty() => (name.trim(), Some(other.trim())),
        _ => whole,
    }
}

/// Returns the parts of a cell that holds a list.
pub(super) fn parts(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()).take(MAX_PARTS)
}

/// Returns whether a party is the row's other party, that is, whether the traffic stays inside a
/// host.
pub(super) fn is_itself(name: &str) -> bool {
    matches!(&*slug(name), "localhost" | "127.0.0.1" | "itself" | "self" | "loopback") || name.trim() == "::1"
}

/// Returns whether a party stands for everybody.
pub(super) fn is_anybody(name: &str) -> bool {
    name.trim() == "*" || matches!(&*slug(name), "any" | "all" | "everyone" | "everybody" | "anyone")
}

/// Returns whether a cell is blank.
pub(super) fn is_blank(cell: &str) -> bool {
    matches!(cell.trim(), "" | "-" | "–" | "—")
}

/// The purpose of a column in a table of flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ColumnKind {
    From,
    To,
    Net,
    Protocol,
    Port,
    Purpose,
    Temp,
}

impl ColumnKind {
    /// Returns the words for it. The first one appears in messages.
    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            ColumnKind::From => &["From", "source", "src"],
            ColumnKind::To => &["To", "destination", "dest", "dst", "target"],
            ColumnKind::Net => &[
                "Interface/Net",
                "interface",
                "iface",
                "net",
                "network",
                "interface-network",
                "net-interface",
                "path",
            ],
            ColumnKind::Protocol => &["Proto", "protocol"],
            ColumnKind::Port => &["Port", "ports", "dst-port", "destination-port"],
            ColumnKind::Purpose => {
                &["Purpose", "description", "comment", "comments", "notes", "why", "reason"]
            }
            ColumnKind::Temp => &["Temp", "temporary", "window"],
        }
    }

    pub(super) const ALL: [ColumnKind; 7] = [
        ColumnKind::From,
        ColumnKind::To,
        ColumnKind::Net,
        ColumnKind::Protocol,
        ColumnKind::Port,
        ColumnKind::Purpose,
        ColumnKind::Temp,
    ];

    /// Returns the column with that head.
    pub(super) fn of(head: &str) -> Option<ColumnKind> {
        let head = slug(head);
        ColumnKind::ALL.into_iter().find(|kind| kind.words().iter().any(|word| slug(word) == head))
    }
}

/// Returns the overlay whose table has this column: `Nebula IP` belongs to Nebula.
pub(super) fn overlay_of(head: &str) -> Option<&str> {
    let (name, last) = head.trim().rsplit_once(char::is_whitespace)?;
    matches!(&*last.to_ascii_lowercase(), "ip" | "ips" | "address" | "addr").then(|| name.trim())
}

/// Returns whether the first column of a table with that head names hosts.
pub(super) fn is_hosts(head: &str) -> bool {
    const WORDS: [&str; 18] = [
        "vm",
        "vms",
        "host",
        "hosts",
        "hostname",
        "node",
        "machine",
        "name",
        "container",
        "component",
        "service",
        "server",
        "device",
        "endpoint",
        "lxc",
        "instance",
        "vm-name",
        "host-name",
    ];
    WORDS.contains(&&*slug(head))
}

/// Returns the protocols of a cell, several for `TCP/UDP`.
pub(super) fn protocols(cell: &str) -> Result<Vec<Protocol>, CellError> {
    if is_blank(cell) {
        return Ok(vec![Protocol::Any]);
    }
    let mut found = Vec::new();
    for word in cell.split([',', '/', '+', '&']).take(MAX_PARTS) {
        let protocol = match &*word.trim().to_ascii_lowercase() {
            "any" | "all" | "*" | "ip" => Protocol::Any,
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            "icmp" | "ping" | "icmpv6" => Protocol::Icmp,
            "dhcp" => Protocol::Dhcp,
            "vrrp" | "carp" => Protocol::Vrrp,
            _ => {
                let message = format!("`{}` is no protocol", short(word.trim()));
                return Err((message, "write TCP, UDP, SCTP, ICMP, DHCP, VRRP or any"));
            }
        };
        if !found.contains(&protocol) {
            found.push(protocol);
        }
    }
    Ok(found)
}

/// The contents of a ports cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CellPorts {
    /// These ports. An empty list stands for any.
    List(Vec<u16>),
    /// The ports of DHCP, of both server and client.
    Dhcp,
}

/// Returns the ports of a cell.
pub(super) fn ports(cell: &str) -> Result<CellPorts, CellError> {
    const HELP: &str =
        "write the destination ports, like 443 or 80,443; an empty cell is for any; DHCP's are 67/68";
    let plain = cell.trim().to_ascii_lowercase();
    if is_blank(cell) || matches!(&*plain, "any" | "all" | "*" | "n/a") {
        return Ok(CellPorts::List(Vec::new()));
    }
    if let Some((one, other)) = plain.split_once('/') {
        let pair = (one.trim().parse(), other.trim().parse());
        return match pair {
            (Ok(67u16), Ok(68u16)) | (Ok(68), Ok(67)) | (Ok(546), Ok(547)) | (Ok(547), Ok(546)) => {
                Ok(CellPorts::Dhcp)
            }
            _ => {
                let message = format!("`{}`: a slash stands between the two ports of DHCP only", short(cell));
                Err((message, HELP))
            }
        };
    }
    let mut list: Vec<u16> = Vec::new();
    let wrong = |part: &str| (format!("`{}` is no port from 1 to 65535", short(part)), HELP);
    let number = |part: &str| part.trim().parse::<u16>().ok().filter(|port| *port != 0);
    for part in cell.split([',', ';', ' ']).map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = match part.split_once(['-', '–', ':']) {
            Some((first, last)) => (number(first), number(last)),
            None => (number(part), number(part)),
        };
        let (Some(first), Some(last)) = (first, last) else { return Err(wrong(part)) };
        if first > last {
            return Err((format!("the range `{}` ends before it begins", short(part)), HELP));
        }
        if usize::from(last - first) >= MAX_RANGE {
            let message = format!("the range `{}` has more than {MAX_RANGE} ports", short(part));
            return Err((message, "name the ports that are needed, or leave the cell empty for any"));
        }
        list.extend((first..=last).filter(|port| !list.contains(port)).collect::<Vec<_>>());
        if list.len() > MAX_PARTS {
            return Err((format!("more than {MAX_PARTS} ports"), "leave the cell empty for any"));
        }
    }
    Ok(CellPorts::List(list))
}

/// Returns the times at which a row is open.
pub(super) fn temp(cell: &str) -> Result<Temp, CellError> {
    let plain = cell.trim().trim_matches('*');
    let (word, window) = match split(plain) {
        (word, Some(window)) => (word, window),
        _ => plain.split_once(char::is_whitespace).unwrap_or((plain, "")),
    };
    match &*word.to_ascii_lowercase() {
        _ if is_blank(word) => Ok(Temp::Always),
        "no" | "none" | "permanent" | "always" => Ok(Temp::Always),
        "temp" | "temporary" | "yes" | "x" | "✓" if window.trim().is_empty() => Ok(Temp::Window),
        "temp" | "temporary" if !slug(window).is_empty() => Ok(Temp::Named(slug(window))),
        _ => {
            let message = format!("`{}` does not say whether the row is temporary", short(cell));
            Err((message, "write TEMP, or TEMP and the name of the window that opens it, or leave it empty"))
        }
    }
}

/// Returns the presence of a host in a column. `None` if the cell has another subject.
pub(super) fn presence(cell: &str) -> Option<Presence> {
    match &*cell.trim().to_ascii_lowercase() {
        "none" | "no" | "n/a" | "✗" => return Some(Presence::None),
        _ if is_blank(cell) => return Some(Presence::None),
        "yes" | "✓" | "x" => return Some(Presence::Yes),
        "dhcp" => return Some(Presence::Dhcp),
        _ => {}
    }
    let (mut addresses, mut behind) = (Vec::new(), Vec::new());
    for part in cell.split([',', ';', ' ']).map(str::trim).filter(|part| !part.is_empty()) {
        if let Ok(address) = part.parse::<IpAddr>() {
            addresses.push(IpNetwork::from(address));
            continue;
        }
        let prefix: IpNetwork = part.parse().ok().filter(|_| part.contains('/'))?;
        if prefix.ip() == prefix.network() && !is_single(&prefix) {
            behind.push(prefix);
        } else {
            addresses.push(prefix);
        }
    }
    let some = addresses.len() + behind.len() > 0 && addresses.len() + behind.len() <= MAX_PARTS;
    some.then_some(Presence::At { addresses, behind })
}

/// Returns whether a prefix is one address.
pub(super) fn is_single(prefix: &IpNetwork) -> bool {
    prefix.prefix() == if prefix.is_ipv4() { 32 } else { 128 }
}

/// Shortens a text for a message, and removes its control characters.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut out: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// Returns the word of a matrix for a protocol.
pub(super) fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Any => "any",
        Protocol::Tcp => "TCP",
        Protocol::Udp | Protocol::Dhcp => "UDP",
        Protocol::Sctp => "SCTP",
        Protocol::Icmp => "ICMP",
        Protocol::Vrrp => "VRRP",
    }
}

/// Returns the words of a matrix for ports.
pub(super) fn ports_word(protocol: Protocol, ports: &[u16]) -> String {
    match (protocol, ports) {
        (Protocol::Dhcp, _) => "67/68".to_owned(),
        (Protocol::Any | Protocol::Icmp | Protocol::Vrrp, []) => String::new(),
        (_, []) => "any".to_owned(),
        (_, ports) => ports.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
    }
}

/// Returns the word of a matrix for a window.
pub(super) fn temp_word(temp: &Temp) -> String {
    match temp {
        Temp::Always => String::new(),
        Temp::Window => "TEMP".to_owned(),
        Temp::Named(window) => format!("TEMP {window}"),
    }
}

/// Returns the next hop of a section's title, as in `Update Routing (via Gateway)`.
pub(super) fn via_of(section: &str) -> Option<String> {
    let words = section.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ':' | ','));
    let mut words = words.filter(|word| !word.is_empty());
    words.find(|word| word.eq_ignore_ascii_case("via"))?;
    words.next().map(slug).filter(|name| !name.is_empty())
}
