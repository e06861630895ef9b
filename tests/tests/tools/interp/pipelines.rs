//! Flows from random bytes: every action and instruction that the interpreter knows, on few tables and values.

use flows::{Flow, FlowMatch};
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};
use ofproto::{Cookie, MacAddr, PortNo, TableId};

use super::packets::{Gene, MACS, TRANSPORT_PORTS, V4, V6};

const TABLES: u8 = 4;

/// Priorities are all different: which of two flows of one priority wins is for no switch to say.
pub(crate) fn decode(genes: &[[u8; 32]]) -> Vec<Flow> {
    let flows = genes.iter().enumerate().map(|(n, gene)| flow(u16::try_from(n).unwrap(), gene));
    flows.collect()
}

fn flow(n: u16, gene: &[u8]) -> Flow {
    let mut g = Gene(gene);
    let g = &mut g;
    // Half of them in table 0, or the others are never seen.
    let table = g.pick(&[0, 0, 0, 1, 2, 3]);
    // Wide matches where packets have to pass on their way to later tables.
    let kind = if g.below(2) == 0 { Kind::Any } else { Kind::of(g) };
    let mut matches = kind.matches(g);
    if g.below(3) == 0 {
        matches
            .set(Field::InPortOxm, flows::Masked::exact(Field::InPortOxm, g.pick(&[1, 2, 3, 0xffff_fffe])));
    }
    if g.below(4) == 0 {
        matches = matches.with_masked(Field::Reg0, g.pick(&[0, 1, 7]), g.pick(&[1, 0xff, 0xffff_ffff]));
    }
    if g.below(6) == 0 {
        matches = matches.with_masked(Field::Metadata, g.pick(&[0, 1, 3]), g.pick(&[1, 3]));
    }
    let mut flow = Flow::new(TableId(table), 100 + n, matches);
    flow.cookie = Cookie(u64::from(n) + 1);
    let actions: Vec<Action> = (0..g.below(5)).flat_map(|_| action(g, kind, table)).collect();
    flow.instructions.push(Instruction::ApplyActions(actions));
    if g.below(8) == 0 {
        flow.instructions.push(Instruction::ClearActions);
    }
    if g.below(3) == 0 {
        let actions = (0..=g.below(3)).map(|_| in_set(g, kind)).collect();
        flow.instructions.push(Instruction::WriteActions(actions));
    }
    if g.below(4) == 0 {
        flow.instructions.push(Instruction::WriteMetadata { value: g.pick(&[1, 2, 3]), mask: 3 });
    }
    if table + 1 < TABLES && g.below(3) != 0 {
        let next = table + 1 + u8::try_from(g.below(usize::from(TABLES - table - 1))).unwrap();
        flow.instructions.push(Instruction::GotoTable(TableId(next)));
    }
    flow
}

/// What a flow knows of its packets, and so what its actions may touch.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Any,
    Ipv4,
    Tcp,
    Udp,
    Icmp,
    Ipv6,
    Nd,
    Arp,
    Tagged,
    Untagged,
}

impl Kind {
    fn of(g: &mut Gene<'_>) -> Self {
        use Kind::{Any, Arp, Icmp, Ipv4, Ipv6, Nd, Tagged, Tcp, Udp, Untagged};
        g.pick(&[Any, Any, Ipv4, Ipv4, Tcp, Tcp, Udp, Icmp, Ipv6, Nd, Arp, Tagged, Untagged])
    }

    fn is_ipv4(self) -> bool {
        matches!(self, Kind::Ipv4 | Kind::Tcp | Kind::Udp | Kind::Icmp)
    }

    fn matches(self, g: &mut Gene<'_>) -> FlowMatch {
        let any = FlowMatch::any();
        let v4 = |a: [u8; 4]| u128::from(u32::from_be_bytes(a));
        let mut m = match self {
            Kind::Any => {
                return if g.below(2) == 0 { any.with(Field::EthDst, mac(g.pick(&MACS))) } else { any };
            }
            Kind::Tagged => return any.with_masked(Field::VlanVid, 0x1005, g.pick(&[0x1000, 0x1fff])),
            Kind::Untagged => return any.with(Field::VlanVid, 0),
            Kind::Arp => {
                let m = any.with(Field::EthType, 0x806).with(Field::ArpOp, g.pick(&[1, 2]));
                return m.with_masked(Field::ArpSpa, v4(g.pick(&V4)), g.pick(&[0xffff_ffff, 0xffff_ff00]));
            }
            Kind::Ipv6 => {
                return any.with(Field::EthType, 0x86dd).with_masked(
                    Field::Ipv6Src,
                    g.pick(&V6),
                    g.pick(&[u128::MAX, u128::MAX << 64]),
                );
            }
            Kind::Nd => {
                let m =
                    any.with(Field::EthType, 0x86dd).with(Field::IpProto, 58).with(Field::Icmpv6Type, 135);
                return m.with(Field::Icmpv6Code, 0).with(Field::NdTarget, g.pick(&V6));
            }
            Kind::Ipv4 => any.with(Field::EthType, 0x800),
            Kind::Tcp => any.with(Field::EthType, 0x800).with(Field::IpProto, 6),
            Kind::Udp => any.with(Field::EthType, 0x800).with(Field::IpProto, 17),
            Kind::Icmp => any.with(Field::EthType, 0x800).with(Field::IpProto, 1),
        };
        if g.below(2) == 0 {
            let mask = g.pick(&[0xffff_ffff, 0xffff_ff00, 0x0000_00ff]);
            m = m.with_masked(g.pick(&[Field::Ipv4Src, Field::Ipv4Dst]), v4(g.pick(&V4)), mask);
        }
        let port = u128::from(g.pick(&TRANSPORT_PORTS));
        match (self, g.below(4)) {
            (Kind::Tcp, 0) => m.with(Field::TcpDst, port),
            (Kind::Tcp, 1) => m.with_masked(Field::TcpFlags, 0x010, g.pick(&[0x012, 0x010])),
            (Kind::Udp, 0 | 1) => m.with(Field::UdpDst, port),
            (Kind::Udp, 2) => m.with(Field::UdpSrc, g.pick(&[0, port])),
            (Kind::Icmp, 0 | 1) => m.with(Field::Icmpv4Type, g.pick(&[0, 8])),
            (Kind::Ipv4, 0) => m.with_masked(Field::IpFrag, g.pick(&[0, 1, 3]), g.pick(&[1, 3])),
            (Kind::Ipv4, 1) => m.with(Field::IpProto, g.pick(&[47, 132])),
            _ => m,
        }
    }
}

fn mac(mac: [u8; 6]) -> u128 {
    MacAddr(mac).bits()
}

fn port(g: &mut Gene<'_>) -> PortNo {
    // 9 is no port of the bridge.
    let reserved = [PortNo::IN_PORT, PortNo::ALL, PortNo::FLOOD, PortNo::LOCAL, PortNo::CONTROLLER];
    match g.below(8) {
        0 => g.pick(&reserved),
        1 => PortNo(9),
        _ => g.pick(&[PortNo(1), PortNo(2), PortNo(3), PortNo(4)]),
    }
}

fn set(g: &mut Gene<'_>, kind: Kind) -> Action {
    let known = |field: Field, value: u128| Action::SetField(Oxm::Known { field, value, mask: None });
    let v4 = u128::from(u32::from_be_bytes(g.pick(&V4)));
    let transport = u128::from(g.pick(&TRANSPORT_PORTS));
    match (kind, g.below(4)) {
        (_, 0) => known(Field::EthSrc, mac(g.pick(&MACS[..2]))),
        (Kind::Tcp, 1) => known(Field::TcpDst, transport),
        (k, 1 | 2) if k.is_ipv4() => known(g.pick(&[Field::Ipv4Src, Field::Ipv4Dst]), v4),
        (Kind::Arp, 1 | 2) => known(g.pick(&[Field::ArpSpa, Field::ArpTpa]), v4),
        (Kind::Ipv6 | Kind::Nd, 1 | 2) => known(Field::Ipv6Dst, g.pick(&V6)),
        _ => {
            let ofs = g.pick(&[0, 8]);
            let dst = Subfield { field: Field::Reg0, ofs, n_bits: g.pick(&[1, 8, 16]) };
            Action::Load { dst, value: g.pick(&[0, 1]) }
        }
    }
}

/// What an action set may hold.
fn in_set(g: &mut Gene<'_>, kind: Kind) -> Action {
    match g.below(5) {
        0 => set(g, kind),
        1 if kind.is_ipv4() || kind == Kind::Ipv6 => Action::DecNwTtl,
        2 => Action::PushVlan(0x8100),
        _ => Action::Output { port: port(g), max_len: 0xffff },
    }
}

fn action(g: &mut Gene<'_>, kind: Kind, table: u8) -> Vec<Action> {
    let ip = kind.is_ipv4() || kind == Kind::Ipv6;
    let one = match g.below(16) {
        0..=4 => Action::Output { port: port(g), max_len: 0xffff },
        5 | 6 => set(g, kind),
        7 => {
            let back = g.below(6) == 0;
            let later = table + 1 + u8::try_from(g.below(3)).unwrap();
            let to = if back { g.pick(&[0, table]) } else { later };
            let port = [None, None, Some(PortNo(2)), Some(PortNo::LOCAL)];
            Action::Resubmit { port: g.pick(&port), table: Some(TableId(to)) }
        }
        8 if ip => Action::DecNwTtl,
        8 if kind == Kind::Tagged => Action::PopVlan,
        9 => {
            let vid = Oxm::Known { field: Field::VlanVid, value: 0x1000 | u128::from(g.byte()), mask: None };
            return vec![Action::PushVlan(0x8100), Action::SetField(vid)];
        }
        10 if g.below(4) == 0 => Action::Exit,
        11 => {
            let to = Subfield { field: Field::Reg1, ofs: 0, n_bits: 16 };
            let from = Subfield { field: g.pick(&[Field::InPort, Field::Reg0]), ofs: 0, n_bits: 16 };
            let max_len = 0xffff;
            return vec![Action::Move { src: from, dst: to }, Action::OutputReg { src: to, max_len }];
        }
        12 if kind.is_ipv4() => {
            let (src, dst) = (Subfield::whole(Field::Ipv4Src), Subfield::whole(Field::Reg2));
            let back = Action::Move { src: dst, dst: Subfield::whole(Field::Ipv4Dst) };
            return vec![Action::Move { src, dst }, back];
        }
        13 => Action::Move { src: Subfield::whole(Field::EthSrc), dst: Subfield::whole(Field::EthDst) },
        14 => Action::Learn(Box::new(learn(g, kind))),
        15 => Action::Note(vec![1; 6].into()),
        _ => set(g, kind),
    };
    vec![one]
}

/// A `learn` into the last table: `-generate` makes the switch do it.
fn learn(g: &mut Gene<'_>, kind: Kind) -> Learn {
    let whole = Subfield::whole;
    let mut specs =
        vec![LearnSpec::Match { dst: whole(Field::EthDst), src: LearnSrc::Field(whole(Field::EthSrc)) }];
    if kind.is_ipv4() {
        specs.push(LearnSpec::Match { dst: whole(Field::EthType), src: LearnSrc::Immediate(0x800) });
        specs.push(LearnSpec::Match {
            dst: Subfield { field: Field::Ipv4Src, ofs: 8, n_bits: 24 },
            src: LearnSrc::Field(Subfield { field: Field::Ipv4Dst, ofs: 8, n_bits: 24 }),
        });
    }
    if kind == Kind::Tcp {
        specs.push(LearnSpec::Match { dst: whole(Field::IpProto), src: LearnSrc::Immediate(6) });
        specs
            .push(LearnSpec::Match { dst: whole(Field::TcpSrc), src: LearnSrc::Field(whole(Field::TcpDst)) });
        for (ofs, value) in [(4, 1), (1, 0)] {
            let dst = Subfield { field: Field::TcpFlags, ofs, n_bits: 1 };
            specs.push(LearnSpec::Match { dst, src: LearnSrc::Immediate(value) });
        }
    }
    if g.below(2) == 0 {
        let dst = Subfield { field: Field::Reg0, ofs: g.pick(&[0, 4]), n_bits: 16 };
        specs.push(LearnSpec::Load {
            dst,
            src: LearnSrc::Field(Subfield { field: Field::InPort, ofs: 0, n_bits: 16 }),
        });
    }
    if g.below(2) == 0 {
        specs.push(LearnSpec::Load {
            dst: whole(Field::EthSrc),
            src: LearnSrc::Immediate(mac(g.pick(&MACS[..2]))),
        });
    }
    specs.push(LearnSpec::Output { src: whole(Field::InPort) });
    Learn {
        idle_timeout: 600,
        hard_timeout: g.pick(&[0, 900]),
        // Above every other flow's.
        priority: 1000,
        cookie: Cookie(0xbeef),
        flags: g.pick(&[0, 1]),
        table: TableId(TABLES - 1),
        fin_idle_timeout: if kind == Kind::Tcp { g.pick(&[0, 5]) } else { 0 },
        fin_hard_timeout: 0,
        limit: 0,
        result_dst: None,
        specs,
    }
}
