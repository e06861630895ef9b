//! Packets on one way through a program.

use bdd::{Bdd, Diagrams, Replacement, Variable};
use ofproto::action::Subfield;
use ofproto::oxm::Field;

use crate::verify::interp::VLAN_PRESENT;
use crate::verify::symbolic::changes::Changes;
use crate::verify::symbolic::layout::{self, INNER_TAG};
use crate::verify::symbolic::registers::Registers;

/// Packets on one way through a program.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) place: u16,
    /// The packets as they came.
    pub(super) set: Bdd,
    pub(super) registers: Registers,
    pub(super) changes: Changes,
}

impl Branch {
    /// Keeps the packets that are in a set now.
    pub(super) fn keep(&mut self, diagrams: &mut Diagrams, set: Bdd) {
        let before = self.changes.before(diagrams, set);
        self.set = diagrams.and(self.set, before);
    }

    pub(super) fn forget(&mut self, variables: impl IntoIterator<Item = Variable>) {
        self.changes.forget(variables);
    }

    pub(super) fn assign(&mut self, pairs: Vec<(Variable, Replacement)>) {
        self.changes.assign(pairs);
    }
}

/// Returns the assignment of a value to bits of a field.
pub(super) fn assignment(sub: Subfield, value: u128) -> Vec<(Variable, Replacement)> {
    let bit = |n: u16| {
        Some((layout::variable(sub.field, sub.ofs + n)?, Replacement::Constant(value >> n & 1 == 1)))
    };
    (0..sub.n_bits).filter_map(bit).collect()
}

/// Returns the assignment of a value to variables, the lowest bit first.
pub(super) fn constants(bits: &[Variable], value: u128) -> Vec<(Variable, Replacement)> {
    bits.iter().zip(0..).map(|(bit, n)| (*bit, Replacement::Constant(value >> n & 1 == 1))).collect()
}

/// Adds an outer tag with VLAN 0.
pub(super) fn push_vlan(branch: &mut Branch) {
    let tci: Vec<Variable> = layout::bits(Subfield { field: Field::VlanTci, ofs: 0, n_bits: 16 });
    let inner = (0..16).map(|bit| INNER_TAG.bit(bit));
    let copy = inner.zip(tci.iter().map(|v| Replacement::Variable(*v))).collect();
    branch.assign(copy);
    branch.assign(constants(&tci, VLAN_PRESENT));
}

/// Removes the outer tag.
pub(super) fn pop_vlan(branch: &mut Branch) {
    let tci: Vec<Variable> = layout::bits(Subfield { field: Field::VlanTci, ofs: 0, n_bits: 16 });
    let inner: Vec<Variable> = (0..16).map(|bit| INNER_TAG.bit(bit)).collect();
    let copy = tci.iter().copied().zip(inner.iter().map(|v| Replacement::Variable(*v))).collect();
    branch.assign(copy);
    branch.assign(constants(&inner, 0));
    branch.registers.untagged = true;
}
