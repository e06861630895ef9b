//! Stand-ins until the strategies of matches, actions and instructions are in.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::action::Action;
use crate::instruction::Instruction;
use crate::oxm::{Match, Oxm};

/// Matches.
pub fn matches() -> impl Strategy<Value = Match> {
    let oxm = (any::<u16>(), 0..=127u8, any::<bool>(), super::bytes(20))
        .prop_map(|(class, number, has_mask, payload)| Oxm::Unknown { class, number, has_mask, payload });
    vec(oxm, 0..4).prop_map(|fields| Match { fields })
}

/// Actions.
pub fn actions() -> impl Strategy<Value = Vec<Action>> {
    vec((any::<u16>(), super::bytes(20)).prop_map(|(kind, body)| Action::Unknown { kind, body }), 0..4)
}

/// Instructions.
pub fn instructions() -> impl Strategy<Value = Vec<Instruction>> {
    vec((any::<u16>(), super::bytes(20)).prop_map(|(kind, body)| Instruction::Unknown { kind, body }), 0..4)
}
