//! Learned flows in closed form: all flows that a learner can write are one symbolic rule.
//!
//! The packets that reach a `learn` become, with their variables renamed as its specs say, the
//! packets that some learned flow matches. What a learned flow copies into its actions stays in
//! variables of its own ([`COPIED`]). The rule is a "may match": nobody knows which of the flows
//! are there.

use bdd::{Bdd, Diagrams, Replacement, Variable};
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};

use super::layout::{self, COPIED};
use super::ports::PortClasses;
use super::program::{Operation, ProgramId, Programs};
use super::registers::{Concrete, RegisterMatch, Registers};
use super::space;
use super::state::Predecessor;
use crate::verify::interp::{is_matched, low_bits};

/// All flows that one learner can write with the same register values.
#[derive(Debug)]
pub(super) struct LearnedRule {
    pub(super) bridge: usize,
    pub(super) table: TableId,
    pub(super) priority: u16,
    pub(super) learn: Learn,
    pub(super) program: ProgramId,
    /// The registers that a learned flow matches.
    pub(super) matches: Vec<RegisterMatch>,
    /// The variables in which a learned flow keeps ingress ports, the lowest bit first.
    pub(super) copied_ports: Vec<Vec<Variable>>,
    /// True if a learned flow copies more into its actions than [`COPIED`] holds.
    pub(super) copies_too_much: bool,
    /// Registers that a learned flow compares with copied values.
    pub(super) compared: Vec<(Subfield, Vec<Variable>)>,
    /// The packets that reach the learner, without what it does not copy.
    pub(super) openers: Bdd,
    /// The packets that a learned flow matches, with the values that it has copied.
    pub(super) space: Bdd,
    pub(super) predecessors: Vec<Predecessor>,
    renaming: Renaming,
    changed: bool,
}

/// How the variables of an opening packet become those of a learned flow.
#[derive(Debug, Default)]
struct Renaming {
    /// Each copied variable, with its first name.
    first: Vec<(Variable, Variable)>,
    /// Variables that must be equal, because both are copies of one.
    equal: Vec<(Variable, Variable)>,
    /// Variables with a constant value.
    constant: Vec<(Variable, bool)>,
}

impl Renaming {
    fn copy(&mut self, src: Variable, dst: Variable) {
        match self.first.iter().find(|(known, _)| *known == src) {
            Some((_, first)) => self.equal.push((*first, dst)),
            None => self.first.push((src, dst)),
        }
    }

    /// Copies the bits of a field; those that are always zero give zeros.
    fn copy_bits(&mut self, src: &[Option<Variable>], dst: &[Variable]) {
        for (src, dst) in src.iter().zip(dst) {
            match src {
                Some(src) => self.copy(*src, *dst),
                None => self.constant.push((*dst, false)),
            }
        }
    }
}

impl LearnedRule {
    /// Returns the rule of a learner, before any packet reaches it.
    pub(super) fn new(
        bridge: usize,
        learn: &Learn,
        registers: &Registers,
        concrete: Concrete,
        classes: &PortClasses,
        programs: &mut Programs,
    ) -> Self {
        let mut renaming = Renaming::default();
        let (mut matches, mut compared, mut operations) = (Vec::new(), Vec::new(), Vec::new());
        let mut copied = Copies::default();
        for spec in &learn.specs {
            match spec {
                LearnSpec::Match { dst, .. } if !is_matched(*dst) => {}
                LearnSpec::Match { dst, src } => match value(src, registers, concrete) {
                    Some(value) if concrete.has(dst.field) => matches.push(RegisterMatch {
                        field: dst.field,
                        value: value << dst.ofs & low_bits(dst.n_bits) << dst.ofs,
                        mask: low_bits(dst.n_bits) << dst.ofs,
                    }),
                    Some(value) => {
                        let value = as_matched(dst.field, value, classes);
                        for bit in 0..dst.n_bits {
                            let variable = layout::variable(dst.field, dst.ofs + bit);
                            renaming.constant.extend(variable.map(|v| (v, value >> bit & 1 == 1)));
                        }
                    }
                    None => {
                        let LearnSrc::Field(src) = src else { continue };
                        if concrete.has(dst.field) {
                            compared.push((*dst, copied.of(*src, &mut renaming)));
                        } else {
                            for bit in 0..dst.n_bits {
                                let Some(to) = layout::variable(dst.field, dst.ofs + bit) else { continue };
                                renaming.copy_bits(&[layout::variable(src.field, src.ofs + bit)], &[to]);
                            }
                        }
                    }
                },
                LearnSpec::Load { dst, src } => operations.push(match value(src, registers, concrete) {
                    Some(value) => Operation::Apply(Action::Load {
                        dst: *dst,
                        value: u64::try_from(value & low_bits(dst.n_bits)).unwrap_or(u64::MAX),
                    }),
                    None => {
                        let LearnSrc::Field(src) = src else { continue };
                        Operation::LoadCopied { dst: *dst, src: copied.of(*src, &mut renaming) }
                    }
                }),
                LearnSpec::Output { src } if concrete.has(src.field) => {
                    if let Ok(port) = u16::try_from(registers.part(*src)) {
                        let port = PortNo::from_u16(port);
                        operations.push(Operation::Apply(Action::Output { port, max_len: 0 }));
                    }
                }
                LearnSpec::Output { src } => {
                    operations.push(Operation::OutputCopied { src: copied.of(*src, &mut renaming) });
                }
            }
        }
        Self {
            bridge,
            table: learn.table,
            priority: learn.priority,
            learn: learn.clone(),
            program: programs.add(operations),
            matches,
            copied_ports: copied.ports(),
            copies_too_much: usize::from(copied.used) > COPIED.variables().count(),
            compared,
            openers: Bdd::FALSE,
            space: Bdd::FALSE,
            predecessors: Vec::new(),
            renaming,
            changed: false,
        }
    }

    /// Adds packets that reach the learner, without what it does not copy.
    pub(super) fn open(&mut self, diagrams: &mut Diagrams, set: Bdd, from: Predecessor) {
        let openers = diagrams.or(self.openers, set);
        if !self.predecessors.contains(&from) {
            self.predecessors.push(from);
        }
        self.changed |= openers != self.openers;
        self.openers = openers;
    }

    /// Computes the packets that the learned flows match. Returns whether they are more than before.
    pub(super) fn refresh(&mut self, diagrams: &mut Diagrams) -> bool {
        if !std::mem::take(&mut self.changed) {
            return false;
        }
        let renamed = self.renaming.first.iter().map(|(from, to)| (*from, Replacement::Variable(*to)));
        let substitution = diagrams.substitution(renamed.collect::<Vec<_>>());
        let mut space = diagrams.replace(self.openers, substitution);
        for (a, b) in &self.renaming.equal {
            let (a, b) = (diagrams.variable(*a), diagrams.variable(*b));
            let differ = diagrams.differ(a, b);
            space = diagrams.difference(space, differ);
        }
        let constant = diagrams.cube(self.renaming.constant.iter().copied());
        space = diagrams.and(space, constant);
        if self.matches_ports() {
            space = space::with_hidden_ports(diagrams, space);
        }
        let more = space != self.space;
        self.space = space;
        more
    }

    /// Returns whether lookups of fragments see other values than the learner copied.
    fn matches_ports(&self) -> bool {
        self.learn.specs.iter().any(|spec| match spec {
            LearnSpec::Match { dst, .. } => space::is_hidden(dst.field),
            _ => false,
        })
    }

    /// Returns the variables in which an opening packet and the packets of its flow agree.
    pub(super) fn matched(&self) -> Vec<Variable> {
        self.renaming.first.iter().map(|(_, to)| *to).collect()
    }

    /// Returns the opening packets of learned flows that match some packets. `leaked` are packets
    /// with the values that the flows have copied.
    pub(super) fn openers_of(&self, diagrams: &mut Diagrams, leaked: Bdd) -> Bdd {
        let seen = space::as_looked_up(diagrams, leaked);
        let constants = self.renaming.constant.iter().map(|(variable, _)| *variable);
        let matched = self.renaming.first.iter().map(|(_, to)| *to).chain(constants);
        let matched = diagrams.set(matched.collect::<Vec<_>>());
        let seen = diagrams.project(seen, matched);
        let copied = self.renaming.first.iter().map(|(from, to)| (*to, Replacement::Variable(*from)));
        let constant = self.renaming.constant.iter().map(|(v, value)| (*v, Replacement::Constant(*value)));
        let pairs: Vec<(Variable, Replacement)> = copied.chain(constant).collect();
        let substitution = diagrams.substitution(pairs);
        let set = diagrams.replace(seen, substitution);
        diagrams.and(set, self.openers)
    }
}

/// The places of copied values.
#[derive(Debug, Default)]
struct Copies {
    used: u16,
    known: Vec<(Subfield, Vec<Variable>)>,
}

impl Copies {
    /// Returns the copies of ingress ports.
    fn ports(&self) -> Vec<Vec<Variable>> {
        let ports =
            self.known.iter().filter(|(src, _)| matches!(src.field, Field::InPort | Field::InPortOxm));
        ports.map(|(_, variables)| variables.clone()).collect()
    }

    /// Returns the variables of a copy, the lowest bit first. Copies of the same bits share them.
    fn of(&mut self, src: Subfield, renaming: &mut Renaming) -> Vec<Variable> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == src) {
            return known.clone();
        }
        let room: Vec<Variable> = COPIED.variables().skip(usize::from(self.used)).collect();
        let mut to: Vec<Variable> = room.into_iter().take(usize::from(src.n_bits)).collect();
        to.reverse();
        self.used += src.n_bits;
        let from: Vec<_> = (0..src.n_bits).map(|bit| layout::variable(src.field, src.ofs + bit)).collect();
        renaming.copy_bits(&from, &to);
        self.known.push((src, to.clone()));
        to
    }
}

/// Returns the value of a source that is known when the learner runs.
fn value(src: &LearnSrc, registers: &Registers, concrete: Concrete) -> Option<u128> {
    match src {
        LearnSrc::Immediate(value) => Some(*value),
        LearnSrc::Field(src) if concrete.has(src.field) => Some(registers.part(*src)),
        LearnSrc::Field(_) => None,
    }
}

/// Returns a value that a learned flow matches: that of an ingress port is its representative's.
fn as_matched(field: Field, value: u128, classes: &PortClasses) -> u128 {
    match (field, u16::try_from(value)) {
        (Field::InPort | Field::InPortOxm, Ok(port)) => {
            classes.representative(PortNo::from_u16(port)).to_u16().map_or(value, u128::from)
        }
        _ => value,
    }
}

/// Returns the register values that a learner copies, as its flows use them.
pub(super) fn copied_registers(
    learn: &Learn,
    registers: &Registers,
    concrete: Concrete,
    classes: &PortClasses,
) -> Vec<u128> {
    let values = learn.specs.iter().filter_map(|spec| match spec {
        LearnSpec::Match { dst, src: LearnSrc::Field(src) } if concrete.has(src.field) => {
            Some(as_matched(dst.field, registers.part(*src), classes))
        }
        LearnSpec::Load { src: LearnSrc::Field(src), .. } | LearnSpec::Output { src }
            if concrete.has(src.field) =>
        {
            Some(registers.part(*src))
        }
        _ => None,
    });
    values.collect()
}
