//! The concrete part of a packet's state: registers, metadata and the action set.
//!
//! A register is concrete if flows copy it, or copy something into it, as they do with the output
//! port. All other registers are variables of the diagrams: they would only multiply the states.

use std::rc::Rc;

use bdd::Variable;
use flow_model::{Flow, FlowMatch};
use ofproto::action::{Action, CtZone, LearnSpec, LearnSrc, Subfield};
use ofproto::oxm::{Field, Oxm};

use super::layout;

use crate::verify::interp::low_bits;

/// Width of a register, in bits.
const REGISTER_BITS: u32 = 32;

/// The registers that are concrete, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Concrete(u32);

impl Concrete {
    /// Returns the concrete registers of some flows.
    pub(super) fn of<'f>(flows: impl Iterator<Item = &'f Flow>) -> Self {
        let mut this = Self::default();
        for flow in flows {
            flow.matches
                .iter()
                .filter(|(field, _)| is_wide(*field))
                .for_each(|(field, _)| this.insert(field));
            for action in flow.actions() {
                match action {
                    Action::Load { dst, .. } if !is_wide(dst.field) => {}
                    Action::SetField(Oxm::Known { field, .. })
                    | Action::RegLoad2(Oxm::Known { field, .. })
                        if !is_wide(*field) => {}
                    other => mentioned(other).into_iter().for_each(|field| this.insert(field)),
                }
            }
        }
        this
    }

    /// Adds a register, or the registers of which a wide one consists.
    fn insert(&mut self, field: Field) {
        field.registers().iter().for_each(|part| self.insert(*part));
        if let Some(place) = place(field).filter(|place| *place < Field::REGISTERS.len()) {
            self.0 |= 1 << place;
        }
    }

    /// Returns whether the field is kept beside the packet, as a concrete value.
    pub(super) fn has(self, field: Field) -> bool {
        let single = place(field).filter(|place| *place < Field::REGISTERS.len());
        field == Field::Metadata || is_wide(field) || single.is_some_and(|place| self.0 >> place & 1 == 1)
    }

    /// Returns the variables of the registers that are not concrete.
    pub(super) fn variables(self) -> impl Iterator<Item = Variable> {
        let others = Field::REGISTERS.into_iter().filter(move |field| !self.has(*field));
        others.flat_map(layout::whole)
    }
}

fn is_wide(field: Field) -> bool {
    !field.registers().is_empty()
}

/// Returns the fields that an action reads, or writes in a way that is no constant.
fn mentioned(action: &Action) -> Vec<Field> {
    match action {
        Action::Load { dst, .. } | Action::CheckPktLarger { dst, .. } => vec![dst.field],
        Action::Move { src, dst } | Action::CopyField { src, dst } => vec![src.field, dst.field],
        Action::OutputReg { src, .. } => vec![src.field],
        Action::SetField(Oxm::Known { field, .. }) | Action::RegLoad2(Oxm::Known { field, .. }) => {
            vec![*field]
        }
        Action::Multipath(multipath) => vec![multipath.dst.field],
        Action::Bundle(bundle) => bundle.dst.map(|dst| dst.field).into_iter().collect(),
        Action::Push(sub) | Action::Pop(sub) => vec![sub.field],
        Action::Ct(ct) => match ct.zone {
            CtZone::Field(src) => vec![src.field],
            CtZone::Immediate(_) => Vec::new(),
        },
        Action::Learn(learn) => {
            let specs = learn.specs.iter().flat_map(|spec| match spec {
                LearnSpec::Match { dst, src: LearnSrc::Field(src) }
                | LearnSpec::Load { dst, src: LearnSrc::Field(src) } => vec![dst.field, src.field],
                LearnSpec::Output { src } => vec![src.field],
                _ => Vec::new(),
            });
            specs.chain(learn.result_dst.map(|dst| dst.field)).collect()
        }
        _ => Vec::new(),
    }
}

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
    pub(super) fn of(matches: &FlowMatch, concrete: Concrete) -> Vec<Self> {
        let registers = matches.iter().filter(|(field, _)| concrete.has(*field));
        registers.map(|(field, bits)| Self { field, value: bits.value, mask: bits.mask }).collect()
    }

    pub(super) fn admits(&self, registers: &Registers) -> bool {
        registers.value(self.field) & self.mask == self.value
    }
}
