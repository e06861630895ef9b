//! One denied packet, parsed from its first bytes.

use std::fmt;
use std::net::IpAddr;

use etherparse::{LaxIpPayloadSlice, LaxNetSlice, LaxSlicedPacket};
use flows::compile::Origin;
use ofproto::{PortNo, icmpv6, ip_protocol};

/// The protocol of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP or ICMPv6 echo.
    Icmp,
    /// ICMP or ICMPv6 of another type.
    IcmpType(u8),
    /// DHCP or DHCPv6, by its ports.
    Dhcp,
    /// ARP, or neighbour discovery: a question or an answer about a MAC address.
    Resolution,
    /// Another protocol over IP, by its number.
    Ip(u8),
    /// Neither IP nor ARP, by its EtherType, which is 0 if the packet has none.
    Ethernet(u16),
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.write_str("tcp"),
            Self::Udp => f.write_str("udp"),
            Self::Sctp => f.write_str("sctp"),
            Self::Icmp => f.write_str("icmp"),
            Self::IcmpType(kind) => write!(f, "icmp type {kind}"),
            Self::Dhcp => f.write_str("dhcp"),
            Self::Resolution => f.write_str("arp"),
            Self::Ip(number) => write!(f, "ip protocol {number}"),
            Self::Ethernet(kind) => write!(f, "ethernet type {kind:#06x}"),
        }
    }
}

/// The fields of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The source, if there is one.
    pub from: Option<IpAddr>,
    /// The destination. For ARP and neighbour discovery, the address that the packet is about.
    pub to: Option<IpAddr>,
    /// The protocol.
    pub protocol: Protocol,
    /// The destination port, if the protocol has one and the packet is no later fragment.
    pub port: Option<u16>,
    /// True if the packet would open a connection, by its own fields. That is TCP with SYN and
    /// without ACK, an echo request, and all else that is no answer by its kind.
    pub opens: bool,
}

/// A denied packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The ingress port.
    pub in_port: PortNo,
    /// The port's name.
    pub port_name: String,
    /// The packet's fields.
    pub seen: Seen,
    /// The flow that dropped it.
    pub origin: Origin,
}

impl Seen {
    /// Parses the beginning of a frame. Missing fields of a short or broken packet stay empty.
    pub fn parse(frame: &[u8]) -> Self {
        let ethernet =
            |kind| Self { from: None, to: None, protocol: Protocol::Ethernet(kind), port: None, opens: true };
        let kind = frame.get(12..14).map_or(0, |b| b.iter().fold(0, |kind, b| kind << 8 | u16::from(*b)));
        let Ok(packet) = LaxSlicedPacket::from_ethernet(frame) else { return ethernet(kind) };
        match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                let (from, to) = (header.source_addr().into(), header.destination_addr().into());
                let later = header.fragments_offset().value() > 0;
                Self::ip(from, to, ip.payload(), later)
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                let (from, to) = (header.source_addr().into(), header.destination_addr().into());
                Self::ip(from, to, ip.payload(), ip.is_payload_fragmented())
            }
            Some(LaxNetSlice::Arp(arp)) => {
                let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
                Self {
                    from: address(arp.sender_protocol_addr()),
                    to: address(arp.target_protocol_addr()),
                    protocol: Protocol::Resolution,
                    port: None,
                    opens: true,
                }
            }
            None => ethernet(kind),
        }
    }

    fn ip(from: IpAddr, to: IpAddr, payload: &LaxIpPayloadSlice<'_>, later: bool) -> Self {
        let bytes = if later { &[] } else { payload.payload };
        let number = |at: usize| {
            let bytes = bytes.get(at..at.checked_add(2)?)?;
            Some(bytes.iter().fold(0, |number: u16, byte| number << 8 | u16::from(*byte)))
        };
        let mut seen =
            Self { from: Some(from), to: Some(to), protocol: Protocol::Ip(0), port: None, opens: true };
        match (payload.ip_number.0, bytes.first()) {
            (ip_protocol::TCP, _) => {
                // SYN without ACK (RFC 9293 §3.1).
                seen.opens = bytes.get(13).is_some_and(|flags| flags & 0x12 == 0x02);
                (seen.protocol, seen.port) = (Protocol::Tcp, number(2));
            }
            (ip_protocol::UDP, _) => {
                let dhcp = matches!((number(0), number(2)), (Some(68), Some(67)) | (Some(546), Some(547)));
                let protocol = if dhcp { Protocol::Dhcp } else { Protocol::Udp };
                (seen.protocol, seen.port) = (protocol, number(2));
            }
            (ip_protocol::SCTP, _) => (seen.protocol, seen.port) = (Protocol::Sctp, number(2)),
            (ip_protocol::ICMP, Some(8)) | (ip_protocol::ICMPV6, Some(128)) => seen.protocol = Protocol::Icmp,
            (
                ip_protocol::ICMPV6,
                Some(&(icmpv6::NEIGHBOUR_SOLICITATION | icmpv6::NEIGHBOUR_ADVERTISEMENT)),
            ) => {
                let target = bytes.get(8..24).and_then(|b| <[u8; 16]>::try_from(b).ok());
                seen.to = target.map(IpAddr::from);
                seen.protocol = Protocol::Resolution;
            }
            (ip_protocol::ICMP | ip_protocol::ICMPV6, Some(kind)) => {
                seen.opens = false;
                seen.protocol = Protocol::IcmpType(*kind);
            }
            (other, _) => seen.protocol = Protocol::Ip(other),
        }
        seen
    }
}
