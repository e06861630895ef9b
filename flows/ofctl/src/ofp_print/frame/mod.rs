//! An Ethernet frame as `ovs-ofctl` prints it: as the flow that matches this frame alone, and its checksum.

mod parse;

use std::net::{Ipv4Addr, Ipv6Addr};

use self::parse::{Frame, Network, Transport, parse};
use super::{put, text};

/// The packet type of Ethernet (OpenFlow 1.5.1 §7.2.3.11).
pub(super) const ETHERNET: u32 = 0;

const TCP_FLAGS: [&str; 12] =
    ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];

/// Appends the line of a packet: what it matches, its checksum, the end of the line.
pub(super) fn print(out: &mut String, bytes: &[u8], packet_type: u32) {
    let frame = parse(bytes, packet_type);
    let mut parts = Vec::new();
    if packet_type != ETHERNET {
        parts.push(format!("packet_type=({},{})", packet_type >> 16, text::c_hex(packet_type & 0xffff)));
    }
    let name = if packet_type == ETHERNET { short_name(&frame) } else { None };
    parts.extend(name.map(|(name, _)| name.to_owned()));
    if packet_type == ETHERNET {
        link(&mut parts, &frame, name.is_some());
    }
    network(&mut parts, &frame, name.is_some_and(|(_, says_protocol)| says_protocol));
    out.push_str(&parts.join(","));
    if let Some((name, sum)) = frame.checksum(bytes) {
        put!(out, " {name}_csum:{sum:x}");
    }
    out.push('\n');
}

/// The word for the type of the packet, and whether it says the protocol too.
fn short_name(frame: &Frame) -> Option<(&'static str, bool)> {
    Some(match (frame.eth_type, frame.protocol()) {
        (0x0800, 1) => ("icmp", true),
        (0x0800, 6) => ("tcp", true),
        (0x0800, 17) => ("udp", true),
        (0x0800, 132) => ("sctp", true),
        (0x0800, _) => ("ip", false),
        (0x86dd, 58) => ("icmp6", true),
        (0x86dd, 6) => ("tcp6", true),
        (0x86dd, 17) => ("udp6", true),
        (0x86dd, 132) => ("sctp6", true),
        (0x86dd, _) => ("ipv6", false),
        (0x0806, _) => ("arp", false),
        (0x8035, _) => ("rarp", false),
        (0x8847, _) => ("mpls", false),
        (0x8848, _) => ("mplsm", false),
        _ => return None,
    })
}

fn link(parts: &mut Vec<String>, frame: &Frame, named: bool) {
    for (at, tci) in frame.tags.iter().enumerate() {
        let number = if at == 0 { String::new() } else { at.to_string() };
        parts.push(format!("dl_vlan{number}={}", tci & 0xfff));
        parts.push(format!("dl_vlan_pcp{number}={}", tci >> 13));
    }
    // The first tag that is not there is shown as such.
    match frame.tags.len() {
        0 => parts.push("vlan_tci=0x0000".to_owned()),
        1 => parts.push("vlan_tci1=0x0000".to_owned()),
        _ => {}
    }
    parts.push(format!("dl_src={}", mac(frame.source)));
    parts.push(format!("dl_dst={}", mac(frame.destination)));
    if !named {
        parts.push(format!("dl_type=0x{:04x}", frame.eth_type));
    }
}

fn network(parts: &mut Vec<String>, frame: &Frame, says_protocol: bool) {
    match &frame.network {
        Network::Other => {}
        Network::Arp { source, target, operation, source_mac, target_mac } => {
            parts.push(format!("arp_spa={}", Ipv4Addr::from(*source)));
            parts.push(format!("arp_tpa={}", Ipv4Addr::from(*target)));
            parts.push(format!("arp_op={operation}"));
            parts.push(format!("arp_sha={}", mac(*source_mac)));
            parts.push(format!("arp_tha={}", mac(*target_mac)));
        }
        Network::Mpls(labels) => mpls(parts, labels),
        Network::Ipv4 { source, destination } => {
            parts.push(format!("nw_src={}", Ipv4Addr::from(*source)));
            parts.push(format!("nw_dst={}", Ipv4Addr::from(*destination)));
            ip(parts, frame, says_protocol);
        }
        Network::Ipv6 { source, destination, label } => {
            parts.push(format!("ipv6_src={}", Ipv6Addr::from(*source)));
            parts.push(format!("ipv6_dst={}", Ipv6Addr::from(*destination)));
            parts.push(format!("ipv6_label=0x{label:05x}"));
            ip(parts, frame, says_protocol);
        }
        Network::Nsh(nsh) => {
            parts.push(format!("nsh_flags={},nsh_ttl={}", nsh.flags, nsh.ttl));
            parts.push(format!("nsh_mdtype={},nsh_np={}", nsh.md_type, nsh.next));
            parts.push(format!("nsh_spi=0x{:x},nsh_si={}", nsh.path >> 8, nsh.path & 0xff));
            if nsh.md_type == 1 {
                let context = (1..).zip(nsh.context);
                parts.extend(context.map(|(n, value)| format!("nsh_c{n}=0x{value:x}")));
            }
            ip(parts, frame, says_protocol);
        }
    }
}

fn mpls(parts: &mut Vec<String>, labels: &[u32]) {
    let first = labels.first().copied().unwrap_or_default();
    parts.push(format!("mpls_label={},mpls_tc={}", first >> 12, first >> 9 & 7));
    parts.push(format!("mpls_ttl={},mpls_bos={}", first & 0xff, first >> 8 & 1));
    let mut last = first;
    for n in 1..3 {
        // Behind the bottom of the stack there is nothing to match.
        if last & 0x100 != 0 {
            break;
        }
        last = labels.get(n).copied().unwrap_or_default();
        parts.push(format!("mpls_lse{n}={last}"));
    }
}

/// What IPv4 and IPv6 have in common, and what stands in them.
fn ip(parts: &mut Vec<String>, frame: &Frame, says_protocol: bool) {
    let ip = &frame.ip;
    if !says_protocol {
        parts.push(format!("nw_proto={}", ip.protocol));
    }
    parts.push(format!("nw_tos={},nw_ecn={},nw_ttl={}", ip.tos & 0xfc, ip.tos & 3, ip.ttl));
    let fragment = match (ip.fragment, ip.later) {
        (_, true) => "later",
        (true, false) => "first",
        (false, false) => "no",
    };
    parts.push(format!("nw_frag={fragment}"));
    if ip.later || !matches!(ip.protocol, 1 | 2 | 6 | 17 | 58 | 132) {
        return;
    }
    let Transport { source, destination, tcp_flags, neighbor } = &frame.transport;
    let icmp = matches!((frame.eth_type, ip.protocol), (0x0800, 1) | (0x86dd, 58));
    if icmp {
        parts.push(format!("icmp_type={source},icmp_code={destination}"));
    } else {
        parts.push(format!("tp_src={source},tp_dst={destination}"));
    }
    if let Some(neighbor) = neighbor {
        parts.push(format!("nd_target={}", Ipv6Addr::from(neighbor.target)));
        parts.push(format!("nd_sll={}", mac(neighbor.source)));
        parts.push(format!("nd_tll={}", mac(neighbor.destination)));
    }
    if ip.protocol == 6 && matches!(frame.eth_type, 0x0800 | 0x86dd) {
        let mut flags = "tcp_flags=".to_owned();
        text::bits(&mut flags, u32::from(*tcp_flags), &TCP_FLAGS, '|');
        parts.push(flags);
    }
}

fn mac(addr: [u8; 6]) -> String {
    let mut out = String::new();
    text::mac(&mut out, addr);
    out
}
