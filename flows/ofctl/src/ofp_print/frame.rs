//! An Ethernet frame as `ovs-ofctl` prints it: the flow that matches only this frame, and its
//! checksum.

use flow_model::frame::{ETHERNET, Ethernet, Fragment, Frame, Ip, Lse, Network, extract_packet};
use ofproto::{ethertype, ip_protocol};

use super::{put, text};

const TCP_FLAGS: [&str; 12] =
    ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];

/// Appends the line of a packet: its fields, its checksum, and the line end.
pub(super) fn print(out: &mut String, bytes: &[u8], packet_type: u32) {
    let frame = extract_packet(bytes, packet_type);
    let mut parts = Vec::new();
    if packet_type != ETHERNET {
        parts.push(format!("packet_type=({},{})", packet_type >> 16, text::c_hex(packet_type & 0xffff)));
    }
    let name = if packet_type == ETHERNET { short_name(&frame) } else { None };
    parts.extend(name.map(|(name, _)| name.to_owned()));
    if packet_type == ETHERNET {
        link(&mut parts, &frame.ethernet, name.is_some());
    }
    network(&mut parts, &frame, name.is_some_and(|(_, says_protocol)| says_protocol));
    out.push_str(&parts.join(","));
    if let Some((name, sum)) = checksum(&frame, bytes) {
        put!(out, " {name}_csum:{sum:x}");
    }
    out.push('\n');
}

/// Returns the common fields of IPv4 and IPv6.
fn ip_of(network: &Network) -> Option<&Ip> {
    match network {
        Network::Ipv4(ipv4) => Some(&ipv4.ip),
        Network::Ipv6(ipv6) => Some(&ipv6.ip),
        _ => None,
    }
}

/// Returns the word for the type of the packet, and whether it implies the protocol.
fn short_name(frame: &Frame) -> Option<(&'static str, bool)> {
    let protocol = ip_of(&frame.network).map_or(0, |ip| ip.protocol);
    Some(match (frame.ethernet.eth_type, protocol) {
        (ethertype::IPV4, ip_protocol::ICMP) => ("icmp", true),
        (ethertype::IPV4, ip_protocol::TCP) => ("tcp", true),
        (ethertype::IPV4, ip_protocol::UDP) => ("udp", true),
        (ethertype::IPV4, ip_protocol::SCTP) => ("sctp", true),
        (ethertype::IPV4, _) => ("ip", false),
        (ethertype::IPV6, ip_protocol::ICMPV6) => ("icmp6", true),
        (ethertype::IPV6, ip_protocol::TCP) => ("tcp6", true),
        (ethertype::IPV6, ip_protocol::UDP) => ("udp6", true),
        (ethertype::IPV6, ip_protocol::SCTP) => ("sctp6", true),
        (ethertype::IPV6, _) => ("ipv6", false),
        (ethertype::ARP, _) => ("arp", false),
        (ethertype::RARP, _) => ("rarp", false),
        (ethertype::MPLS, _) => ("mpls", false),
        (ethertype::MPLS_MULTICAST, _) => ("mplsm", false),
        _ => return None,
    })
}

/// Returns the name and the value of the transport checksum, if the header is complete.
fn checksum(frame: &Frame, bytes: &[u8]) -> Option<(&'static str, u32)> {
    let ip = ip_of(&frame.network)?;
    let payload = ip.transport.payload.clone()?;
    let (name, header, at, wide) = match ip.protocol {
        ip_protocol::TCP => ("tcp", 20, 16, false),
        ip_protocol::UDP => ("udp", 8, 6, false),
        ip_protocol::SCTP => ("sctp", 12, 8, true),
        ip_protocol::ICMP => ("icmp", 8, 2, false),
        ip_protocol::ICMPV6 => ("icmp6", 4, 2, false),
        _ => return None,
    };
    let sum = bytes.get(payload.start + at..)?;
    (payload.len() >= header).then_some(())?;
    Some((
        name,
        if wide {
            u32::from_be_bytes(*sum.first_chunk()?)
        } else {
            u32::from(u16::from_be_bytes(*sum.first_chunk()?))
        },
    ))
}

fn link(parts: &mut Vec<String>, ethernet: &Ethernet, named: bool) {
    for (at, tci) in ethernet.tags.iter().enumerate() {
        let number = if at == 0 { String::new() } else { at.to_string() };
        parts.push(format!("dl_vlan{number}={}", tci & 0xfff));
        parts.push(format!("dl_vlan_pcp{number}={}", tci >> 13));
    }
    // The first missing tag is printed as such.
    match ethernet.tags.len() {
        0 => parts.push("vlan_tci=0x0000".to_owned()),
        1 => parts.push("vlan_tci1=0x0000".to_owned()),
        _ => {}
    }
    parts.push(format!("dl_src={}", ethernet.source));
    parts.push(format!("dl_dst={}", ethernet.destination));
    if !named {
        parts.push(format!("dl_type=0x{:04x}", ethernet.eth_type));
    }
}

fn network(parts: &mut Vec<String>, frame: &Frame, says_protocol: bool) {
    let eth_type = frame.ethernet.eth_type;
    match &frame.network {
        Network::Other => {}
        Network::Arp(arp) => {
            parts.push(format!("arp_spa={}", arp.source));
            parts.push(format!("arp_tpa={}", arp.target));
            parts.push(format!("arp_op={}", arp.operation));
            parts.push(format!("arp_sha={}", arp.source_mac));
            parts.push(format!("arp_tha={}", arp.target_mac));
        }
        Network::Mpls(entries) => mpls(parts, entries),
        Network::Ipv4(ipv4) => {
            parts.push(format!("nw_src={}", ipv4.source));
            parts.push(format!("nw_dst={}", ipv4.destination));
            ip(parts, eth_type, &ipv4.ip, says_protocol);
        }
        Network::Ipv6(ipv6) => {
            parts.push(format!("ipv6_src={}", ipv6.source));
            parts.push(format!("ipv6_dst={}", ipv6.destination));
            parts.push(format!("ipv6_label=0x{:05x}", ipv6.label));
            ip(parts, eth_type, &ipv6.ip, says_protocol);
        }
        Network::Nsh(nsh) => {
            parts.push(format!("nsh_flags={},nsh_ttl={}", nsh.flags, nsh.ttl));
            parts.push(format!("nsh_mdtype={},nsh_np={}", nsh.md_type, nsh.next));
            parts.push(format!("nsh_spi=0x{:x},nsh_si={}", nsh.path, nsh.index));
            if nsh.md_type == 1 {
                let context = (1..).zip(nsh.context);
                parts.extend(context.map(|(n, value)| format!("nsh_c{n}=0x{value:x}")));
            }
            // Open vSwitch prints the IP fields too, although there are none.
            ip(parts, eth_type, &Ip::default(), says_protocol);
        }
    }
}

fn mpls(parts: &mut Vec<String>, entries: &[Lse]) {
    let first = entries.first().copied().unwrap_or_default();
    parts.push(format!("mpls_label={},mpls_tc={}", first.label(), first.traffic_class()));
    parts.push(format!("mpls_ttl={},mpls_bos={}", first.ttl(), u8::from(first.is_bottom())));
    let mut last = first;
    for n in 1..3 {
        // No field can be matched after the bottom of the stack.
        if last.is_bottom() {
            break;
        }
        last = entries.get(n).copied().unwrap_or_default();
        parts.push(format!("mpls_lse{n}={}", last.0));
    }
}

/// Appends the common fields of IPv4 and IPv6, and those of their payload.
fn ip(parts: &mut Vec<String>, eth_type: u16, ip: &Ip, says_protocol: bool) {
    use ip_protocol::{ICMP, ICMPV6, IGMP, SCTP, TCP, UDP};
    if !says_protocol {
        parts.push(format!("nw_proto={}", ip.protocol));
    }
    parts.push(format!("nw_tos={},nw_ecn={},nw_ttl={}", ip.tos & 0xfc, ip.tos & 3, ip.ttl));
    let fragment = match ip.fragment {
        Fragment::No => "no",
        Fragment::First => "first",
        Fragment::Later => "later",
    };
    parts.push(format!("nw_frag={fragment}"));
    if ip.fragment == Fragment::Later || !matches!(ip.protocol, ICMP | IGMP | TCP | UDP | ICMPV6 | SCTP) {
        return;
    }
    let transport = &ip.transport;
    let (source, destination) = (transport.source, transport.destination);
    if matches!((eth_type, ip.protocol), (ethertype::IPV4, ICMP) | (ethertype::IPV6, ICMPV6)) {
        parts.push(format!("icmp_type={source},icmp_code={destination}"));
    } else {
        parts.push(format!("tp_src={source},tp_dst={destination}"));
    }
    if let Some(neighbour) = transport.neighbour {
        parts.push(format!("nd_target={}", neighbour.target));
        parts.push(format!("nd_sll={}", neighbour.source));
        parts.push(format!("nd_tll={}", neighbour.destination));
    }
    if ip.protocol == TCP {
        let mut flags = "tcp_flags=".to_owned();
        text::bits(&mut flags, u32::from(transport.tcp_flags), &TCP_FLAGS, '|');
        parts.push(flags);
    }
}
