//! A mirror and its switch, with messages on the way in both directions: both agree when all
//! messages have arrived.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ofproto::Cookie;
use ofproto::message::FlowMod;
use proptest::prelude::*;

use super::fair::{name, names, teach};
use super::*;
use crate::FlowMatch;

type Name = (u8, u8, u8, u8);

/// A message of the switch.
enum Word {
    Removed(FlowRemoved),
    Evicted(Flow),
    Full(FlowMod),
}

/// A switch whose tables have a capacity, and refuse flows beyond it.
#[derive(Default)]
struct Model {
    room: usize,
    flows: BTreeMap<Name, FlowMod>,
    asked: VecDeque<FlowMod>,
    said: VecDeque<Word>,
}

impl Model {
    /// Executes the first outstanding request.
    fn act(&mut self) {
        let Some(change) = self.asked.pop_front() else { return };
        let name = name(change.table_id, &FlowMatch::from_wire(&change.fields));
        let held = self.flows.keys().filter(|other| other.0 == name.0).count();
        match change.command {
            FlowModCommand::Add if held >= self.room && !self.flows.contains_key(&name) => {
                self.said.push_back(Word::Full(change));
            }
            FlowModCommand::Add => _ = self.flows.insert(name, change),
            FlowModCommand::DeleteStrict => self.end(name, false),
            _ => {}
        }
    }

    fn end(&mut self, name: Name, evicts: bool) {
        let Some(change) = self.flows.remove(&name) else { return };
        self.said.push_back(if evicts {
            let matches = FlowMatch::from_wire(&change.fields);
            Word::Evicted(Flow {
                cookie: change.cookie,
                ..Flow::new(change.table_id, change.priority, matches)
            })
        } else {
            Word::Removed(flow_removed(change.table_id, change.priority, change.fields, Cookie(7)))
        });
    }

    /// Delivers the first outstanding message to the mirror.
    fn hear(&mut self, mirror: &mut LearnedFlowMirror) {
        match self.said.pop_front() {
            Some(Word::Removed(removed)) => _ = mirror.removed(&removed),
            Some(Word::Evicted(flow)) => _ = mirror.evicted(&flow),
            Some(Word::Full(addition)) => {
                if let FullTableAction::MakesRoom(deletion) = mirror.refused(&addition, 0) {
                    self.asked.extend([deletion, addition]);
                }
            }
            None => {}
        }
    }
}

/// The next event.
#[derive(Debug, Clone)]
enum Next {
    Teach(Name),
    Act,
    Hear,
    /// A flow of the switch ends by itself.
    End(prop::sample::Index, bool),
}

fn next() -> impl Strategy<Value = Next> {
    prop_oneof![
        4 => (1u8..3, 1u8..3, 1u8..3, 0u8..4).prop_map(Next::Teach),
        4 => Just(Next::Act),
        4 => Just(Next::Hear),
        1 => any::<(prop::sample::Index, bool)>().prop_map(|(which, evicts)| Next::End(which, evicts)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn mirror_and_switch_do_not_drift_apart(
        capacity in 1usize..12,
        room in 1usize..8,
        steps in prop::collection::vec(next(), 1..150),
    ) {
        let mut mirror = LearnedFlowMirror::new(capacity, Dialect::Nicira);
        let mut switch = Model { room, ..Model::default() };
        for step in steps {
            match step {
                Next::Teach(flow) => {
                    let lesson = teach(&mut mirror, flow, 0);
                    switch.asked.extend(lesson.makes_room.into_iter().chain(lesson.flow_mod));
                }
                Next::Act => switch.act(),
                Next::Hear => switch.hear(&mut mirror),
                Next::End(which, evicts) => {
                    let names: Vec<Name> = switch.flows.keys().copied().collect();
                    if !names.is_empty() {
                        switch.end(*which.get(&names), evicts);
                    }
                }
            }
            prop_assert!(mirror.len() <= capacity);
        }
        for _ in 0..10_000 {
            if switch.asked.is_empty() && switch.said.is_empty() {
                break;
            }
            switch.act();
            switch.hear(&mut mirror);
        }
        prop_assert!(switch.asked.is_empty() && switch.said.is_empty());
        prop_assert_eq!(names(&mirror), switch.flows.keys().copied().collect::<BTreeSet<_>>());
    }
}

/// A table that refused is full at its current size: the next flow asks for room first.
#[test]
fn a_table_that_refused_is_asked_for_no_more() {
    let mut mirror = LearnedFlowMirror::new(100, Dialect::Nicira);
    let additions: Vec<FlowMod> =
        (0..10).map(|host| teach(&mut mirror, (1, 1, 1, host), 0).flow_mod.unwrap()).collect();
    assert!(matches!(mirror.refused(&additions[9], 0), FullTableAction::MakesRoom(_)));
    assert_eq!(mirror.len(), 9);
    assert!(teach(&mut mirror, (1, 2, 1, 1), 0).makes_room.is_some());
    assert!(teach(&mut mirror, (2, 2, 1, 1), 0).makes_room.is_none(), "another table");
    // Installed flows fill no table, only refused ones do.
    let mut mirror = LearnedFlowMirror::new(100, Dialect::Nicira);
    let only = teach(&mut mirror, (1, 1, 1, 1), 0).flow_mod.unwrap();
    assert_eq!((mirror.refused(&only, 0), mirror.len()), (FullTableAction::NoRoom, 0));
}
