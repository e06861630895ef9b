//! Table 1 and the `learn()` that fills it: who was spoken to may answer.

use ofproto::action::{Action, LEARN_DELETE_LEARNED, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo};

use super::address::{self, Family};
use super::layout::{self, POLICY, RETURN_PRIORITY, RETURNS};
use super::origin::OriginKind;
use super::program::{Asked, Builder};
use crate::model::FlowMatch;

/// How many return flows one flow of a rule may learn, where the rule does not say.
pub(super) const DEFAULT_LIMIT: u32 = 10_000;

/// The empty table: what has no return flow is judged by policy.
pub(super) fn compile(out: &mut Builder<'_>) {
    let asked = Asked::new(OriginKind::Returns, "returns", "no return flow: on to policy");
    out.flow(RETURNS, layout::DEFAULT, FlowMatch::any(), vec![Instruction::GotoTable(POLICY)], asked);
}

/// What a rule's flow lets through, and so what the answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    Tcp,
    Udp,
    Sctp,
    /// Echo requests.
    Echo,
    /// Every other ICMP message, errors above all: passed on, and nothing comes back for it.
    Icmp,
    /// Any other IP protocol.
    Other,
}

impl Traffic {
    pub(super) const ALL: [Self; 6] = [Self::Tcp, Self::Udp, Self::Sctp, Self::Echo, Self::Icmp, Self::Other];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Echo => "echo",
            Self::Icmp => "icmp",
            Self::Other => "ip",
        }
    }

    fn ip_proto(self, family: Family) -> Option<u8> {
        match self {
            Self::Tcp => Some(address::IPPROTO_TCP),
            Self::Udp => Some(address::IPPROTO_UDP),
            Self::Sctp => Some(address::IPPROTO_SCTP),
            Self::Echo | Self::Icmp if family == Family::V4 => Some(address::IPPROTO_ICMP),
            Self::Echo | Self::Icmp => Some(address::IPPROTO_ICMPV6),
            Self::Other => None,
        }
    }

    /// Source and destination port.
    fn ports(self) -> Option<(Field, Field)> {
        match self {
            Self::Tcp => Some((Field::TcpSrc, Field::TcpDst)),
            Self::Udp => Some((Field::UdpSrc, Field::UdpDst)),
            Self::Sctp => Some((Field::SctpSrc, Field::SctpDst)),
            Self::Echo | Self::Icmp | Self::Other => None,
        }
    }

    /// What opens a connection, to one port where there are ports.
    pub(super) fn opens(self, family: Family, port: Option<u16>) -> FlowMatch {
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

    /// Seconds until a return flow dies without a packet of the one who opened. Established TCP lives two
    /// hours and four minutes at least (RFC 5382 §5), UDP five minutes (RFC 4787 §4.3).
    fn hard_timeout(self) -> u16 {
        match self {
            Self::Tcp | Self::Sctp => 7_500,
            Self::Udp | Self::Other => 300,
            Self::Echo | Self::Icmp => 30,
        }
    }
}

/// The type field of a family's ICMP, and its echo request and reply.
fn echo(family: Family) -> (Field, u8, u8) {
    match family {
        Family::V4 => (Field::Icmpv4Type, 8, 0),
        Family::V6 => (Field::Icmpv6Type, 128, 129),
    }
}

/// `learn()` of the way back: from `out`, with addresses and ports exchanged, to where the packet came from.
/// The packets of the one who opened renew the hard timeout; those of the other side cannot. None for traffic
/// that has no answer.
pub(super) fn learn(
    traffic: Traffic,
    family: Family,
    out: PortNo,
    cookie: Cookie,
    limit: u32,
) -> Option<Action> {
    if traffic == Traffic::Icmp {
        return None;
    }
    let whole = Subfield::whole;
    let constant =
        |field: Field, value: u128| LearnSpec::Match { dst: whole(field), src: LearnSrc::Immediate(value) };
    let swapped =
        |dst: Field, src: Field| LearnSpec::Match { dst: whole(dst), src: LearnSrc::Field(whole(src)) };
    // NXM's in_port has 16 bits; Open vSwitch gives out no port that needs more.
    let in_port = u128::from(out.to_u16()?);
    let mut specs =
        vec![constant(Field::InPort, in_port), constant(Field::EthType, family.eth_type().into())];
    match traffic.ip_proto(family) {
        Some(proto) => specs.push(constant(Field::IpProto, proto.into())),
        None => specs.push(swapped(Field::IpProto, Field::IpProto)),
    }
    specs.push(swapped(family.src(), family.dst()));
    specs.push(swapped(family.dst(), family.src()));
    if let Some((src, dst)) = traffic.ports() {
        specs.push(swapped(src, dst));
        specs.push(swapped(dst, src));
    }
    if traffic == Traffic::Echo {
        let (field, _, reply) = echo(family);
        specs.push(constant(field, reply.into()));
    }
    specs.push(LearnSpec::Output { src: whole(Field::InPort) });
    Some(Action::Learn(Box::new(Learn {
        idle_timeout: 0,
        hard_timeout: traffic.hard_timeout(),
        priority: RETURN_PRIORITY,
        cookie,
        flags: LEARN_DELETE_LEARNED,
        table: RETURNS,
        fin_idle_timeout: if traffic == Traffic::Tcp { 5 } else { 0 },
        fin_hard_timeout: 0,
        limit,
        result_dst: None,
        specs,
    })))
}
