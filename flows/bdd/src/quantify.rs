//! Quantification: forgets variables.

use crate::arena::Diagrams;
use crate::cache::Operation;
use crate::node::{Bdd, Variable, VariableBits};

/// A set of variables in a [`Diagrams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VariableSet(u16);

impl Diagrams {
    /// Returns a set of variables. Equal sets are one.
    pub fn set(&mut self, variables: impl IntoIterator<Item = Variable>) -> VariableSet {
        let mut set = VariableBits { bits: Vec::new(), last: 0 };
        for Variable(variable) in variables {
            let word = usize::from(variable / 64);
            if set.bits.len() <= word {
                set.bits.resize(word + 1, 0);
            }
            set.bits.get_mut(word).into_iter().for_each(|bits| *bits |= 1 << (variable % 64));
            set.last = set.last.max(variable);
        }
        let place = self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        VariableSet(self.numbered(place))
    }

    /// Returns the function without the variables of a set: true where some values of theirs make
    /// it true.
    pub fn exists(&mut self, function: Bdd, set: VariableSet) -> Bdd {
        self.quantify(function, set, Operation::Exists(set.0), true)
    }

    /// Returns the function without all variables but those of a set.
    pub fn project(&mut self, function: Bdd, set: VariableSet) -> Bdd {
        self.quantify(function, set, Operation::Project(set.0), false)
    }

    fn quantify(&mut self, function: Bdd, set: VariableSet, operation: Operation, inside: bool) -> Bdd {
        if function.is_constant() {
            return function;
        }
        let node = self.at(function);
        let Some(bits) = self.sets.get(usize::from(set.0)) else { return function };
        let (last, quantified) = (bits.last, bits.contains(node.variable) == inside);
        if node.variable > last {
            return if inside { function } else { Bdd::TRUE };
        }
        if let Some(known) = self.cache.get(operation, function, function) {
            return known;
        }
        if self.is_exhausted() {
            return Bdd::FALSE;
        }
        let low = self.quantify(node.low, set, operation, inside);
        let result = if quantified && low.is_true() {
            low
        } else {
            let high = self.quantify(node.high, set, operation, inside);
            if quantified { self.or(low, high) } else { self.node(node.variable, low, high) }
        };
        self.cache.put(operation, function, function, result);
        result
    }
}
