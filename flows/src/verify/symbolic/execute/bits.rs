//! Actions that read and write bits.

use bdd::{Bdd, Replacement, Variable};
use ofproto::PortNo;
use ofproto::action::Subfield;
use ofproto::oxm::Field;

use super::branch::{Branch, assignment};
use crate::verify::symbolic::changes::Value;
use crate::verify::symbolic::emission::At;
use crate::verify::symbolic::engine::Engine;
use crate::verify::symbolic::layout::{self, IN_PORT};
use crate::verify::symbolic::space;

/// The maximum number of values by which one set is split.
const MAX_VALUES: usize = 1 << 17;

impl Engine<'_> {
    /// Sets bits of a header field. A packet without the field stays as it is.
    pub(super) fn set(
        &mut self,
        field: Field,
        pairs: Vec<(Variable, Replacement)>,
        mut branch: Branch,
        open: &mut Vec<Branch>,
    ) {
        let present = space::present(&mut self.diagrams, field);
        if !present.is_true() {
            let absent = self.diagrams.not(present);
            let mut without = branch.clone();
            without.keep(&mut self.diagrams, absent);
            open.push(without);
            branch.keep(&mut self.diagrams, present);
        }
        branch.assign(pairs);
        open.push(branch);
    }

    pub(super) fn move_bits(
        &mut self,
        at: At,
        src: Subfield,
        dst: Subfield,
        mut branch: Branch,
        open: &mut Vec<Branch>,
    ) {
        match (self.concrete.has(src.field), self.concrete.has(dst.field)) {
            (true, true) => {
                let value = branch.registers.part(src);
                branch.registers.put_part(dst, value);
                open.push(branch);
            }
            (true, false) => {
                let pairs = assignment(dst, branch.registers.part(src));
                self.set(dst.field, pairs, branch, open);
            }
            (false, true) => {
                let present = space::present(&mut self.diagrams, src.field);
                if !present.is_true() {
                    let absent = self.diagrams.not(present);
                    let mut without = branch.clone();
                    without.keep(&mut self.diagrams, absent);
                    open.push(without);
                    branch.keep(&mut self.diagrams, present);
                }
                self.load(at, dst, &layout::bits(src), branch, open);
            }
            (false, false) => {
                let pairs = (0..src.n_bits).filter_map(|bit| {
                    let to = layout::variable(dst.field, dst.ofs + bit)?;
                    let from = layout::variable(src.field, src.ofs + bit);
                    Some((to, from.map_or(Replacement::Constant(false), Replacement::Variable)))
                });
                self.set(dst.field, pairs.collect(), branch, open);
            }
        }
    }

    /// Sets a bit to 0 on one way, and to 1 on another.
    pub(super) fn either(&mut self, dst: Subfield, branch: &Branch, open: &mut Vec<Branch>) {
        for value in [0, 1] {
            let mut one = branch.clone();
            if self.concrete.has(dst.field) {
                one.registers.put_part(dst, value);
                open.push(one);
            } else {
                self.set(dst.field, assignment(dst, value), one, open);
            }
        }
    }

    /// Splits packets by the value that some bits have now, the lowest bit first. Returns the packets
    /// of each value as they came.
    pub(super) fn split(&mut self, branch: &Branch, bits: &[Variable]) -> Vec<(u128, Bdd)> {
        let values: Vec<Value> = bits.iter().map(|bit| branch.changes.value(*bit)).collect();
        let mut ordered: Vec<Variable> = values
            .iter()
            .filter_map(|value| if let Value::Of(variable) = value { Some(*variable) } else { None })
            .collect();
        ordered.sort_unstable();
        ordered.dedup();
        let only = self.diagrams.set(ordered.iter().copied());
        let projected = self.diagrams.project(branch.set, only);
        let known = if values.contains(&Value::Any) || ordered.len() > 64 {
            None
        } else {
            self.diagrams.values(projected, &ordered, MAX_VALUES)
        };
        let Some(known) = known else {
            self.gap("a copy of more values than can be told apart".to_owned());
            return Vec::new();
        };
        let width = ordered.len();
        let split = known.into_iter().map(|number| {
            let literals: Vec<(Variable, bool)> = ordered
                .iter()
                .enumerate()
                .map(|(place, variable)| (*variable, number >> (width - 1 - place) & 1 == 1))
                .collect();
            let one = |value: &Value| match value {
                Value::Constant(value) => *value,
                Value::Of(variable) => literals.contains(&(*variable, true)),
                Value::Any => false,
            };
            let number = values
                .iter()
                .zip(0..)
                .fold(0_u128, |number, (value, n)| number | u128::from(one(value)) << n);
            (number, self.diagrams.cube(literals))
        });
        split.collect()
    }

    /// Returns the values that a value may stand for: that of an ingress port stands for its class.
    pub(super) fn members(&self, bridge: usize, bits: &[Variable], value: u128) -> Vec<u128> {
        let is_port = bits.first() == Some(&IN_PORT.bit(0)) || self.copied_ports.contains(bits);
        let port = u16::try_from(value).ok().filter(|_| is_port).map(PortNo::from_u16);
        match (port, self.classes.get(bridge)) {
            (Some(port), Some(classes)) => {
                classes.members(port).iter().filter_map(|port| port.to_u16()).map(u128::from).collect()
            }
            _ => vec![value],
        }
    }

    /// Loads header bits, the lowest first, into bits of a field: into a register in one way for
    /// each value.
    pub(super) fn load(
        &mut self,
        at: At,
        dst: Subfield,
        src: &[Variable],
        branch: Branch,
        open: &mut Vec<Branch>,
    ) {
        if !self.concrete.has(dst.field) {
            let pairs = (0..dst.n_bits).zip(src).filter_map(|(bit, from)| {
                Some((layout::variable(dst.field, dst.ofs + bit)?, Replacement::Variable(*from)))
            });
            return self.set(dst.field, pairs.collect(), branch, open);
        }
        for (value, cube) in self.split(&branch, src) {
            let mut one = branch.clone();
            one.set = self.diagrams.and(one.set, cube);
            for value in self.members(at.bridge, src, value) {
                one.registers.put_part(dst, value);
                open.push(one.clone());
            }
        }
    }
}
