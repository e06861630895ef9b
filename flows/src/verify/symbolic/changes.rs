//! The changes that a program makes to a packet, relative to the packet as it came.
//!
//! A set of packets keeps the variables of the packets that came. So a copy costs nothing, and what
//! is overwritten later costs nothing either.

use std::collections::BTreeMap;

use bdd::{Bdd, Diagrams, Replacement, Variable};

use super::variables::Variables;

/// The value of a variable, in terms of the packet as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// That of a variable of the packet as it came.
    Of(Variable),
    /// A constant.
    Constant(bool),
    /// Either.
    Any,
}

/// The variables that changed, with their values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Changes(BTreeMap<Variable, Value>);

impl Changes {
    /// Returns the value of a variable now.
    pub(super) fn value(&self, variable: Variable) -> Value {
        self.0.get(&variable).copied().unwrap_or(Value::Of(variable))
    }

    /// Gives variables new values, all at once.
    pub(super) fn assign(&mut self, pairs: impl IntoIterator<Item = (Variable, Replacement)>) {
        let new: Vec<(Variable, Value)> = pairs
            .into_iter()
            .map(|(variable, to)| match to {
                Replacement::Variable(from) => (variable, self.value(from)),
                Replacement::Constant(value) => (variable, Value::Constant(value)),
            })
            .collect();
        self.0.extend(new);
        self.0.retain(|variable, value| *value != Value::Of(*variable));
    }

    /// Gives variables any value.
    pub(super) fn forget(&mut self, variables: impl IntoIterator<Item = Variable>) {
        self.0.extend(variables.into_iter().map(|variable| (variable, Value::Any)));
    }

    /// Undoes the changes of variables. Returns whether no other variable has their old values.
    pub(super) fn restore(&mut self, variables: impl IntoIterator<Item = Variable>) -> bool {
        let restored: Variables = variables.into_iter().collect();
        self.0.retain(|variable, _| !restored.contains(*variable));
        !self.0.values().any(|value| matches!(value, Value::Of(from) if restored.contains(*from)))
    }

    /// Returns the packets, as they came, that are in a set now.
    pub(super) fn before(&self, diagrams: &mut Diagrams, set: Bdd) -> Bdd {
        if self.0.is_empty() || set == Bdd::TRUE || set.is_false() {
            return set;
        }
        let tested = diagrams.support(set);
        let changed = tested.iter().filter_map(|variable| Some((*variable, *self.0.get(variable)?)));
        let (mut any, mut replaced) = (Vec::new(), Vec::new());
        for (variable, value) in changed {
            match value {
                Value::Of(from) => replaced.push((variable, Replacement::Variable(from))),
                Value::Constant(value) => replaced.push((variable, Replacement::Constant(value))),
                Value::Any => any.push(variable),
            }
        }
        let any = diagrams.set(any);
        let set = diagrams.exists(set, any);
        let substitution = diagrams.substitution(replaced);
        diagrams.replace(set, substitution)
    }

    /// Returns packets as they are now, as far as some variables show.
    pub(super) fn after(&self, diagrams: &mut Diagrams, set: Bdd, kept: &Variables) -> Bdd {
        if self.0.is_empty() {
            let kept = kept.set(diagrams);
            return diagrams.project(set, kept);
        }
        let mut names: BTreeMap<Variable, Vec<Variable>> = BTreeMap::new();
        let mut constants = Vec::new();
        for (variable, value) in self.0.iter().filter(|(variable, _)| kept.contains(**variable)) {
            match value {
                Value::Of(from) => names.entry(*from).or_default().push(*variable),
                Value::Constant(value) => constants.push((*variable, *value)),
                Value::Any => {}
            }
        }
        let same = kept.clone().without(self.0.keys().copied());
        let mut read = same.clone();
        read.extend(names.keys().copied());
        let read = read.set(diagrams);
        let mut set = diagrams.project(set, read);
        let (mut renamed, mut equal) = (Vec::new(), Vec::new());
        for (from, to) in names {
            let first = if same.contains(from) { from } else { to.first().copied().unwrap_or(from) };
            if first != from {
                renamed.push((from, Replacement::Variable(first)));
            }
            equal.extend(to.into_iter().filter(|other| *other != first).map(|other| (first, other)));
        }
        if !renamed.is_empty() {
            let substitution = diagrams.substitution(renamed);
            set = diagrams.replace(set, substitution);
        }
        for (a, b) in equal {
            let (a, b) = (diagrams.variable(a), diagrams.variable(b));
            let differ = diagrams.differ(a, b);
            set = diagrams.difference(set, differ);
        }
        let constants = diagrams.cube(constants);
        diagrams.and(set, constants)
    }
}
