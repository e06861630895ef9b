//! What a rule's flow lets through, and so what the answer looks like.

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
    /// Every other ICMP message, errors above all: passed on, and nothing comes back for it.
    Icmp,
    /// VRRP and CARP between virtual routers that name each other: passed on, and nothing comes back for it.
    Vrrp,
    /// Any other IP protocol.
    Other,
}

impl Traffic {
    /// The kinds that a protocol of a rule stands for. DHCP has flows of its own.
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

    /// Source and destination port.
    pub(in crate::compile) fn ports(self) -> Option<(Field, Field)> {
        match self {
            Self::Tcp => Some((Field::TcpSrc, Field::TcpDst)),
            Self::Udp => Some((Field::UdpSrc, Field::UdpDst)),
            Self::Sctp => Some((Field::SctpSrc, Field::SctpDst)),
            Self::Echo | Self::Icmp | Self::Vrrp | Self::Other => None,
        }
    }

    /// What opens a connection, to one port where there are ports.
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

    /// Whether something comes back for it.
    pub(in crate::compile) fn is_answered(self) -> bool {
        !matches!(self, Self::Icmp | Self::Vrrp)
    }

    /// In words, with the family and the port.
    pub(in crate::compile) fn describe(self, family: AddressFamily, port: Option<u16>) -> String {
        match port {
            Some(port) => format!("{} {} {port}", family.label(), self.label()),
            None => format!("{} {}", family.label(), self.label()),
        }
    }

    /// How special a flow for it is.
    pub(in crate::compile) fn claim(self, port: Option<u16>) -> Claim {
        match (self, port) {
            (Self::Other, _) => Claim::Ip,
            (Self::Echo | Self::Vrrp, _) | (_, Some(_)) => Claim::Port,
            _ => Claim::Protocol,
        }
    }

    /// Seconds until a return flow dies without a packet of the one who opened. Established TCP lives two
    /// hours and four minutes at least (RFC 5382 §5), UDP five minutes (RFC 4787 §4.3).
    pub(in crate::compile) fn hard_timeout(self) -> u16 {
        match self {
            Self::Tcp | Self::Sctp => 7_500,
            Self::Udp | Self::Vrrp | Self::Other => 300,
            Self::Echo | Self::Icmp => 30,
        }
    }
}

/// Packets that have no ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::compile) enum PortlessPackets {
    /// Later fragments, of one IP protocol or of any.
    Later(Option<u8>),
    /// ICMP errors.
    Errors,
}

/// The type field of a family's ICMP, and its echo request and reply.
pub(in crate::compile) fn echo(family: AddressFamily) -> (Field, u8, u8) {
    match family {
        AddressFamily::V4 => (Field::Icmpv4Type, 8, 0),
        AddressFamily::V6 => (Field::Icmpv6Type, 128, 129),
    }
}
