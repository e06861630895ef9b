//! The kinds of traffic that a table tells apart.

use flow_model::FlowMatch;
use ofproto::oxm::Field;
use ofproto::{ethertype, ip_protocol};
use serde::Serialize;

use super::ranges::Ranges;

/// A family of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Family {
    /// IPv4.
    #[serde(rename = "ipv4")]
    V4,
    /// IPv6.
    #[serde(rename = "ipv6")]
    V6,
}

impl Family {
    pub(super) fn ethertype(self) -> u16 {
        match self {
            Self::V4 => ethertype::IPV4,
            Self::V6 => ethertype::IPV6,
        }
    }

    pub(super) fn icmp(self) -> u8 {
        match self {
            Self::V4 => ip_protocol::ICMP,
            Self::V6 => ip_protocol::ICMPV6,
        }
    }
}

/// A kind of traffic. Numbers tell more: ports, ICMP types, protocols or EtherTypes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Carried {
    /// TCP, UDP or SCTP, by the destination port.
    Ported(Family, u8),
    /// ICMP or ICMPv6 by the type, neighbour discovery aside.
    Icmp(Family),
    /// Other protocols over IP, by their number.
    Ip(Family),
    /// Fragments, by the protocol: a lookup sees no ports in them.
    Fragments(Family),
    /// ARP.
    Arp,
    /// Neighbour and router discovery, by the ICMPv6 type.
    Discovery,
    /// Everything else, by the EtherType.
    Ethernet,
}

impl Carried {
    /// Returns the name of its protocol.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Ported(_, ip_protocol::TCP) => "tcp",
            Self::Ported(_, ip_protocol::UDP) => "udp",
            Self::Ported(..) => "sctp",
            Self::Icmp(Family::V4) => "icmp",
            Self::Icmp(Family::V6) => "icmpv6",
            Self::Ip(_) => "ip",
            Self::Fragments(_) => "fragments",
            Self::Arp => "arp",
            Self::Discovery => "nd",
            Self::Ethernet => "ethernet",
        }
    }

    /// Returns its family, if it is IP.
    pub(super) fn family(self) -> Option<Family> {
        match self {
            Self::Ported(family, _) | Self::Icmp(family) | Self::Ip(family) | Self::Fragments(family) => {
                Some(family)
            }
            Self::Discovery => Some(Family::V6),
            Self::Arp | Self::Ethernet => None,
        }
    }

    /// Returns whether it serves other traffic: finds addresses, or carries its fragments and errors.
    pub(super) fn is_background(self, numbers: &Ranges) -> bool {
        let errors = match self {
            Self::Arp | Self::Discovery | Self::Fragments(_) => return true,
            // Destination unreachable, time exceeded, parameter problem (RFC 792).
            Self::Icmp(Family::V4) => vec![(3, 3), (11, 12)],
            // Errors have the types below 128; these four are defined (RFC 4443 §2.1).
            Self::Icmp(Family::V6) => vec![(1, 4)],
            Self::Ported(..) | Self::Ip(_) | Self::Ethernet => return false,
        };
        numbers.except(&Ranges::new(errors)).is_empty()
    }

    pub(super) fn is_tcp(self) -> bool {
        matches!(self, Self::Ported(_, ip_protocol::TCP))
    }

    /// Returns the packets with one of its numbers.
    pub(super) fn matching(self, number: u16) -> FlowMatch {
        let any = FlowMatch::any();
        let family = |family: Family| any.clone().with(Field::EthType, family.ethertype().into());
        match self {
            Self::Ported(of, protocol) => {
                let ip = family(of).with(Field::IpFrag, 0).with(Field::IpProto, protocol.into());
                ip.with(Field::TcpDst, number.into())
            }
            Self::Icmp(of) => {
                let ip = family(of).with(Field::IpFrag, 0).with(Field::IpProto, of.icmp().into());
                ip.with(Field::Icmpv4Type, number.into())
            }
            Self::Discovery => Self::Icmp(Family::V6).matching(number),
            Self::Ip(of) => family(of).with(Field::IpFrag, 0).with(Field::IpProto, number.into()),
            // First fragments are 1, later ones 3.
            Self::Fragments(of) => {
                family(of).with_masked(Field::IpFrag, 1, 1).with(Field::IpProto, number.into())
            }
            Self::Arp | Self::Ethernet => any.with(Field::EthType, number.into()),
        }
    }
}
