//! Strategies for flows that Open vSwitch accepts (proptest).

mod actions;
mod fields;
mod held;
mod parts;

use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::{Cookie, TableId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use self::actions::{action, actions};
use self::fields::{KINDS, PacketKind, UNREADABLE, matches};
use crate::Flow;

fn instructions(kind: &'static PacketKind) -> impl Strategy<Value = Vec<Instruction>> {
    let option = prop::option::of::<BoxedStrategy<Instruction>>;
    let in_set = action(&[]).prop_filter("fits an action set", |action| {
        matches!(action, Action::Output { .. } | Action::Load { .. } | Action::SetField(_) | Action::Group(_))
    });
    (
        option((1..0xffff_0000_u32).prop_map(Instruction::Meter).boxed()),
        actions(kind),
        option(Just(Instruction::ClearActions).boxed()),
        option(vec(in_set, 1..4).prop_map(Instruction::WriteActions).boxed()),
        option(
            any::<(u64, u64)>().prop_map(|(value, mask)| Instruction::WriteMetadata { value, mask }).boxed(),
        ),
        option((10..255_u8).prop_map(|t| Instruction::GotoTable(TableId(t))).boxed()),
    )
        .prop_map(|(a, b, c, d, e, f)| {
            let alone = b.iter().any(|action| matches!(action, Action::Conjunction { .. }));
            let b = (!b.is_empty()).then_some(Instruction::ApplyActions(b));
            if alone {
                return b.into_iter().collect();
            }
            [a, b, c, d, e, f].into_iter().flatten().collect()
        })
}

/// Generates flows that Open vSwitch accepts, and reads back from its printed text.
pub fn flow() -> impl Strategy<Value = Flow> {
    flow_of(KINDS.iter().collect(), true)
}

/// Generates flows that Open vSwitch may hold, even if they can be sent only as bytes.
pub fn held() -> impl Strategy<Value = Flow> {
    (flow_of(KINDS.iter().chain(UNREADABLE).collect(), false), prop::option::of(held::action())).prop_map(
        |(mut flow, more)| {
            let Some(more) = more else { return flow };
            let alone = |action: &Action| matches!(action, Action::Conjunction { .. });
            if flow.actions().any(alone) {
                return flow;
            }
            match flow.instructions.iter_mut().find_map(|instruction| match instruction {
                Instruction::ApplyActions(list) => Some(list),
                _ => None,
            }) {
                Some(list) => list.insert(0, more),
                None => flow.instructions.push(Instruction::ApplyActions(vec![more])),
            }
            flow
        },
    )
}

fn flow_of(kinds: Vec<&'static PacketKind>, readable: bool) -> impl Strategy<Value = Flow> {
    let head = (0..10_u8, any::<[u16; 3]>(), any::<u64>(), 0..32_u16);
    let body = select(kinds).prop_flat_map(move |kind| (matches(kind, readable), instructions(kind)));
    (head, body).prop_map(|((table, times, cookie, flags), (matches, instructions))| {
        let [priority, idle_timeout, hard_timeout] = times;
        Flow {
            cookie: Cookie(cookie),
            idle_timeout,
            hard_timeout,
            flags,
            instructions,
            ..Flow::new(TableId(table), priority, matches)
        }
    })
}
