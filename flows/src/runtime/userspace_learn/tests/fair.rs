//! The flow that makes room, compared with a model that examines all flows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A teaching packet: the table, the port and the sender behind it, the receiver, and the seconds
/// since the last packet.
type Step = (u8, u8, u8, u8, u8);

/// Teaches a return flow. Those of even hosts have a short life, the others a long one.
pub(in crate::runtime::userspace_learn::tests) fn teach(
    mirror: &mut LearnedFlowMirror,
    (table, port, sender, host): (u8, u8, u8, u8),
    now: u32,
) -> LearnDecision {
    let timeouts =
        if host.is_multiple_of(2) { "hard_timeout=20" } else { "idle_timeout=300,hard_timeout=7200" };
    let line = format!(
        "ip,actions=learn(table={table},cookie=7,{timeouts},eth_type=0x800,NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],\
         NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],output:NXM_OF_IN_PORT[])"
    );
    let learn = parse_flow(&line, &NoNames).unwrap().learns().next().unwrap().clone();
    let (from, to) = ([10, port, 0, sender].into(), [10, 0, 1, host].into());
    let packet = Packet::ipv4([2; 6], [4; 6], from, to, 17).with(Field::InPortOxm, port.into());
    mirror.learn(&learn, &packet, now).unwrap()
}

/// A flow of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Naive {
    path: [u8; 3],
    host: u8,
    rank: (u32, usize),
}

impl Naive {
    fn name(&self) -> (u8, u8, u8, u8) {
        let [table, port, sender] = self.path;
        (table, port, sender, self.host)
    }
}

/// Returns the flow of the largest holder, by the levels of a path from `level` on, that would end
/// first.
fn first(flows: &[Naive], level: usize) -> Option<Naive> {
    if level == 3 {
        return flows.iter().min_by_key(|flow| flow.rank).copied();
    }
    let mut groups: BTreeMap<u8, Vec<Naive>> = BTreeMap::new();
    flows.iter().for_each(|flow| groups.entry(flow.path[level]).or_default().push(*flow));
    let firsts = groups.values().filter_map(|group| Some((group.len(), first(group, level + 1)?)));
    firsts.max_by_key(|(len, flow)| (*len, Reverse(flow.rank))).map(|(_, flow)| flow)
}

/// Returns the names of the flows that a mirror knows.
pub(in crate::runtime::userspace_learn::tests) fn names(
    mirror: &LearnedFlowMirror,
) -> BTreeSet<(u8, u8, u8, u8)> {
    mirror.flows().map(|flow| name(flow.table, &flow.matches)).collect()
}

/// Returns the name of a return flow.
pub(in crate::runtime::userspace_learn::tests) fn name(
    table: ofproto::TableId,
    matches: &crate::FlowMatch,
) -> (u8, u8, u8, u8) {
    let byte = |field, at: u32| u8::try_from(matches.exact(field).unwrap() >> (8 * at) & 0xff).unwrap();
    (table.0, byte(Field::Ipv4Dst, 2), byte(Field::Ipv4Dst, 0), byte(Field::Ipv4Src, 0))
}

fn step() -> impl Strategy<Value = Step> {
    (1u8..3, 1u8..4, 1u8..4, 0u8..6, prop_oneof![3 => Just(0u8), 1 => 1u8..30])
}

proptest! {
    #[test]
    fn of_those_who_have_most_the_flow_that_ends_first_makes_room(
        capacity in 1usize..12,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let (mut mirror, mut model, mut now) = (LearnedFlowMirror::new(capacity, Dialect::Nicira), Vec::<Naive>::new(), 0);
        for (n, (table, port, sender, host, later)) in steps.into_iter().enumerate() {
            now += u32::from(later);
            let end = now + if host.is_multiple_of(2) { 20 } else { 300 };
            let flow = Naive { path: [table, port, sender], host, rank: (end, n) };
            let lesson = teach(&mut mirror, flow.name(), now);
            let mut gone = None;
            match model.iter_mut().find(|known| known.name() == flow.name()) {
                Some(known) if known.rank.0 == end => {}
                Some(known) => known.rank = flow.rank,
                None => {
                    gone = first(&model, 0).filter(|_| model.len() == capacity);
                    model.retain(|flow| Some(*flow) != gone);
                    model.push(flow);
                }
            }
            let told = lesson.makes_room.map(|deletion| {
                assert_eq!((deletion.command, deletion.cookie_mask), (FlowModCommand::DeleteStrict, u64::MAX));
                name(deletion.table_id, &crate::FlowMatch::from_wire(&deletion.fields))
            });
            prop_assert_eq!(told, gone.map(|flow| flow.name()));
            prop_assert_eq!(names(&mirror), model.iter().map(Naive::name).collect());
        }
    }
}

#[test]
fn who_fills_it_loses_his_own_flows() {
    let mut mirror = LearnedFlowMirror::new(20, Dialect::Nicira);
    let honest = [(1, 2, 1, 1), (1, 2, 1, 3), (2, 1, 1, 1)];
    honest.iter().for_each(|flow| _ = teach(&mut mirror, *flow, 0));
    // From one address, then from ever new ones of one port.
    for host in 0..=255 {
        assert!(teach(&mut mirror, (1, 1, 1, host), 1).succeeded());
    }
    for sender in 0..=255 {
        assert!(teach(&mut mirror, (1, 1, sender, 1), 2).succeeded());
    }
    assert_eq!(mirror.len(), 20);
    assert!(honest.iter().all(|flow| names(&mirror).contains(flow)), "{:?}", names(&mirror));
    // A newcomer gets in, and not at the cost of the others with few flows.
    assert_eq!(teach(&mut mirror, (1, 3, 1, 1), 3).taught, LearnOutcome::Added);
    assert!(honest.iter().all(|flow| names(&mirror).contains(flow)), "{:?}", names(&mirror));
}

#[test]
fn a_limit_refuses_before_anybody_makes_room() {
    let mut mirror = LearnedFlowMirror::new(2, Dialect::Nicira);
    let learn = learn("limit=1,output:NXM_OF_IN_PORT[]");
    teach(&mut mirror, (2, 1, 1, 1), 0);
    assert_eq!(mirror.learn(&learn, &from(1), 0).unwrap().taught, LearnOutcome::Added);
    let refused = mirror.learn(&learn, &from(2), 0).unwrap();
    assert_eq!((refused.taught, refused.makes_room, mirror.len()), (LearnOutcome::Refused, None, 2));
}

#[test]
fn what_was_read_has_room_or_goes() {
    let mut mirror = LearnedFlowMirror::new(2, Dialect::Nicira);
    let flow = |n: u16| Flow::new(ofproto::TableId(1), n, crate::FlowMatch::any());
    let deletions: Vec<_> = (1..9).filter_map(|n| mirror.read(&flow(n), 0)).collect();
    assert_eq!((mirror.len(), deletions.len()), (2, 6));
    let left: BTreeSet<u16> = mirror.flows().map(|flow| flow.priority).collect();
    let gone: BTreeSet<u16> = deletions.iter().map(|deletion| deletion.priority).collect();
    assert_eq!(left.union(&gone).count(), 8);
}
