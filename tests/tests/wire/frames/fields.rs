//! Fields of a frame by the names that Open vSwitch prints, with their values as numbers.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use flow_model::frame::{Ethernet, Fragment, Frame, Ip, Lse, Network, Nsh};
use flows::verify::interp::Packet;
use ofproto::ip_protocol::{ICMP, ICMPV6, IGMP, SCTP, TCP, UDP};
use ofproto::oxm::Field;
use ofproto::{MacAddr, ethertype, icmpv6};

pub(crate) type Fields = BTreeMap<String, u128>;

/// The fields that the first word implies (ovs-fields(7), "Protocol matches").
const WORDS: [(&str, u16, Option<u8>); 14] = [
    ("ip", ethertype::IPV4, None),
    ("icmp", ethertype::IPV4, Some(ICMP)),
    ("tcp", ethertype::IPV4, Some(TCP)),
    ("udp", ethertype::IPV4, Some(UDP)),
    ("sctp", ethertype::IPV4, Some(SCTP)),
    ("ipv6", ethertype::IPV6, None),
    ("icmp6", ethertype::IPV6, Some(ICMPV6)),
    ("tcp6", ethertype::IPV6, Some(TCP)),
    ("udp6", ethertype::IPV6, Some(UDP)),
    ("sctp6", ethertype::IPV6, Some(SCTP)),
    ("arp", ethertype::ARP, None),
    ("rarp", ethertype::RARP, None),
    ("mpls", ethertype::MPLS, None),
    ("mplsm", ethertype::MPLS_MULTICAST, None),
];

const TCP_FLAGS: [&str; 12] =
    ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];

/// The fields that a line of Open vSwitch shows, but for the port of arrival.
pub(crate) fn of_line(line: &str) -> Fields {
    let mut fields = Fields::new();
    for part in line.split(',') {
        let Some((name, value)) = part.split_once('=') else {
            let (_, eth_type, protocol) = WORDS.iter().find(|(word, ..)| *word == part).expect(part);
            fields.insert("dl_type".to_owned(), (*eth_type).into());
            fields.extend(protocol.map(|protocol| ("nw_proto".to_owned(), protocol.into())));
            continue;
        };
        if name != "in_port" {
            fields.insert(name.to_owned(), number(name, value));
        }
    }
    fields
}

fn number(name: &str, text: &str) -> u128 {
    match name {
        "dl_src" | "dl_dst" | "arp_sha" | "arp_tha" | "nd_sll" | "nd_tll" => {
            text.parse::<MacAddr>().unwrap().bits()
        }
        "nw_src" | "nw_dst" | "arp_spa" | "arp_tpa" => text.parse::<Ipv4Addr>().unwrap().to_bits().into(),
        "ipv6_src" | "ipv6_dst" | "nd_target" => text.parse::<Ipv6Addr>().unwrap().to_bits(),
        "nw_frag" => ["no", "first", "", "later"].iter().position(|word| *word == text).unwrap() as u128,
        "tcp_flags" if text != "0" => {
            let bit = |flag: &str| 1 << TCP_FLAGS.iter().position(|name| *name == flag).expect(flag);
            text.split('|').map(bit).sum()
        }
        _ => {
            text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u128::from_str_radix(hex, 16)).unwrap()
        }
    }
}

/// Puts numbers under names.
macro_rules! put {
    ($fields:expr, $($name:expr => $value:expr),+ $(,)?) => {
        { $($fields.insert($name.to_string(), u128::from($value));)+ }
    };
}

/// The same of what `extract` takes out.
pub(crate) fn of_frame(frame: &Frame) -> Fields {
    let mut fields = Fields::new();
    ethernet(&mut fields, &frame.ethernet);
    match &frame.network {
        Network::Other => {}
        Network::Arp(arp) => put!(fields,
            "arp_spa" => arp.source.to_bits(), "arp_tpa" => arp.target.to_bits(), "arp_op" => arp.operation,
            "arp_sha" => arp.source_mac.bits(), "arp_tha" => arp.target_mac.bits()),
        Network::Mpls(entries) => mpls(&mut fields, entries),
        Network::Ipv4(ipv4) => {
            put!(fields, "nw_src" => ipv4.source.to_bits(), "nw_dst" => ipv4.destination.to_bits());
            ip(&mut fields, &ipv4.ip, ICMP);
        }
        Network::Ipv6(ipv6) => {
            put!(fields, "ipv6_src" => ipv6.source.to_bits(), "ipv6_dst" => ipv6.destination.to_bits(),
                "ipv6_label" => ipv6.label);
            ip(&mut fields, &ipv6.ip, ICMPV6);
        }
        Network::Nsh(found) => {
            nsh(&mut fields, found);
            // Open vSwitch prints those too.
            ip(&mut fields, &Ip::default(), 0);
        }
    }
    fields
}

fn ethernet(fields: &mut Fields, ethernet: &Ethernet) {
    put!(fields, "dl_src" => ethernet.source.bits(), "dl_dst" => ethernet.destination.bits(),
        "dl_type" => ethernet.eth_type);
    for at in 0..2 {
        let number = if at == 0 { String::new() } else { at.to_string() };
        match ethernet.tags.get(at) {
            Some(tag) => tagged(fields, &number, (*tag).into()),
            None => {
                put!(fields, format!("vlan_tci{number}") => 0_u8);
                break;
            }
        }
    }
}

fn tagged(fields: &mut Fields, number: &str, tci: u128) {
    put!(fields, format!("dl_vlan{number}") => tci & 0xfff, format!("dl_vlan_pcp{number}") => tci >> 13);
}

fn mpls(fields: &mut Fields, entries: &[Lse]) {
    let top = entries.first().copied().unwrap_or_default();
    put!(fields, "mpls_label" => top.label(), "mpls_tc" => top.traffic_class(), "mpls_ttl" => top.ttl(),
        "mpls_bos" => top.is_bottom());
    let mut last = top;
    for n in 1..3 {
        if last.is_bottom() {
            break;
        }
        last = entries.get(n).copied().unwrap_or_default();
        put!(fields, format!("mpls_lse{n}") => last.0);
    }
}

fn nsh(fields: &mut Fields, nsh: &Nsh) {
    put!(fields, "nsh_flags" => nsh.flags, "nsh_ttl" => nsh.ttl, "nsh_mdtype" => nsh.md_type, "nsh_np" => nsh.next,
        "nsh_spi" => nsh.path, "nsh_si" => nsh.index);
    for (n, word) in (1..).zip(nsh.context).filter(|_| nsh.md_type == 1) {
        put!(fields, format!("nsh_c{n}") => word);
    }
}

/// `icmp` is the protocol that has types and codes in place of ports.
fn ip(fields: &mut Fields, ip: &Ip, icmp: u8) {
    put!(fields, "nw_proto" => ip.protocol, "nw_tos" => ip.tos & 0xfc, "nw_ecn" => ip.tos & 3, "nw_ttl" => ip.ttl,
        "nw_frag" => match ip.fragment { Fragment::No => 0_u8, Fragment::First => 1, Fragment::Later => 3 });
    let transport = &ip.transport;
    let (source, destination) = (transport.source, transport.destination);
    match ip.protocol {
        _ if ip.fragment == Fragment::Later => assert_eq!((source, destination), (0, 0)),
        protocol if icmp != 0 && protocol == icmp => {
            put!(fields, "icmp_type" => source, "icmp_code" => destination)
        }
        ICMP | IGMP | TCP | UDP | ICMPV6 | SCTP => put!(fields, "tp_src" => source, "tp_dst" => destination),
        _ => assert_eq!((source, destination), (0, 0)),
    }
    if ip.protocol == TCP && ip.fragment != Fragment::Later {
        put!(fields, "tcp_flags" => transport.tcp_flags);
    }
    if let Some(found) = &transport.neighbour {
        put!(fields, "nd_target" => found.target.to_bits(), "nd_sll" => found.source.bits(),
            "nd_tll" => found.destination.bits());
    }
}

/// The same of a packet that a flow with `learn` is given.
pub(crate) fn of_packet(packet: &Packet) -> Fields {
    let mut fields = Fields::new();
    let mut rest = packet.clone();
    for number in ["", "1"] {
        let tci = rest.value(Field::VlanTci).unwrap();
        if tci == 0 {
            put!(fields, format!("vlan_tci{number}") => tci);
            break;
        }
        tagged(&mut fields, number, tci);
        rest.pop_vlan();
    }
    for (field, value) in packet.headers() {
        let (name, value) = match field {
            Field::VlanVid | Field::VlanPcp => continue,
            Field::NshC1 | Field::NshC2 | Field::NshC3 | Field::NshC4
                if packet.value(Field::NshMdtype) != Some(1) =>
            {
                continue;
            }
            Field::EthSrc => ("dl_src", value),
            Field::EthDst => ("dl_dst", value),
            Field::EthType => ("dl_type", value),
            Field::Ipv4Src => ("nw_src", value),
            Field::Ipv4Dst => ("nw_dst", value),
            Field::IpProto => ("nw_proto", value),
            Field::IpDscpShifted => ("nw_tos", value << 2),
            Field::IpEcn => ("nw_ecn", value),
            Field::IpTtl => ("nw_ttl", value),
            Field::IpFrag => ("nw_frag", value),
            Field::TcpSrc | Field::UdpSrc | Field::SctpSrc => ("tp_src", value),
            Field::TcpDst | Field::UdpDst | Field::SctpDst => ("tp_dst", value),
            Field::Icmpv4Type | Field::Icmpv6Type => ("icmp_type", value),
            Field::Icmpv4Code | Field::Icmpv6Code => ("icmp_code", value),
            field => (field.info().name, value),
        };
        fields.insert(name.to_owned(), value);
    }
    fields
}

/// Of these fields those that a match can have (ovs-fields(7), their prerequisites).
pub(crate) fn matchable(fields: &Fields) -> Fields {
    let value = |name: &str| fields.get(name).copied();
    let nsh = value("dl_type") == Some(ethertype::NSH.into());
    let ports = [TCP, UDP, SCTP].map(|protocol| Some(protocol.into())).contains(&value("nw_proto"));
    let kind = value("icmp_type");
    let is = |kind: Option<u128>, of: u8| kind == Some(of.into());
    let mut fields = fields.clone();
    fields.retain(|name, _| match name.as_str() {
        "mpls_lse1" | "mpls_lse2" => false,
        "tp_src" | "tp_dst" => ports,
        "nd_sll" => is(kind, icmpv6::NEIGHBOUR_SOLICITATION),
        "nd_tll" => is(kind, icmpv6::NEIGHBOUR_ADVERTISEMENT),
        name => !(nsh && name.starts_with("nw_")),
    });
    fields
}
