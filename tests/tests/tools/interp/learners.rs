//! `learn` executed by a controller writes what Open vSwitch's own `learn` writes: two bridges of one switch, of which one
//! learns by itself, and the other is sent the flow_mods.

use flows::learner::Learner;
use flows::runtime::userspace_learn::{Dialect, LearnedFlowMirror, packet_of, react};
use flows::verify::interp::{Packet, Pipeline};
use flows::{Flow, FlowMatch};
use ofctl::syntax::{NoNames, parse_flow};
use ofproto::action::{Action, LEARN_WRITE_RESULT, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::message::{FLOW_SEND_FLOW_REM, FlowMod, FlowModCommand, Message, PacketIn};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Cookie, PortNo, TableId};
use portcullis_tests::frames;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::packets::{self, Gene};
use super::switch::{Session, Switch};

const THEIRS: &str = "br0";
const OURS: &str = "br1";

/// The two bridges, and what a controller knows.
struct Both<'s> {
    switch: &'s Switch,
    theirs: Session,
    ours: Session,
    mirror: LearnedFlowMirror,
    learner: Flow,
}

impl<'s> Both<'s> {
    /// Puts the learner into the bridge that learns by itself, and nothing into the other.
    fn new(switch: &'s Switch, learner: Flow) -> Option<Self> {
        let taken = switch.install(THEIRS, vec![learner.clone()]);
        switch.install(OURS, Vec::new());
        let (theirs, ours) = (Session::open(switch, THEIRS), Session::open(switch, OURS));
        let mirror = LearnedFlowMirror::new(1_000, Dialect::Nicira);
        (taken.len() == 1).then_some(Self { switch, theirs, ours, mirror, learner })
    }

    fn actions(&self) -> &[Action] {
        let [Instruction::ApplyActions(actions)] = self.learner.instructions.as_slice() else { panic!() };
        actions
    }

    /// A packet that matches the learner; both learn, and tell the same about it.
    fn packet(&mut self, in_port: PortNo, packet: &Packet) {
        let text = self.switch.trace_quick(THEIRS, &packet.to_text(Some(in_port)));
        let packet = packet.clone().with(Field::InPortOxm, in_port.0.into());
        let actions = self.actions().to_vec();
        let reaction = react(&actions, &packet, &mut self.mirror, 0);
        assert_eq!(reaction.errors, [], "{:?}", self.learner);
        for change in reaction.flow_mods {
            self.change_ours(change);
        }
        let said: Vec<bool> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("-> NXM_NX_REG7[0] is now "))
            .map(|value| value != "0")
            .collect();
        let result = Subfield { field: Field::Reg7, ofs: 0, n_bits: 1 };
        assert_eq!(loads(&reaction.actions, result), said, "{text}");
    }

    fn change_ours(&mut self, change: FlowMod) {
        self.ours.send(&Message::FlowMod(change.clone()), 1);
        assert_eq!(self.ours.barrier(), Vec::<u32>::new(), "{change:?}");
    }

    /// The same change by hand in both, of which the controller gets to know by reading.
    fn change_both(&mut self, line: &str) {
        let flow = parse_flow(line, &NoNames).unwrap();
        let change = flow.to_flow_mod(FlowModCommand::Add);
        self.theirs.send(&Message::FlowMod(change.clone()), 1);
        assert_eq!(self.theirs.barrier(), Vec::<u32>::new());
        self.change_ours(change);
        self.mirror.begin_read();
        let deletions = self.switch.flows(OURS).iter().filter_map(|flow| self.mirror.read(flow, 0)).count();
        assert_eq!(deletions, 0);
    }

    /// Takes the learner away.
    fn without_learner(&mut self) {
        let gone = self.learner.to_flow_mod(FlowModCommand::DeleteStrict);
        self.theirs.send(&Message::FlowMod(gone), 1);
        assert_eq!(self.theirs.barrier(), Vec::<u32>::new());
        let learner = Learner::of(&self.learner).unwrap().unwrap();
        let learns: Vec<Learn> = learner.deleters().cloned().collect();
        for (n, learn) in learns.iter().enumerate() {
            if let Some(change) = self.mirror.unlearn(learn, &learns[n + 1..]) {
                self.change_ours(change);
            }
        }
    }

    /// Both bridges have the same flows, and the mirror knows them. Returns how many.
    fn agree(&self) -> usize {
        // Ours are always to tell when they end.
        let told = |mut flow: Flow| {
            flow.flags |= FLOW_SEND_FLOW_REM;
            flow
        };
        let sorted = |flows: Vec<Flow>| {
            let flows = flows.into_iter().filter(|flow| flow.table != TableId(0)).map(told);
            let mut text: Vec<String> = flows.map(|flow| format!("{flow:?}")).collect();
            text.sort();
            text
        };
        let theirs = sorted(self.switch.flows(THEIRS));
        assert_eq!(sorted(self.switch.flows(OURS)), theirs, "{:?}", self.learner);
        assert_eq!(sorted(self.mirror.flows().collect()), theirs, "{:?}", self.learner);
        theirs.len()
    }
}

/// What is loaded into a bit, one after the other.
fn loads(actions: &[Action], bit: Subfield) -> Vec<bool> {
    let one = |action: &Action| match action {
        Action::Load { dst, value } if *dst == bit => vec![*value == 1],
        Action::Clone(inner) => loads(inner, bit),
        _ => Vec::new(),
    };
    actions.iter().flat_map(one).collect()
}

fn start() -> Switch {
    Switch::start(&[(THEIRS, 5), (OURS, 5)])
}

fn whole(field: Field) -> Subfield {
    Subfield::whole(field)
}

fn part(field: Field, ofs: u16, n_bits: u16) -> Subfield {
    Subfield { field, ofs, n_bits }
}

/// What the packets of a learner are.
const KINDS: [&[(Field, u128)]; 6] = [
    &[],
    &[(Field::EthType, 0x800)],
    &[(Field::EthType, 0x800), (Field::IpProto, 6)],
    &[(Field::EthType, 0x800), (Field::IpProto, 17)],
    &[(Field::EthType, 0x86dd), (Field::IpProto, 58)],
    &[(Field::EthType, 0x806)],
];

/// Fields of one width of packets of a kind.
fn alike(kind: usize) -> Vec<&'static [Field]> {
    let mut all: Vec<&[Field]> = vec![
        &[Field::EthSrc, Field::EthDst],
        &[Field::InPort],
        &[Field::VlanTci],
        &[Field::Reg0, Field::Reg1],
        &[Field::Xreg0, Field::Xreg1, Field::Metadata],
        &[Field::Xxreg0],
    ];
    let more: &[&[Field]] = match kind {
        1 => &[
            &[Field::Ipv4Src, Field::Ipv4Dst, Field::Reg0],
            &[Field::IpTtl, Field::IpProto],
            &[Field::IpEcn],
        ],
        2 => &[&[Field::Ipv4Src, Field::Ipv4Dst], &[Field::TcpSrc, Field::TcpDst, Field::InPort]],
        3 => &[&[Field::Ipv4Src, Field::Ipv4Dst], &[Field::UdpSrc, Field::UdpDst]],
        4 => &[&[Field::Ipv6Src, Field::Ipv6Dst, Field::Xxreg0], &[Field::Icmpv6Type, Field::Icmpv6Code]],
        5 => &[&[Field::ArpSpa, Field::ArpTpa, Field::Reg1], &[Field::ArpSha, Field::ArpTha, Field::EthSrc]],
        _ => &[],
    };
    all.extend(more);
    all
}

fn bits(g: &mut Gene<'_>, width: u16) -> (u16, u16) {
    // Mostly whole fields.
    if g.below(3) != 0 {
        return (0, width);
    }
    let ofs = u16::from(g.byte()) % width;
    (ofs, 1 + u16::from(g.byte()) % (width - ofs))
}

fn source(g: &mut Gene<'_>, fields: &[Field], ofs: u16, n_bits: u16) -> LearnSrc {
    // What a tag says without being one, OpenFlow 1.3 cannot say.
    if g.below(4) == 0 && fields != [Field::VlanTci] {
        let mask = if n_bits >= 128 { u128::MAX } else { (1 << n_bits) - 1 };
        return LearnSrc::Immediate(u128::from(u32::from(g.byte()) * 0x1_0101) & mask);
    }
    LearnSrc::Field(part(g.pick(fields), ofs, n_bits))
}

fn learn(g: &mut Gene<'_>, kind: usize) -> Learn {
    let mut specs: Vec<LearnSpec> = KINDS[kind]
        .iter()
        .map(|(field, value)| LearnSpec::Match { dst: whole(*field), src: LearnSrc::Immediate(*value) })
        .collect();
    for _ in 0..g.below(4) {
        let all = alike(kind);
        let fields = g.pick(&all);
        let dst = g.pick(fields);
        let whole_only =
            matches!(dst, Field::InPort | Field::ArpOp | Field::IpTtl | Field::IpProto | Field::IpEcn);
        let width = fields.iter().map(|f| Subfield::width(*f)).min().unwrap();
        let (ofs, n_bits) =
            if whole_only || dst == Field::VlanTci || dst == Field::Icmpv6Type || dst == Field::Icmpv6Code {
                (0, width)
            } else {
                bits(g, width)
            };
        let src = source(g, fields, ofs, n_bits);
        let dst = part(dst, ofs, n_bits);
        let settable = !matches!(dst.field, Field::IpProto);
        specs.push(if g.below(3) == 0 && settable {
            LearnSpec::Load { dst, src }
        } else {
            LearnSpec::Match { dst, src }
        });
    }
    for _ in 0..g.below(3) {
        let from =
            [whole(Field::InPort), part(Field::Reg0, 0, 16), whole(Field::Reg1), part(Field::EthSrc, 0, 8)];
        specs.push(LearnSpec::Output { src: g.pick(&from) });
    }
    let result = g.below(2) == 0;
    let limit = g.pick(&[0, 0, 1, 2, 3]);
    Learn {
        idle_timeout: g.pick(&[0, 300, 600, 65_535]),
        hard_timeout: g.pick(&[0, 300, 900]),
        priority: g.pick(&[0, 5, 0x8000]),
        cookie: Cookie(g.pick(&[0, 7, 7, 0xdead_beef_0000_0001])),
        flags: g.pick(&[0, 1, 2, 3]) | if result { LEARN_WRITE_RESULT } else { 0 },
        table: TableId(g.pick(&[1, 1, 2, 253])),
        fin_idle_timeout: if kind == 2 { g.pick(&[0, 5]) } else { 0 },
        fin_hard_timeout: if kind == 2 { g.pick(&[0, 9]) } else { 0 },
        limit,
        result_dst: result.then(|| part(Field::Reg7, 0, 1)),
        specs,
    }
}

/// Something that changes the packet between one `learn` and the next.
fn change(g: &mut Gene<'_>, kind: usize) -> Action {
    let set = |field, value| Action::SetField(Oxm::Known { field, value, mask: None });
    match g.below(7) {
        0 => Action::Load { dst: part(Field::Reg0, 0, 16), value: u64::from(g.byte()) % 8 },
        1 => Action::Move { src: part(Field::EthSrc, 0, 32), dst: whole(Field::Reg1) },
        2 => set(Field::EthSrc, 0x0200_0000_0009),
        3 if matches!(kind, 1..=3) => set(Field::Ipv4Src, 0x0a00_0009),
        3 | 4 => Action::Load { dst: part(Field::Xreg0, 20, 24), value: u64::from(g.byte()) },
        5 if matches!(kind, 1..=4) => Action::DecNwTtl,
        _ => Action::Output { port: PortNo(2), max_len: 0 },
    }
}

fn learner(gene: &[u8]) -> (usize, Flow) {
    let g = &mut Gene(gene);
    let kind = g.below(KINDS.len());
    let mut matches = FlowMatch::any();
    for (field, value) in KINDS[kind] {
        matches = matches.with(*field, *value);
    }
    let mut actions = Vec::new();
    for _ in 0..=g.below(2) {
        for _ in 0..g.below(3) {
            actions.push(change(g, kind));
        }
        let learn = Action::Learn(Box::new(learn(g, kind)));
        actions.push(if g.below(6) == 0 { Action::Clone(vec![learn]) } else { learn });
    }
    actions.push(Action::Output { port: PortNo(1), max_len: 0 });
    let mut flow = Flow::new(TableId(0), 9, matches);
    flow.cookie = Cookie(0x1000);
    flow.instructions = vec![Instruction::ApplyActions(actions)];
    (kind, flow)
}

#[test]
fn random_learners_write_what_open_vswitch_writes() {
    let switch = start();
    let gene = || prop::collection::vec(any::<u8>(), 64);
    let (mut flows, mut packets, mut taken) = (0, 0, 0);
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let strategy = (gene(), prop::collection::vec(any::<[u8; 32]>(), 24));
    for _ in 0..cases {
        let (gene, genes) = strategy.new_tree(&mut runner).unwrap().current();
        let (_, flow) = learner(&gene);
        let pipeline = Pipeline::new(vec![flow.clone()]);
        let Some(mut both) = Both::new(&switch, flow) else { continue };
        taken += 1;
        let fits = |(port, packet): &(PortNo, Packet)| !pipeline.run(*port, packet).path.is_empty();
        for (port, packet) in genes.iter().map(|gene| packets::decode(gene)).filter(fits).take(8) {
            both.packet(port, &packet);
            packets += 1;
        }
        flows += both.agree();
        if gene[0] % 4 == 0 {
            both.without_learner();
            both.agree();
        }
    }
    println!("{cases} cases, {taken} taken, {packets} packets, {flows} flows");
    assert!(taken * 10 > cases * 8 && packets > taken * 2 && flows > taken, "{taken} {packets} {flows}");
}

const LEARN: &str = "eth_type=0x800,nw_proto=6,NXM_OF_IP_SRC[],output:NXM_OF_IN_PORT[]";

fn line(learns: &str) -> Flow {
    parse_flow(&format!("priority=9,ip,actions={learns},output:1"), &NoNames).unwrap()
}

fn from(last: u8) -> Packet {
    Packet::ipv4([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [10, 0, 0, last].into(), [10, 0, 0, 99].into(), 6)
        .tcp(1_000, 80, 0x010)
}

/// At the limit a flow that is there is refreshed, one that would be another stays as it is, and flows that nobody
/// learned count too.
#[test]
fn limits_count_as_in_the_switch() {
    let switch = start();
    let learn = format!("learn(table=1,cookie=7,limit=2,result_dst=NXM_NX_REG7[0],priority=5,{LEARN})");
    let mut both = Both::new(&switch, line(&learn)).unwrap();
    for (port, last) in [(1, 1), (1, 2), (1, 3), (1, 1), (2, 1), (2, 4), (1, 2)] {
        both.packet(PortNo(port), &from(last));
    }
    assert_eq!(both.agree(), 2);
    // Room again, but for one that somebody else has put there.
    let mut both = Both::new(&switch, line(&learn)).unwrap();
    both.change_both("table=1,cookie=7,priority=1,actions=drop");
    both.change_both("table=1,cookie=8,priority=5,tcp,nw_src=10.0.0.2,idle_timeout=77,actions=drop");
    for last in [1, 2, 3] {
        both.packet(PortNo(1), &from(last));
    }
    assert_eq!(both.agree(), 3);
}

/// A flow of the same match that another learner wrote gets the actions and the cookie, and keeps timeouts and flags.
#[test]
fn flows_of_another_learner_are_taken_over() {
    let switch = start();
    let one = format!("learn(table=1,cookie=7,idle_timeout=60,hard_timeout=100,priority=5,{LEARN})");
    let other = "learn(table=1,cookie=8,idle_timeout=30,fin_idle_timeout=3,send_flow_rem,priority=5,eth_type=0x800,\
                 nw_proto=6,NXM_OF_IP_SRC[],load:1->NXM_NX_REG3[0..3],load:5->NXM_NX_XXREG1[],output:NXM_OF_IN_PORT[])";
    let mut both = Both::new(&switch, line(&format!("{one},{other}"))).unwrap();
    both.packet(PortNo(1), &from(1));
    both.packet(PortNo(2), &from(1));
    both.packet(PortNo(2), &from(2));
    assert_eq!(both.agree(), 2);
    assert!(both.mirror.flows().all(|f| f.cookie == Cookie(8) && f.idle_timeout == 60));
}

/// What `delete_learned` takes along, and what it leaves.
#[test]
fn learned_flows_go_with_their_learner() {
    let switch = start();
    for (words, left) in [
        (["cookie=7,delete_learned", "cookie=7,delete_learned"], 0),
        (["cookie=7,delete_learned", "cookie=8"], 1),
        (["cookie=7", "cookie=8"], 2),
        (["cookie=7", "cookie=7,delete_learned"], 0),
    ] {
        let learn = |words: &str, n: u8| format!("learn(table=1,{words},priority={n},{LEARN})");
        let learners = format!("{},{}", learn(words[0], 1), learn(words[1], 2));
        let mut both = Both::new(&switch, line(&learners)).unwrap();
        both.packet(PortNo(1), &from(1));
        assert_eq!(both.agree(), 2);
        both.without_learner();
        assert_eq!(both.agree(), left, "{words:?}");
    }
}

/// A FIN shortens the timeouts of the learned flow, and the next packet that is learned from leaves them short.
#[test]
fn a_refreshed_flow_keeps_what_fin_left_of_its_timeouts() {
    let switch = start();
    let learn = format!(
        "learn(table=1,cookie=7,idle_timeout=600,hard_timeout=900,fin_idle_timeout=100,fin_hard_timeout=200,priority=5,{LEARN})"
    );
    let mut both = Both::new(&switch, line(&learn)).unwrap();
    both.packet(PortNo(1), &from(1));
    both.agree();
    let both_tables =
        parse_flow("priority=10,tcp,tcp_flags=+fin+ack,actions=resubmit(,1)", &NoNames).unwrap();
    let change = both_tables.to_flow_mod(FlowModCommand::Add);
    both.theirs.send(&Message::FlowMod(change.clone()), 1);
    both.change_ours(change);
    assert_eq!(both.theirs.barrier(), Vec::<u32>::new());
    let fin = from(1).with(Field::TcpFlags, 0x011).to_text(Some(PortNo(1)));
    for bridge in [THEIRS, OURS] {
        switch.trace_quick(bridge, &fin);
    }
    both.packet(PortNo(1), &from(1));
    let short = |bridge: &str| {
        let mut flows = switch.flows(bridge);
        flows.retain(|flow| flow.table == TableId(1));
        assert_eq!(flows.len(), 1);
        (flows[0].idle_timeout, flows[0].hard_timeout)
    };
    assert_eq!(short(THEIRS), (100, 200));
    assert_eq!(short(OURS), (100, 200));
}

/// A PACKET_IN from port 3 with a frame.
fn seen(frame: Vec<u8>) -> Packet {
    packet_of(&PacketIn {
        buffer_id: BufferId::NO_BUFFER,
        total_len: 0,
        reason: ofproto::PacketInReason(1),
        table_id: TableId(0),
        cookie: Cookie(0),
        fields: Match { fields: vec![Oxm::Known { field: Field::InPortOxm, value: 3, mask: None }] },
        data: frame.into(),
    })
}

#[test]
fn frames_are_read_as_match_fields() {
    let macs = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let (a, b) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let (a6, b6) = ((0xfd00_u128 << 112 | 1).into(), (0xfd00_u128 << 112 | 2).into());
    let mut tcp = Vec::new();
    let builder = etherparse::PacketBuilder::ethernet2(macs.0, macs.1).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 63);
    builder.tcp(1_000, 80, 1, 2).syn().write(&mut tcp, b"data").unwrap();
    let v4 = |ttl: u128| Packet::ipv4(macs.0, macs.1, a, b, 0).with(Field::IpTtl, ttl);
    let v6 = |ttl: u128| Packet::ipv6(macs.0, macs.1, a6, b6, 0).with(Field::IpTtl, ttl);
    // Shorter than it says that it is.
    let nobody = std::net::Ipv4Addr::UNSPECIFIED;
    let nothing = Packet::ipv4(macs.0, macs.1, nobody, nobody, 0).with(Field::IpTtl, 0);
    let cut = |frame: &[u8], len: usize| frame[..len].to_vec();
    let mut fragment = frames::udp(macs, a, b, 53);
    fragment[20..22].copy_from_slice(&[0x20, 0]);
    let mut later = fragment.clone();
    later[20..22].copy_from_slice(&[0, 7]);
    for (frame, expected) in [
        (tcp.clone(), v4(63).tcp(1_000, 80, 0x002)),
        (cut(&tcp, 40), nothing.clone()),
        (cut(&tcp, 20), nothing),
        (frames::udp(macs, a, b, 53), v4(9).udp(4_000, 53)),
        (fragment, v4(9).udp(4_000, 53).fragment(false)),
        (later, v4(9).with(Field::IpProto, 17).fragment(true)),
        (frames::tagged(macs, 5, a, b), v4(9).udp(4_000, 9_573).tagged(5, 0)),
        (frames::udp6(macs, a6, b6, 53), v6(255).udp(4_000, 53)),
        (frames::arp(macs, true, a, b), Packet::arp(macs.0, macs.1, 1, a, b)),
        (frames::arp(macs, false, a, b), Packet::arp(macs.0, macs.1, 2, a, b)),
        (frames::nd(macs, frames::SOLICITATION, a6, b6, b6), v6(255).neighbour_solicitation(b6, macs.0)),
        (frames::nd(macs, frames::ADVERTISEMENT, a6, b6, a6), v6(255).neighbour_advertisement(a6, macs.0)),
    ] {
        let expected = expected.with(Field::InPortOxm, 3).with(Field::CtState, 0);
        assert_eq!(seen(frame), expected);
    }
}
