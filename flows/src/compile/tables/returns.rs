//! Tables 1, 5 and 6 and the `learn()` that fills them: the receiver of a packet may answer.

use flow_model::FlowMatch;
use ofproto::action::{Action, LEARN_DELETE_LEARNED, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, ip_protocol};

use crate::compile::output::program::{FlowSpec, ProgramBuilder, mark, resubmit};
use crate::compile::vocabulary::address::AddressFamily;
use crate::compile::vocabulary::identity::FlowIdentity;
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::{
    DESTINATION, FOLLOWING, OUT_PORT, POLICY, RELATED, RETURN_PRIORITY, RETURNS, VISITORS,
};
use crate::compile::vocabulary::traffic::{Traffic, echo};

/// The number of return flows that one flow of a rule may learn, unless the rule sets it. Zero
/// means the size of the tables, which evict fairly. A limit would refuse newcomers instead. Open
/// vSwitch also counts the flows learned before at every `learn()` with a limit: 2 ms each at
/// 10,000 flows.
pub(in crate::compile) const DEFAULT_LIMIT: u32 = 0;

/// ICMP error messages: destination unreachable, time exceeded, parameter problem (RFC 792), and
/// their equivalents with packet too big (RFC 4443 §2.1).
const ERRORS_V4: [u8; 3] = [3, 11, 12];
const ERRORS_V6: [u8; 4] = [1, 2, 3, 4];

/// Compiles the table misses, which send packets without a return flow to policy, with the
/// destination looked up.
pub(in crate::compile) fn compile(out: &mut ProgramBuilder<'_>) {
    let miss = |tables: &[ofproto::TableId], error: bool| {
        let mut look: Vec<Action> = tables.iter().copied().map(resubmit).collect();
        look.extend(error.then(|| mark(layout::mark_bit(layout::ERROR))));
        vec![Instruction::ApplyActions(look), Instruction::GotoTable(POLICY)]
    };
    let asked = FlowSpec::new(FlowIdentity::TableMiss { table: RETURNS }, "no return flow: on to policy");
    out.flow(RETURNS, layout::DEFAULT, FlowMatch::any(), miss(&[DESTINATION, VISITORS], false), asked);
    // Neither an ICMP error nor a later fragment has the ports of the packet that it belongs to.
    let mut portless = |matches: FlowMatch, error: bool, identity, what: &str| {
        let asked = FlowSpec::new(identity, format!("{what}: perhaps somebody waits for it"));
        // A later fragment shows no ICMP type either, and is matched first.
        let priority = layout::PORTLESS - u16::from(error);
        out.flow(RETURNS, priority, matches, miss(&[DESTINATION, RELATED], error), asked);
    };
    for family in AddressFamily::BOTH {
        let identity = FlowIdentity::LaterFragments { family };
        portless(later(family, None), false, identity, &format!("{} later fragments", family.label()));
    }
    for icmp_type in ERRORS_V4 {
        let icmp = AddressFamily::V4.matches().with(Field::IpProto, ip_protocol::ICMP.into());
        let matches = icmp.with(Field::Icmpv4Type, icmp_type.into());
        let identity = FlowIdentity::IcmpErrors { family: AddressFamily::V4, icmp_type };
        portless(matches, true, identity, &format!("ICMP errors of type {icmp_type}"));
    }
    for icmp_type in ERRORS_V6 {
        let icmp = AddressFamily::V6.matches().with(Field::IpProto, ip_protocol::ICMPV6.into());
        let matches = icmp.with(Field::Icmpv6Type, icmp_type.into());
        let identity = FlowIdentity::IcmpErrors { family: AddressFamily::V6, icmp_type };
        portless(matches, true, identity, &format!("ICMPv6 errors of type {icmp_type}"));
    }
    for table in [RELATED, VISITORS] {
        let asked = FlowSpec::new(FlowIdentity::TableMiss { table }, "nobody waits for it");
        out.flow(table, layout::DEFAULT, FlowMatch::any(), Vec::new(), asked);
    }
}

/// Matches later fragments, of one IP protocol or of any.
pub(in crate::compile) fn later(family: AddressFamily, proto: Option<u8>) -> FlowMatch {
    let matches = family.matches().with(Field::IpFrag, LATER.into());
    match proto {
        Some(proto) => matches.with(Field::IpProto, proto.into()),
        None => matches,
    }
}

/// In `ip_frag`: a fragment other than the first. Open vSwitch reads the text "later" as this
/// value. The word by itself could mean this or the second bit alone (ovs-fields(7)).
const LATER: u8 = 3;

/// The ingress port of the answers to a rule's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compile) enum ReturnIngress {
    /// This port.
    Port(u32),
    /// The port that the packet goes to.
    Destination,
    /// The port of the shared address's holder at the time of the answer: admission lets no other
    /// holder send from it.
    Holder,
}

impl ReturnIngress {
    /// Returns the one port of the receivers, or else the port that the packet goes to.
    pub(in crate::compile) fn single(port: Option<u32>) -> Self {
        port.map_or(Self::Destination, Self::Port)
    }
}

/// A return path that a flow of a rule learns.
#[derive(Debug, Clone)]
pub(in crate::compile) struct ReturnPath {
    pub(in crate::compile) traffic: Traffic,
    pub(in crate::compile) family: AddressFamily,
    /// The ingress port of the answer.
    pub(in crate::compile) from: ReturnIngress,
    /// True if the other side is any outside address: an ICMP error then comes from any router.
    pub(in crate::compile) outside: bool,
    /// True if the opener is any outside address. Its return flows are then learned where a flood
    /// of forged senders takes nothing from the members. Packets without ports need no learning:
    /// policy lets them pass.
    pub(in crate::compile) visitor: bool,
    /// True if the opener uses a shared address: the answers go to its holder at the time.
    pub(in crate::compile) follows: bool,
    /// True if one flow serves a client and service, not each connection.
    pub(in crate::compile) by_service: bool,
    /// The VLAN of the opener.
    pub(in crate::compile) vlan: Option<u16>,
    pub(in crate::compile) cookie: Cookie,
    pub(in crate::compile) limit: u32,
}

impl ReturnPath {
    /// Returns the `learn()` actions: the reverse direction, with addresses and ports exchanged, to
    /// the ingress port of the packet. The opener's packets renew the hard timeout; those of the
    /// other side cannot. Returns no action for traffic without answers.
    pub(in crate::compile) fn learn(&self) -> Vec<Action> {
        if !self.traffic.is_answered() {
            return Vec::new();
        }
        let mut actions = Vec::new();
        if self.by_service && self.traffic == Traffic::Tcp {
            // A segment that opens a connection has SYN without ACK (RFC 9293 §3.5), so this lets
            // nothing be opened.
            actions.push(self.answers(&[(tcp_flags(4, 1), 1)]));
            // A reset from a host that forgot the connection has no ACK either.
            actions.push(self.answers(&[(tcp_flags(1, 2), 2)]));
        } else {
            actions.push(self.answers(&[]));
        }
        if !self.visitor || self.outside {
            actions.push(self.related());
        }
        actions
    }

    fn answers(&self, flags: &[(Subfield, u128)]) -> Action {
        let whole = Subfield::whole;
        let mut specs = self.ends(Some(self.carried()));
        if let Some((src, dst)) = self.traffic.ports() {
            specs.push(copied(src, dst));
            if !self.by_service {
                specs.push(copied(dst, src));
            }
        }
        specs.extend(flags.iter().map(|(bits, value)| constant(*bits, *value)));
        if self.traffic == Traffic::Echo {
            let (field, _, reply) = echo(self.family);
            specs.push(constant(whole(field), reply.into()));
        }
        let fin = if self.traffic == Traffic::Tcp && !self.by_service { 5 } else { 0 };
        if self.visitor || self.follows {
            specs.extend(self.expected());
            let table = if self.follows { FOLLOWING } else { VISITORS };
            return Action::Learn(Box::new(Learn { specs, fin_idle_timeout: fin, ..self.frame(table) }));
        }
        if let Some(vlan) = self.vlan {
            let src = LearnSrc::Immediate(u128::from(vlan) | 0x1000);
            specs.push(LearnSpec::Load { dst: whole(Field::VlanTci), src });
        }
        specs.push(LearnSpec::Output { src: whole(Field::InPort) });
        Action::Learn(Box::new(Learn { specs, fin_idle_timeout: fin, ..self.frame(RETURNS) }))
    }

    /// Returns the learn action for ICMP errors and later fragments towards the opener. The flow
    /// marks them, and policy lets them pass. A rule of the other side may let them pass as well,
    /// and they must not pass twice.
    fn related(&self) -> Action {
        let mut specs = self.ends(None);
        if self.outside {
            specs.retain(
                |spec| !matches!(spec, LearnSpec::Match { dst, .. } if dst.field == self.family.src()),
            );
        }
        specs.extend(self.expected());
        Action::Learn(Box::new(Learn { specs, priority: self.own_priority(), ..self.frame(RELATED) }))
    }

    /// Matches the IP protocol of the answer.
    pub(in crate::compile) fn carried(&self) -> LearnSpec {
        match self.traffic.ip_proto(self.family) {
            Some(proto) => constant(Subfield::whole(Field::IpProto), proto.into()),
            None => copied(Field::IpProto, Field::IpProto),
        }
    }

    /// Matches the ingress port of the answer, the IP protocol if it is known, and the two
    /// addresses.
    pub(in crate::compile) fn ends(&self, carried: Option<LearnSpec>) -> Vec<LearnSpec> {
        let in_port = match self.from {
            ReturnIngress::Port(port) => Some(LearnSrc::Immediate(port.into())),
            ReturnIngress::Destination => {
                Some(LearnSrc::Field(Subfield { field: OUT_PORT, ofs: 0, n_bits: 16 }))
            }
            ReturnIngress::Holder => None,
        };
        let in_port = in_port.map(|src| LearnSpec::Match { dst: Subfield::whole(Field::InPort), src });
        let family = self.family;
        let mut specs: Vec<LearnSpec> = in_port.into_iter().collect();
        specs.push(constant(Subfield::whole(Field::EthType), family.eth_type().into()));
        specs.extend(carried);
        specs.extend([copied(family.src(), family.dst()), copied(family.dst(), family.src())]);
        specs
    }

    /// Marks packets that policy lets pass: to the ingress port of the teaching packet, or to the
    /// port that the lookup of a shared address gives.
    pub(in crate::compile) fn expected(&self) -> Vec<LearnSpec> {
        let back = (!self.follows).then(|| back_to_port(0));
        let mut specs: Vec<LearnSpec> = back.into_iter().flatten().collect();
        let dst = layout::mark_bit(layout::EXPECTED);
        specs.push(LearnSpec::Load { dst, src: LearnSrc::Immediate(1) });
        specs
    }

    /// Returns a priority that hardly any other rule has, for matches that several rules may teach.
    /// So no rule's flow replaces another's, and revoking one rule leaves the flows of the others.
    pub(in crate::compile) fn own_priority(&self) -> u16 {
        1 + u16::try_from(self.cookie.0 % u64::from(u16::MAX)).unwrap_or(0)
    }

    /// Returns the parts that all learned flows of the rule share.
    pub(in crate::compile) fn frame(&self, table: ofproto::TableId) -> Learn {
        Learn {
            idle_timeout: 0,
            hard_timeout: self.traffic.hard_timeout(),
            priority: RETURN_PRIORITY,
            cookie: self.cookie,
            flags: LEARN_DELETE_LEARNED,
            table,
            fin_idle_timeout: 0,
            fin_hard_timeout: 0,
            limit: self.limit,
            result_dst: None,
            specs: Vec::new(),
        }
    }
}

/// Loads the ingress port of the teaching packet as the output port of the learned flow's packets,
/// with some bits above its number.
pub(in crate::compile) fn back_to_port(high_bits: u32) -> [LearnSpec; 2] {
    let low = Subfield { field: OUT_PORT, ofs: 0, n_bits: 16 };
    let high = Subfield { field: OUT_PORT, ofs: 16, n_bits: 16 };
    [
        LearnSpec::Load { dst: low, src: LearnSrc::Field(Subfield::whole(Field::InPort)) },
        LearnSpec::Load { dst: high, src: LearnSrc::Immediate(u128::from(high_bits >> 16)) },
    ]
}

/// Matches a value.
pub(in crate::compile) fn constant(dst: Subfield, value: u128) -> LearnSpec {
    LearnSpec::Match { dst, src: LearnSrc::Immediate(value) }
}

/// Matches the teaching packet's value of a field.
pub(in crate::compile) fn copied(dst: Field, src: Field) -> LearnSpec {
    LearnSpec::Match { dst: Subfield::whole(dst), src: LearnSrc::Field(Subfield::whole(src)) }
}

fn tcp_flags(ofs: u16, n_bits: u16) -> Subfield {
    Subfield { field: Field::TcpFlags, ofs, n_bits }
}
