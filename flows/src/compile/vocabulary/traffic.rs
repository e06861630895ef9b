//! The traffic that a rule's flow lets through, and the form of its answers.

use flow_model::FlowMatch;
use ofproto::ip_protocol;
use ofproto::oxm::Field;

use crate::compile::vocabulary::address::AddressFamily;
use crate::compile::vocabulary::layout::Claim;
use crate::network::Protocol;

/// A kind of traffic that a flow of a rule opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::compile) enum Traffic {
    Tcp,
    Udp,
    Sctp,
    /// Echo requests.
    Echo,
    /// Every other ICMP message, errors above all: passed on, without answers.
    Icmp,
    /// VRRP and CARP between virtual routers that name each other: passed on, without answers.
    Vrrp,
    /// Any other IP protocol.
    Other,
}

impl Traffic {
    /// Returns the kinds of traffic of a rule's protocol. DHCP has flows of its own.
    pub(in crate::compile) fn of(protocol: Protocol) -> &'static [Self] {
        match protocol {
            Protocol::Any => &[Self::Tcp, Self::Udp, Self::Sctp, Self::Echo, Self::Icmp, Self::Other],
            Protocol::Tcp => &[Self::Tcp],
            Protocol::Udp => &[Self::Udp],
            Protocol::Sctp => &[Self::Sctp],
            Protocol::Icmp => &[Self::Echo],
            Protocol::Dhcp => &[],
            Protocol::Vrrp => &[Self::Vrrp],
        }
    }

    pub(in crate::compile) fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Echo => "echo",
            Self::Icmp => "icmp",
            Self::Vrrp => "vrrp",
            Self::Other => "ip",
        }
    }

    pub(in crate::compile) fn ip_proto(self, family: AddressFamily) -> Option<u8> {
        match self {
            Self::Tcp => Some(ip_protocol::TCP),
            Self::Udp => Some(ip_protocol::UDP),
            Self::Sctp => Some(ip_protocol::SCTP),
            Self::Echo | Self::Icmp if family == AddressFamily::V4 => Some(ip_protocol::ICMP),
            Self::Echo | Self::Icmp => Some(ip_protocol::ICMPV6),
            Self::Vrrp => Some(ip_protocol::VRRP),
            Self::Other => None,
        }
    }

    /// Returns the fields of the source and the destination port.
    pub(in crate::compile) fn ports(self) -> Option<(Field, Field)> {
        match self {
            Self::Tcp => Some((Field::TcpSrc, Field::TcpDst)),
            Self::Udp => Some((Field::UdpSrc, Field::UdpDst)),
            Self::Sctp => Some((Field::SctpSrc, Field::SctpDst)),
            Self::Echo | Self::Icmp | Self::Vrrp | Self::Other => None,
        }
    }

    /// Matches the packets that open a connection, to one port if the protocol has ports.
    pub(in crate::compile) fn opens(self, family: AddressFamily, port: Option<u16>) -> FlowMatch {
        let mut m = family.matches();
        if let Some(proto) = self.ip_proto(family) {
            m = m.with(Field::IpProto, proto.into());
        }
        if self == Self::Echo {
            let (field, request, _) = echo(family);
            m = m.with(field, request.into());
        }
        match (self.ports(), port) {
            (Some((_, dst)), Some(port)) => m.with(dst, port.into()),
            _ => m,
        }
    }

    /// Returns whether the traffic has answers.
    pub(in crate::compile) fn is_answered(self) -> bool {
        !matches!(self, Self::Icmp | Self::Vrrp)
    }

    /// Describes the traffic with its family and port.
    pub(in crate::compile) fn describe(self, family: AddressFamily, port: Option<u16>) -> String {
        match port {
            Some(port) => format!("{} {} {port}", family.label(), self.label()),
            None => format!("{} {}", family.label(), self.label()),
        }
    }

    /// Returns how specific a flow for the traffic is.
    pub(in crate::compile) fn claim(self, port: Option<u16>) -> Claim {
        match (self, port) {
            (Self::Other, _) => Claim::Ip,
            (Self::Echo | Self::Vrrp, _) | (_, Some(_)) => Claim::Port,
            _ => Claim::Protocol,
        }
    }

    /// Returns the seconds until a return flow expires without a packet from the opener.
    /// Established TCP lives at least two hours and four minutes (RFC 5382 §5), UDP five minutes
    /// (RFC 4787 §4.3).
    pub(in crate::compile) fn hard_timeout(self) -> u16 {
        match self {
            Self::Tcp | Self::Sctp => 7_500,
            Self::Udp | Self::Vrrp | Self::Other => 300,
            Self::Echo | Self::Icmp => 30,
        }
    }
}

/// Packets without ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::compile) enum PortlessPackets {
    /// Later fragments, of one IP protocol or of any.
    Later(Option<u8>),
    /// ICMP errors.
    Errors,
}

/// Returns the ICMP type field of a family, and the types of its echo request and reply.
pub(in crate::compile) fn echo(family: AddressFamily) -> (Field, u8, u8) {
    match family {
        AddressFamily::V4 => (Field::Icmpv4Type, 8, 0),
        AddressFamily::V6 => (Field::Icmpv6Type, 128, 129),
    }
}
