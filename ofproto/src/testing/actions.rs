//! Stand-ins until the strategies of matches, actions and instructions are in.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::action::Action;
use crate::instruction::Instruction;
use crate::oxm::{Match, Oxm};

/// Matches.
pub fn matches() -> impl Strategy<Value = Match> {
    let oxm = (0x7000..0x7fffu16, 0..=127u8, any::<bool>(), super::bytes(20))
        .prop_map(|(class, number, has_mask, payload)| Oxm::Unknown { class, number, has_mask, payload });
    vec(oxm, 0..4).prop_map(|fields| Match { fields })
}

/// Actions.
pub fn actions() -> impl Strategy<Value = Vec<Action>> {
    vec((1000..0xfffeu16, body()).prop_map(|(kind, body)| Action::Unknown { kind, body }), 0..4)
}

/// Instructions.
pub fn instructions() -> impl Strategy<Value = Vec<Instruction>> {
    let unknown = (1000..0xfffeu16, body()).prop_map(|(kind, body)| Instruction::Unknown { kind, body });
    vec(prop_oneof![unknown, actions().prop_map(Instruction::ApplyActions)], 0..3)
}

/// With type and length a multiple of eight bytes.
fn body() -> impl Strategy<Value = Bytes> {
    (0..4usize).prop_flat_map(|n| vec(any::<u8>(), 4 + 8 * n)).prop_map(Bytes::from)
}
