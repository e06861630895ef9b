use flow_model::FlowMatch;
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::*;

const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
const B: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn flow(table: u8, priority: u16, matches: FlowMatch, actions: Vec<Action>) -> Flow {
    let mut flow = Flow::new(TableId(table), priority, matches);
    flow.instructions = vec![Instruction::ApplyActions(actions)];
    flow
}

fn out(port: u32) -> Action {
    Action::Output { port: PortNo(port), max_len: 0 }
}

fn resubmit(table: u8) -> Action {
    Action::Resubmit { port: None, table: Some(TableId(table)) }
}

fn tcp() -> Packet {
    Packet::ipv4(A, B, "10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), 6).tcp(1000, 80, TCP_SYN)
}

fn ports(outcome: &Outcome) -> Vec<u32> {
    let port = |o: &Output| if let Output::Port(p) = o { p.0 } else { 0 };
    outcome.outputs.iter().map(|(o, _)| port(o)).collect()
}

#[test]
fn the_highest_priority_wins_and_a_miss_drops() {
    let ip = FlowMatch::any().with(Field::EthType, 0x800);
    let p = Pipeline::new(vec![
        flow(0, 10, ip.clone(), vec![out(2)]),
        flow(0, 20, ip.clone().with(Field::IpProto, 6).with(Field::TcpDst, 80), vec![out(3)]),
    ]);
    assert_eq!(ports(&p.run(PortNo(1), &tcp())), [3]);
    assert_eq!(ports(&p.run(PortNo(1), &tcp().with(Field::TcpDst, 81))), [2]);
    let arp = Packet::arp(A, B, 1, [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let outcome = p.run(PortNo(1), &arp);
    assert_eq!(outcome.dropped_by, Some(Dropped::Miss(TableId(0))));
    // The packet has no IP protocol: a lookup need not read more than the type.
    assert!(!outcome.consulted.contains(Field::TcpDst));
}

#[test]
fn output_to_the_port_of_arrival_is_suppressed() {
    let p = Pipeline::new(vec![flow(0, 1, FlowMatch::any(), vec![out(1), out(2)])]);
    assert_eq!(ports(&p.run(PortNo(1), &tcp())), [2]);
    let back = Pipeline::new(vec![flow(0, 1, FlowMatch::any(), vec![out(PortNo::IN_PORT.0)])]);
    assert_eq!(back.run(PortNo(1), &tcp()).outputs[0].0, Output::InPort(PortNo(1)));
}

#[test]
fn equal_priority_overlap_is_reported() {
    let p = Pipeline::new(vec![
        flow(0, 1, FlowMatch::any().with(Field::InPortOxm, 1), vec![out(2)]),
        flow(0, 1, FlowMatch::any().with(Field::EthType, 0x800), vec![out(3)]),
    ]);
    assert_eq!(p.run(PortNo(1), &tcp()).ambiguous, [[0, 1]]);
    assert!(p.run(PortNo(2), &tcp()).ambiguous.is_empty());
}

#[test]
fn a_later_flow_takes_the_place_of_its_like() {
    let p = Pipeline::new(vec![
        flow(0, 1, FlowMatch::any(), vec![out(2)]),
        flow(0, 1, FlowMatch::any(), vec![out(3)]),
    ]);
    let outcome = p.run(PortNo(1), &tcp());
    assert_eq!(ports(&outcome), [3]);
    assert!(outcome.ambiguous.is_empty());
}

#[test]
fn an_action_set_without_a_way_out_does_nothing() {
    let mut flow = Flow::new(TableId(0), 1, FlowMatch::any().with(Field::EthType, 0x800));
    flow.instructions = vec![Instruction::WriteActions(vec![Action::DecNwTtl])];
    let outcome = Pipeline::new(vec![flow]).run(PortNo(1), &tcp().with(Field::IpTtl, 1));
    assert_eq!(outcome.outputs, []);
}

#[test]
fn a_fragments_ports_count_as_zero() {
    let udp = FlowMatch::any().with(Field::EthType, 0x800).with(Field::IpProto, 17);
    let p = Pipeline::new(vec![
        flow(0, 3, udp.clone().with(Field::UdpDst, 53), vec![out(2)]),
        flow(0, 2, udp.with(Field::UdpDst, 0), vec![out(3)]),
    ]);
    let packet = Packet::ipv4(A, B, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 17).udp(1, 53);
    assert_eq!(ports(&p.run(PortNo(1), &packet)), [2]);
    assert_eq!(ports(&p.run(PortNo(1), &packet.clone().fragment(false))), [3]);
    assert_eq!(ports(&p.run(PortNo(1), &packet.fragment(true))), [3]);
}

#[test]
fn the_action_set_is_executed_at_the_end() {
    let mut first = Flow::new(TableId(0), 1, FlowMatch::any());
    first.instructions = vec![
        Instruction::WriteActions(vec![out(2)]),
        Instruction::WriteMetadata { value: 7, mask: 0xff },
        Instruction::GotoTable(TableId(1)),
    ];
    let mut second = Flow::new(TableId(1), 1, FlowMatch::any().with(Field::Metadata, 7));
    second.instructions =
        vec![Instruction::WriteActions(vec![out(3)]), Instruction::ApplyActions(vec![out(4)])];
    assert_eq!(ports(&Pipeline::new(vec![first, second]).run(PortNo(1), &tcp())), [4, 3]);
}

#[test]
fn endless_recursion_drops() {
    let p = Pipeline::new(vec![flow(0, 1, FlowMatch::any(), vec![out(2), resubmit(0)])]);
    let outcome = p.run(PortNo(1), &tcp());
    assert_eq!(outcome.dropped_by, Some(Dropped::TooDeep));
    assert!(outcome.outputs.is_empty());
}

#[test]
fn a_resubmit_with_a_port_counts_for_the_lookup_only() {
    let p = Pipeline::new(vec![
        flow(
            0,
            1,
            FlowMatch::any(),
            vec![Action::Resubmit { port: Some(PortNo(9)), table: Some(TableId(1)) }],
        ),
        flow(1, 1, FlowMatch::any().with(Field::InPortOxm, 9), vec![out(1), out(9)]),
    ]);
    assert_eq!(ports(&p.run(PortNo(1), &tcp())), [9]);
}

#[test]
fn learning_reverses_a_packet() {
    let whole = Subfield::whole;
    let learn = Learn {
        idle_timeout: 60,
        hard_timeout: 0,
        priority: 110,
        cookie: Cookie(5),
        flags: 0,
        table: TableId(1),
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        limit: 0,
        result_dst: None,
        specs: vec![
            LearnSpec::Match { dst: whole(Field::InPort), src: LearnSrc::Immediate(2) },
            LearnSpec::Match { dst: whole(Field::EthType), src: LearnSrc::Immediate(0x800) },
            LearnSpec::Match { dst: whole(Field::IpProto), src: LearnSrc::Immediate(6) },
            LearnSpec::Match { dst: whole(Field::Ipv4Src), src: LearnSrc::Field(whole(Field::Ipv4Dst)) },
            LearnSpec::Match {
                dst: Subfield { field: Field::TcpFlags, ofs: 4, n_bits: 1 },
                src: LearnSrc::Immediate(1),
            },
            LearnSpec::Match {
                dst: Subfield { field: Field::TcpFlags, ofs: 1, n_bits: 1 },
                src: LearnSrc::Immediate(0),
            },
            LearnSpec::Output { src: whole(Field::InPort) },
        ],
    };
    let mut p = Pipeline::new(vec![
        flow(0, 2, FlowMatch::any().with(Field::InPortOxm, 1), vec![Action::Learn(Box::new(learn)), out(2)]),
        flow(0, 1, FlowMatch::any(), vec![resubmit(1)]),
    ]);
    let reply = Packet::ipv4(B, A, [10, 0, 0, 2].into(), [10, 0, 0, 1].into(), 6).tcp(80, 1000, TCP_ACK);
    assert!(p.run(PortNo(2), &reply).outputs.is_empty());
    let outcome = p.run(PortNo(1), &tcp());
    assert_eq!(outcome.learned.len(), 1);
    assert_eq!(outcome.learned[0].matches.field(Field::TcpFlags).map(|m| m.mask), Some(0x12));
    assert!(p.learn(outcome.learned.clone()));
    assert!(!p.learn(outcome.learned));
    assert_eq!(ports(&p.run(PortNo(2), &reply)), [1]);
    assert!(p.run(PortNo(2), &reply.with(Field::TcpFlags, TCP_SYN.into())).outputs.is_empty());
}

#[test]
fn a_field_that_the_packet_has_not_is_not_set() {
    let set = Action::Load { dst: Subfield::whole(Field::Ipv4Dst), value: 1 };
    let p = Pipeline::new(vec![flow(0, 1, FlowMatch::any(), vec![set, out(2)])]);
    let arp = Packet::arp(A, B, 1, [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    assert_eq!(p.run(PortNo(1), &arp).outputs[0].1, arp);
    assert_eq!(p.run(PortNo(1), &tcp()).outputs[0].1.value(Field::Ipv4Dst), Some(1));
}

#[test]
fn registers_overlap() {
    let mut packet = tcp();
    packet.put(Field::Xxreg0, 0x0000_0001_0000_0002_0000_0003_0000_0004);
    assert_eq!(packet.value(Field::Reg0), Some(1));
    assert_eq!(packet.value(Field::Xreg1), Some(0x0000_0003_0000_0004));
}

#[test]
fn text_is_what_trace_takes() {
    assert_eq!(
        tcp().tagged(5, 1).to_text(Some(PortNo::LOCAL)),
        "in_port=LOCAL,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,dl_type=0x0800,vlan_tci=0x3005,\
         nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_proto=6,nw_tos=0,nw_ecn=0,nw_ttl=64,tcp_src=1000,tcp_dst=80,\
         tcp_flags=0x0002"
    );
}

#[test]
fn many_flows_are_found_as_few_are() {
    // Enough flows to make the index branch; compared with a search of every flow.
    let mut flows = Vec::new();
    for port in 1..6u32 {
        for host in 0..20u32 {
            let m = FlowMatch::any().with(Field::InPortOxm, port.into()).with(Field::EthType, 0x800);
            let m = if host % 3 == 0 {
                m.with_masked(Field::Ipv4Dst, host.into(), 0xff)
            } else {
                m.with(Field::Ipv4Dst, (0x0a00_0000 + host).into())
            };
            flows.push(flow(0, u16::try_from(100 + 2 * host).unwrap(), m, vec![out(port * 100 + host)]));
        }
    }
    flows.push(flow(0, 111, FlowMatch::any().with(Field::EthType, 0x800), vec![out(9)]));
    let p = Pipeline::new(flows.clone());
    for port in 1..7 {
        for host in 0..25u8 {
            let packet = tcp().with(Field::Ipv4Dst, u32::from_be_bytes([10, 0, 0, host]).into());
            let seen = packet.clone().with(Field::InPortOxm, port);
            let admits = |f: &Flow| f.matches.iter().all(|(field, m)| m.admits(seen.value(field).unwrap()));
            let best = flows.iter().enumerate().filter(|(_, f)| admits(f)).max_by_key(|(_, f)| f.priority);
            let outcome = p.run(PortNo(u32::try_from(port).unwrap()), &packet);
            assert_eq!(outcome.path.first().map(|s| s.flow), best.map(|(n, _)| n));
        }
    }
}
