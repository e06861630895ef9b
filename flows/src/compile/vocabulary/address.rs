//! Address families and prefixes as match fields.

use std::fmt;
use std::net::Ipv6Addr;

use flow_model::FlowMatch;
use ipnetwork::{IpNetwork, Ipv6Network};
use ofproto::oxm::Field;
use ofproto::{ethertype, ip_protocol};

use crate::compile::vocabulary::origin::Reason;

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::compile) enum AddressFamily {
    V4,
    V6,
}

impl AddressFamily {
    pub(in crate::compile) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(in crate::compile) fn of(prefix: &IpNetwork) -> Self {
        if prefix.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    pub(in crate::compile) fn eth_type(self) -> u16 {
        match self {
            Self::V4 => ethertype::IPV4,
            Self::V6 => ethertype::IPV6,
        }
    }

    pub(in crate::compile) fn src(self) -> Field {
        match self {
            Self::V4 => Field::Ipv4Src,
            Self::V6 => Field::Ipv6Src,
        }
    }

    pub(in crate::compile) fn dst(self) -> Field {
        match self {
            Self::V4 => Field::Ipv4Dst,
            Self::V6 => Field::Ipv6Dst,
        }
    }

    pub(in crate::compile) fn label(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }

    /// Matches all packets of the family.
    pub(in crate::compile) fn matches(self) -> FlowMatch {
        FlowMatch::any().with(Field::EthType, self.eth_type().into())
    }
}

/// Matches all ARP packets.
pub(in crate::compile) fn arp() -> FlowMatch {
    FlowMatch::any().with(Field::EthType, ethertype::ARP.into())
}

/// Matches neighbour discovery of one ICMPv6 type.
pub(in crate::compile) fn nd(kind: u8) -> FlowMatch {
    AddressFamily::V6
        .matches()
        .with(Field::IpProto, ip_protocol::ICMPV6.into())
        .with(Field::Icmpv6Type, kind.into())
        .with(Field::Icmpv6Code, 0)
}

/// Matches DHCP from a server to a client (RFC 2131 §4.1, RFC 8415 §7.2).
pub(in crate::compile) fn dhcp_answer(family: AddressFamily) -> FlowMatch {
    let (server, client) = dhcp_ports(family);
    dhcp(family, server, client)
}

/// Matches DHCP from a client to a server.
pub(in crate::compile) fn dhcp_request(family: AddressFamily) -> FlowMatch {
    let (server, client) = dhcp_ports(family);
    dhcp(family, client, server)
}

fn dhcp_ports(family: AddressFamily) -> (u16, u16) {
    match family {
        AddressFamily::V4 => (67, 68),
        AddressFamily::V6 => (547, 546),
    }
}

fn dhcp(family: AddressFamily, from: u16, to: u16) -> FlowMatch {
    let udp = family.matches().with(Field::IpProto, ip_protocol::UDP.into());
    udp.with(Field::UdpSrc, from.into()).with(Field::UdpDst, to.into())
}

/// A prefix, or all addresses of a family.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::compile) struct AddressRange {
    pub(in crate::compile) family: AddressFamily,
    prefix: Option<IpNetwork>,
}

impl AddressRange {
    pub(in crate::compile) fn all(family: AddressFamily) -> Self {
        Self { family, prefix: None }
    }

    /// Returns whether the range contains every address of another range.
    pub(in crate::compile) fn contains(self, other: Self) -> bool {
        self.family == other.family
            && match (self.prefix, other.prefix) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(a), Some(b)) => a.prefix() <= b.prefix() && a.contains(b.network()),
            }
    }

    /// Returns the bits that a switch matches. Two prefixes that are written differently may match
    /// the same packets.
    pub(in crate::compile) fn bits(self) -> (AddressFamily, u128, u8) {
        let network = match self.prefix {
            None => 0,
            Some(IpNetwork::V4(n)) => n.network().to_bits().into(),
            Some(IpNetwork::V6(n)) => n.network().to_bits(),
        };
        (self.family, network, self.length())
    }

    /// Returns the prefix, or `None` for all addresses of a family.
    pub(in crate::compile) fn prefix(self) -> Option<IpNetwork> {
        self.prefix
    }

    /// Returns the prefix length in bits.
    pub(in crate::compile) fn length(self) -> u8 {
        self.prefix.map_or(0, |p| p.prefix())
    }

    /// Adds the condition that `field` lies in the range.
    pub(in crate::compile) fn on(self, m: FlowMatch, field: Field) -> FlowMatch {
        match self.prefix {
            None => m,
            Some(IpNetwork::V4(n)) => {
                m.with_masked(field, n.network().to_bits().into(), n.mask().to_bits().into())
            }
            Some(IpNetwork::V6(n)) => m.with_masked(field, n.network().to_bits(), n.mask().to_bits()),
        }
    }
}

impl From<IpNetwork> for AddressRange {
    fn from(prefix: IpNetwork) -> Self {
        Self { family: AddressFamily::of(&prefix), prefix: Some(prefix) }
    }
}

impl fmt::Debug for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(p) if p.prefix() == if p.is_ipv4() { 32 } else { 128 } => p.ip().fmt(f),
            Some(p) => write!(f, "{}/{}", p.network(), p.prefix()),
            None => f.write_str(self.family.label()),
        }
    }
}

/// Returns the range of all link-local addresses.
pub(in crate::compile) fn link_local() -> AddressRange {
    v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10)
}

/// Returns the range of one IPv6 address.
pub(in crate::compile) fn v6_host(address: Ipv6Addr) -> AddressRange {
    v6(address, 128)
}

/// Returns the range of an IPv6 prefix; `length` is at most 128 bits.
pub(in crate::compile) fn v6(address: Ipv6Addr, length: u8) -> AddressRange {
    let prefix = Ipv6Network::new(address, length).ok().map(IpNetwork::V6);
    AddressRange { family: AddressFamily::V6, prefix }
}

/// Returns the all-nodes address of the link (RFC 4291 §2.7.1).
pub(in crate::compile) fn all_nodes() -> AddressRange {
    v6_host(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1))
}

/// Returns the ranges of group addresses: multicast and broadcast.
pub(in crate::compile) fn groups() -> Vec<AddressRange> {
    ["224.0.0.0/4", "255.255.255.255/32", "ff00::/8"]
        .iter()
        .filter_map(|p| p.parse::<IpNetwork>().ok())
        .map(AddressRange::from)
        .collect()
}

/// Returns the martian prefixes, each with the reason for dropping packets from it. They are no
/// unicast addresses on the internet. Traffic that leaves must have none of them as a source or
/// destination.
pub(in crate::compile) fn martians() -> Vec<(AddressRange, Reason)> {
    let forged =
        ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::1/128", "::ffff:0:0/96", "ff00::/8"];
    // Every host sends from these when it comes up, whether IPv6 is configured or not.
    let chatter = ["::/128", "fe80::/10"];
    let of = |list: &[&str], reason| {
        list.iter()
            .filter_map(|p| p.parse::<IpNetwork>().ok())
            .map(|p| (AddressRange::from(p), reason))
            .collect::<Vec<_>>()
    };
    [of(&forged, Reason::Spoofed), of(&chatter, Reason::LinkLocal)].concat()
}
