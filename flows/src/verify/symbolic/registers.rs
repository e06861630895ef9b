//! The concrete part of a packet's state: registers, metadata and the action set.

use std::rc::Rc;

use flow_model::FlowMatch;
use ofproto::action::{Action, Subfield};
use ofproto::oxm::Field;

use super::layout::is_register;
use crate::verify::interp::low_bits;

/// Width of a register, in bits.
const REGISTER_BITS: u32 = 32;

/// The concrete state beside a set of packets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Registers {
    registers: [u32; Field::REGISTERS.len()],
    metadata: u64,
    /// The action set, in the order in which it was written.
    pub(super) action_set: Option<Rc<Vec<Action>>>,
    /// True if a tag was removed: another may have been below it, which no table sees.
    pub(super) untagged: bool,
}

impl Registers {
    /// Returns the value of a register or of metadata; 0 for other fields.
    pub(super) fn value(&self, field: Field) -> u128 {
        if field == Field::Metadata {
            return self.metadata.into();
        }
        let parts = field.registers();
        if !parts.is_empty() {
            return parts.iter().fold(0, |value, part| value << REGISTER_BITS | self.value(*part));
        }
        place(field).and_then(|place| self.registers.get(place)).map_or(0, |value| u128::from(*value))
    }

    /// Sets a register or metadata.
    pub(super) fn put(&mut self, field: Field, value: u128) {
        if field == Field::Metadata {
            self.metadata = u64::try_from(value & u128::from(u64::MAX)).unwrap_or(u64::MAX);
            return;
        }
        let parts = field.registers();
        for (part, place) in parts.iter().rev().zip(0..) {
            self.put(*part, value >> (place * REGISTER_BITS));
        }
        if let Some(slot) = place(field).and_then(|place| self.registers.get_mut(place)) {
            *slot = u32::try_from(value & u128::from(u32::MAX)).unwrap_or(u32::MAX);
        }
    }

    /// Returns the bits of a part of a register, right-aligned.
    pub(super) fn part(&self, sub: Subfield) -> u128 {
        self.value(sub.field) >> sub.ofs & low_bits(sub.n_bits)
    }

    /// Sets the bits of a part of a register.
    pub(super) fn put_part(&mut self, sub: Subfield, value: u128) {
        let mask = low_bits(sub.n_bits) << sub.ofs;
        self.put(sub.field, self.value(sub.field) & !mask | value << sub.ofs & mask);
    }
}

/// Returns the number of a single register.
fn place(field: Field) -> Option<usize> {
    (field as usize).checked_sub(Field::Reg0 as usize)
}

/// A condition on a register: the bits under the mask have the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RegisterMatch {
    pub(super) field: Field,
    pub(super) value: u128,
    pub(super) mask: u128,
}

impl RegisterMatch {
    /// Returns the conditions of a match on registers.
    pub(super) fn of(matches: &FlowMatch) -> Vec<Self> {
        let registers = matches.iter().filter(|(field, _)| is_register(*field));
        registers.map(|(field, bits)| Self { field, value: bits.value, mask: bits.mask }).collect()
    }

    pub(super) fn admits(&self, registers: &Registers) -> bool {
        registers.value(self.field) & self.mask == self.value
    }
}
