//! Two bridges with three tables each, and packets of ten free bits from four ports: all are enumerated.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bdd::Variable;
use flow_model::{Flow, FlowMatch, Masked};
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId, ethertype, ip_protocol};
use proptest::prelude::*;

use crate::verify::interp::{Output, Packet, Pipeline};
use crate::verify::symbolic::layout::{self, ORIGIN};
use crate::verify::symbolic::{Asked, BridgeInput, BridgePort, Engine, Limits, World};

/// The free bits of a packet: the lowest bits of these fields.
const FREE: [(Field, u16); 3] = [(Field::Ipv4Src, 4), (Field::Ipv4Dst, 4), (Field::UdpDst, 2)];
/// Ports of a bridge; port 3 of both is the wire between them.
const PORTS: [u32; 3] = [1, 2, 3];
const WIRE: u32 = 3;
const TABLES: u8 = 3;

/// A packet as it leaves: the bits of [`FREE`].
type Seen = BTreeMap<BridgePort, BTreeSet<(u16, Vec<u128>)>>;

fn field_bits() -> impl Strategy<Value = (Field, Masked)> {
    (0..FREE.len(), any::<u8>(), any::<u8>()).prop_map(|(which, value, mask)| {
        let (field, bits) = FREE[which];
        let free = (1_u128 << bits) - 1;
        let mask = u128::from(mask) & free;
        (field, Masked { value: u128::from(value) & mask, mask })
    })
}

fn matches() -> impl Strategy<Value = FlowMatch> {
    let register = prop::option::weighted(0.3, (0_u128..3, 0_usize..2));
    let port = prop::option::weighted(0.3, 0..PORTS.len());
    (prop::collection::vec(field_bits(), 0..3), register, port).prop_map(|(fields, register, port)| {
        let mut matches = FlowMatch::any()
            .with(Field::EthType, ethertype::IPV4.into())
            .with(Field::IpProto, ip_protocol::UDP.into());
        for (field, bits) in fields {
            matches.set(field, bits);
        }
        if let Some((value, which)) = register {
            matches = matches.with(Field::REGISTERS[which], value);
        }
        if let Some(port) = port {
            matches = matches.with(Field::InPortOxm, PORTS[port].into());
        }
        matches
    })
}

fn part(which: usize) -> Subfield {
    let (field, n_bits) = FREE[which];
    Subfield { field, ofs: 0, n_bits: n_bits.min(2) }
}

fn register(which: usize) -> Subfield {
    Subfield { field: Field::REGISTERS[which], ofs: 0, n_bits: 2 }
}

fn learn(table: u8) -> impl Strategy<Value = Action> {
    let spec = (0..FREE.len(), 0..FREE.len(), 0_u8..4);
    (prop::collection::vec(spec, 1..3), 0_u16..6, 0_usize..2).prop_map(move |(specs, priority, output)| {
        let mut list = vec![
            LearnSpec::Match {
                dst: Subfield::whole(Field::EthType),
                src: LearnSrc::Immediate(ethertype::IPV4.into()),
            },
            LearnSpec::Match {
                dst: Subfield::whole(Field::IpProto),
                src: LearnSrc::Immediate(ip_protocol::UDP.into()),
            },
        ];
        for (dst, src, value) in specs {
            let src = if value == 0 { LearnSrc::Immediate(1) } else { LearnSrc::Field(part(src)) };
            if !list.iter().any(
                |spec| matches!(spec, LearnSpec::Match { dst: known, .. } if known.field == part(dst).field),
            ) {
                list.push(LearnSpec::Match { dst: part(dst), src });
            }
        }
        list.push(if output == 0 {
            LearnSpec::Output { src: Subfield { field: Field::InPort, ofs: 0, n_bits: 16 } }
        } else {
            LearnSpec::Load { dst: register(0), src: LearnSrc::Field(part(1)) }
        });
        Action::Learn(Box::new(Learn {
            idle_timeout: 0,
            hard_timeout: 10,
            priority,
            cookie: Cookie(7),
            flags: 0,
            table: TableId(table),
            fin_idle_timeout: 0,
            fin_hard_timeout: 0,
            limit: 0,
            result_dst: None,
            specs: list,
        }))
    })
}

fn action(learns: bool) -> BoxedStrategy<Action> {
    let output = (1_u32..4).prop_map(|port| Action::Output { port: PortNo(port), max_len: 0 });
    let plain = prop_oneof![
        4 => output,
        1 => Just(Action::Output { port: PortNo::IN_PORT, max_len: 0 }),
        1 => Just(Action::Output { port: PortNo::FLOOD, max_len: 0 }),
        2 => (0_usize..2, 0_u64..3).prop_map(|(which, value)| Action::Load { dst: register(which), value }),
        2 => (0..FREE.len(), 0_u64..4).prop_map(|(which, value)| Action::Load { dst: part(which), value }),
        2 => (0..FREE.len(), 0_usize..2).prop_map(|(from, to)| Action::Move { src: part(from), dst: register(to) }),
        1 => (0..FREE.len(), 0_usize..2).prop_map(|(to, from)| Action::Move { src: register(from), dst: part(to) }),
        1 => (0..FREE.len(), 0..FREE.len()).prop_map(|(from, to)| Action::Move { src: part(from), dst: part(to) }),
        2 => (0..TABLES).prop_map(|table| Action::Resubmit { port: None, table: Some(TableId(table)) }),
        1 => Just(Action::Exit),
        1 => (1_u32..4).prop_map(|port| Action::Clone(vec![Action::Output { port: PortNo(port), max_len: 0 }])),
        1 => (0_usize..2).prop_map(|which| Action::OutputReg { src: register(which), max_len: 0 }),
    ];
    if learns {
        prop_oneof![5 => plain, 1 => (0..TABLES).prop_flat_map(learn)].boxed()
    } else {
        plain.boxed()
    }
}

fn instructions(table: u8, learns: bool) -> impl Strategy<Value = Vec<Instruction>> {
    let apply = prop::collection::vec(action(learns), 0..4);
    let write = prop::option::weighted(0.2, 1_u32..4);
    let goto = prop::option::weighted(0.5, table..TABLES);
    (apply, write, goto).prop_map(move |(apply, write, goto)| {
        let mut list = vec![Instruction::ApplyActions(apply)];
        list.extend(
            write.map(|port| {
                Instruction::WriteActions(vec![Action::Output { port: PortNo(port), max_len: 0 }])
            }),
        );
        list.extend(goto.filter(|goto| *goto > table).map(|goto| Instruction::GotoTable(TableId(goto))));
        list
    })
}

/// Flows of one bridge. Each has a priority of its own, so that no lookup is ambiguous.
fn flows(learns: bool) -> impl Strategy<Value = Vec<Flow>> {
    let flow = (0..TABLES, matches()).prop_flat_map(move |(table, matches)| {
        instructions(table, learns).prop_map(move |instructions| (table, matches.clone(), instructions))
    });
    prop::collection::vec(flow, 1..10).prop_map(|flows| {
        let flow = |(n, (table, matches, instructions)): (u16, (u8, FlowMatch, Vec<Instruction>))| {
            let mut flow = Flow::new(TableId(table), 10 + n, matches);
            flow.cookie = Cookie(n.into());
            flow.instructions = instructions;
            flow
        };
        (0..).zip(flows).map(flow).collect()
    })
}

fn packets() -> impl Iterator<Item = Packet> {
    let bits: u16 = FREE.iter().map(|(_, bits)| bits).sum();
    (0_u128..1 << bits).map(|number| {
        let base = Packet::ipv4(
            [2, 0, 0, 0, 0, 1],
            [2, 0, 0, 0, 0, 2],
            [10, 0, 0, 0].into(),
            [10, 0, 0, 0].into(),
            17,
        );
        let mut packet = base.udp(9, 0);
        let mut rest = number;
        for (field, bits) in FREE {
            let free = (1 << bits) - 1;
            packet.put(field, packet.value(field).unwrap_or(0) & !free | rest & free);
            rest >>= bits;
        }
        packet
    })
}

fn bits_of(packet: &Packet) -> Vec<u128> {
    FREE.iter().map(|(field, bits)| packet.value(*field).unwrap_or(0) & ((1 << bits) - 1)).collect()
}

/// Sends every packet from every port, and collects where it arrives. Returns `None` if a packet is
/// resubmitted too deep, or if the interpreter does not know an action.
fn interpreted(bridges: &mut [Pipeline]) -> Option<Seen> {
    let mut seen = Seen::new();
    for round in 0..4 {
        let mut learned: Vec<Vec<Flow>> = vec![Vec::new(); bridges.len()];
        for packet in packets() {
            for (class, (bridge, port)) in (0..).zip(sources()) {
                let mut open = vec![(bridge, port, packet.clone())];
                let mut known: Vec<(usize, PortNo, Packet)> = open.clone();
                while let Some((bridge, port, packet)) = open.pop() {
                    let outcome = bridges[bridge].run(port, &packet);
                    if outcome.dropped_by == Some(crate::verify::interp::Dropped::TooDeep) {
                        return None;
                    }
                    learned[bridge].extend(outcome.learned);
                    for (output, packet) in outcome.outputs {
                        let ports: Vec<PortNo> = match output {
                            Output::Port(port) | Output::InPort(port) => vec![port],
                            Output::Flood => PORTS
                                .map(PortNo)
                                .into_iter()
                                .chain([PortNo::LOCAL])
                                .filter(|p| *p != port)
                                .collect(),
                            _ => continue,
                        };
                        for out in ports {
                            seen.entry((bridge, out)).or_default().insert((class, bits_of(&packet)));
                            let next = (1 - bridge, PortNo(WIRE), packet.clone());
                            if out == PortNo(WIRE) && !known.contains(&next) {
                                known.push(next.clone());
                                open.push(next);
                            }
                        }
                    }
                }
            }
        }
        let mut changed = false;
        for (pipeline, flows) in bridges.iter_mut().zip(learned) {
            changed |= pipeline.learn(flows);
        }
        if !changed || round == 3 {
            break;
        }
    }
    Some(seen)
}

fn sources() -> impl Iterator<Item = BridgePort> {
    (0..2).flat_map(|bridge| PORTS.into_iter().filter(|p| *p != WIRE).map(move |port| (bridge, PortNo(port))))
}

/// The sets of the engine, as the same packets.
fn symbolic(bridges: &[Vec<Flow>]) -> Option<Seen> {
    let mut world = World::default();
    for flows in bridges {
        let mut bridge = BridgeInput::new(PORTS.map(PortNo));
        flows.iter().for_each(|flow| bridge.add(flow, false));
        world.bridges.push(bridge);
    }
    world.wires.insert((0, PortNo(WIRE)), (1, PortNo(WIRE)));
    world.wires.insert((1, PortNo(WIRE)), (0, PortNo(WIRE)));
    world.sources = sources().zip(0..).collect();
    let mut start = FlowMatch::any();
    let base = packets().next()?;
    for (field, value) in base.headers() {
        let free = FREE.iter().find(|(known, _)| *known == field).map_or(0, |(_, bits)| (1 << bits) - 1);
        start.set(field, Masked { value: value & !free, mask: field.info().exact() & !free });
    }
    world.start = start;
    let asked = Asked::about(FREE.map(|(field, _)| field));
    let mut engine = Engine::new(&world, &asked, Limits::default());
    engine.run();
    assert_eq!(engine.gaps().collect::<Vec<_>>(), Vec::<&str>::new());
    let mut seen = Seen::new();
    let arrivals: Vec<(BridgePort, bdd::Bdd)> = engine.arrivals.iter().map(|(at, a)| (*at, a.set)).collect();
    for (at, set) in arrivals {
        for (class, _) in (0_u16..).zip(sources()) {
            let origin = (0..16).map(|n| (ORIGIN.bit(n), class >> n & 1 == 1));
            for packet in packets() {
                let mut values: HashMap<Variable, bool> = origin.clone().collect();
                for (field, _) in FREE {
                    let value = packet.value(field).unwrap_or(0);
                    let bits = (0..field.info().bits.into())
                        .filter_map(|n| Some((layout::variable(field, n)?, value >> n & 1 == 1)));
                    values.extend(bits);
                }
                if engine.diagrams.contains(set, |variable| values.get(&variable).copied().unwrap_or(false)) {
                    seen.entry(at).or_default().insert((class, bits_of(&packet)));
                }
            }
        }
    }
    seen.retain(|(_, port), _| *port != PortNo::CONTROLLER);
    Some(seen)
}

/// Returns the flows, and one packet of each difference.
fn differences(bridges: &[Vec<Flow>], found: &Seen, wanted: &Seen) -> String {
    let mut text = String::new();
    for (number, flows) in bridges.iter().enumerate() {
        for flow in flows {
            text +=
                &format!("bridge {number}: {}\n", ofctl::syntax::print_flow(flow, &BTreeMap::new()).trim());
        }
    }
    let nothing = BTreeSet::new();
    for at in found.keys().chain(wanted.keys()) {
        let (found, wanted) = (found.get(at).unwrap_or(&nothing), wanted.get(at).unwrap_or(&nothing));
        let (more, less) = (found.difference(wanted).next(), wanted.difference(found).next());
        text += &format!("{at:?}: only here {more:?}, only the interpreter {less:?}\n");
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sets_are_those_of_the_interpreter(one in flows(false), other in flows(false)) {
        let bridges = [one, other];
        let Some(wanted) = interpreted(&mut bridges.clone().map(Pipeline::new)) else { return Ok(()) };
        let found = symbolic(&bridges).unwrap();
        prop_assert!(found == wanted, "{}", differences(&bridges, &found, &wanted));
    }

    #[test]
    fn learned_flows_reach_no_further(one in flows(true), other in flows(true)) {
        let bridges = [one, other];
        let Some(wanted) = interpreted(&mut bridges.clone().map(Pipeline::new)) else { return Ok(()) };
        let found = symbolic(&bridges).unwrap();
        for (at, packets) in wanted {
            let known = found.get(&at).cloned().unwrap_or_default();
            prop_assert!(packets.is_subset(&known), "{at:?}: {}", differences(&bridges, &found, &Seen::from([(at, packets)])));
        }
    }
}
