//! What `ofproto/trace` prints, and what the interpreter says, in one form.

use std::collections::BTreeMap;

use flows::verify::interp::{Outcome, Output, Packet};
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};

/// What becomes of a packet: which flows it matches, and where it comes out as what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: Vec<(TableId, u16, Cookie)>,
    /// Sorted: the order among the ports of a flood is the switch's own.
    pub(crate) outputs: Vec<(Sink, String)>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sink {
    Port(PortNo),
    Controller,
}

/// What the interpreter says, on a bridge with these ports.
pub(crate) fn of_outcome(outcome: &Outcome, in_port: PortNo, ports: &[PortNo]) -> Seen {
    let mut outputs = Vec::new();
    for (output, packet) in &outcome.outputs {
        let text = packet.to_text(None);
        let mut to = |port: PortNo| {
            if ports.contains(&port) {
                outputs.push((Sink::Port(port), text.clone()));
            }
        };
        match output {
            Output::Port(port) | Output::InPort(port) => to(*port),
            Output::Flood | Output::All => ports.iter().copied().filter(|p| *p != in_port).for_each(to),
            Output::Controller => outputs.push((Sink::Controller, String::new())),
            Output::Normal => panic!("what NORMAL does depends on what the switch has learned"),
        }
    }
    outputs.sort();
    Seen { path: outcome.path.iter().map(|s| (s.table, s.priority, s.cookie)).collect(), outputs }
}

/// What Open vSwitch said about a packet.
pub(crate) fn parse(text: &str, datapath: &BTreeMap<u32, PortNo>, packet: &Packet) -> Seen {
    let path = text.lines().filter_map(step).collect();
    let actions =
        text.lines().find_map(|l| l.strip_prefix("Datapath actions: ")).unwrap_or_else(|| panic!("{text}"));
    let mut outputs = Vec::new();
    let mut now = packet.clone();
    for action in split(actions) {
        if let Ok(port) = action.parse::<u32>() {
            outputs.push((Sink::Port(datapath[&port]), now.to_text(None)));
        } else if action.starts_with("userspace(") {
            assert!(action.contains("controller("), "{action}");
            outputs.push((Sink::Controller, String::new()));
        } else if action == "pop_vlan" {
            now.pop_vlan();
        } else if let Some(tag) = inside(action, "push_vlan") {
            now.push_vlan();
            for (name, value) in pairs(tag) {
                let value = value.parse().unwrap();
                match name {
                    "vid" => now.put(Field::VlanVid, 0x1000 | value),
                    "pcp" => now.put(Field::VlanPcp, value),
                    _ => panic!("{action}"),
                }
            }
        } else if let Some(key) = inside(action, "set") {
            set(&mut now, key);
        } else {
            assert_eq!(action, "drop", "{text}");
        }
    }
    outputs.sort();
    Seen { path, outputs }
}

/// ` 0. ip,in_port=1, priority 10, cookie 0x5`
fn step(line: &str) -> Option<(TableId, u16, Cookie)> {
    let (table, rest) = line.trim_start().split_once(". ")?;
    let table = table.parse().ok()?;
    if rest.starts_with("No match") {
        return None;
    }
    let word = |name: &str| rest.rsplit_once(name).map(|(_, r)| r.split([',', ' ']).next().unwrap());
    let priority = word("priority ")?.parse().unwrap();
    let cookie = word("cookie 0x").map_or(0, |c| u64::from_str_radix(c, 16).unwrap());
    Some((TableId(table), priority, Cookie(cookie)))
}

/// The parts between the commas that stand in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn inside<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').map(move |p| p.split_once('=').unwrap_or_else(|| panic!("{text}")))
}

/// `eth(src=02:00:00:00:00:09)`, `ipv4(ttl=63)`, `ipv4(tos=0x20/0xfc)`
fn set(packet: &mut Packet, key: &str) {
    let (layer, body) = key.split_once('(').unwrap();
    for (name, value) in pairs(body.trim_end_matches(')')) {
        let (value, mask) = value.split_once('/').map_or((value, None), |(v, m)| (v, Some(number(m))));
        let value = number(value);
        let mut to = |field: Field, value: u128, mask: u128| {
            let old = packet.value(field).unwrap();
            packet.put(field, old & !mask | value & mask);
        };
        let field = match (layer, name) {
            ("eth", "src") => Field::EthSrc,
            ("eth", "dst") => Field::EthDst,
            ("ipv4", "src") => Field::Ipv4Src,
            ("ipv4", "dst") => Field::Ipv4Dst,
            ("ipv4", "ttl") | ("ipv6", "hlimit") => Field::IpTtl,
            ("ipv4", "tos") | ("ipv6", "tclass") => {
                let mask = mask.unwrap_or(0xff);
                to(Field::IpDscpShifted, value >> 2, mask >> 2);
                to(Field::IpEcn, value & 3, mask & 3);
                continue;
            }
            ("ipv6", "src") => Field::Ipv6Src,
            ("ipv6", "dst") => Field::Ipv6Dst,
            ("tcp", "src") => Field::TcpSrc,
            ("tcp", "dst") => Field::TcpDst,
            ("udp", "src") => Field::UdpSrc,
            ("udp", "dst") => Field::UdpDst,
            ("arp", "sip") => Field::ArpSpa,
            ("arp", "tip") => Field::ArpTpa,
            ("arp", "op") => Field::ArpOp,
            ("arp", "sha") => Field::ArpSha,
            ("arp", "tha") => Field::ArpTha,
            _ => panic!("set({key})"),
        };
        to(field, value, mask.unwrap_or(u128::MAX));
    }
}

/// A number, an IPv4 address, a MAC address, or an IPv6 address.
fn number(text: &str) -> u128 {
    if let Some(hex) = text.strip_prefix("0x") {
        return u128::from_str_radix(hex, 16).unwrap();
    }
    if let Ok(n) = text.parse() {
        return n;
    }
    if let Ok(v4) = text.parse::<std::net::Ipv4Addr>() {
        return u32::from(v4).into();
    }
    let bytes: Vec<&str> = text.split(':').collect();
    if bytes.len() == 6 && bytes.iter().all(|b| b.len() == 2) {
        return u128::from_str_radix(&bytes.concat(), 16).unwrap();
    }
    text.parse::<std::net::Ipv6Addr>().unwrap_or_else(|_| panic!("{text}")).into()
}
