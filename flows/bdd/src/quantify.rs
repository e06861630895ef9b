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
        let mut words: Vec<u64> = Vec::new();
        for Variable(variable) in variables {
            let word = usize::from(variable / 64);
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            words.get_mut(word).into_iter().for_each(|bits| *bits |= 1 << (variable % 64));
        }
        self.set_of_words(&words)
    }

    /// Returns a set of variables from their bits: the lowest bit of the first word is variable 0.
    pub fn set_of_words(&mut self, words: &[u64]) -> VariableSet {
        let used = words.iter().rposition(|word| *word != 0).map_or(0, |place| place + 1);
        let words = words.get(..used).unwrap_or_default();
        if let Some(known) = self.set_numbers.get(words) {
            return VariableSet(*known);
        }
        let top = words.last().map_or(0, |word| 63_u32.saturating_sub(word.leading_zeros()));
        let last = u16::try_from(used.saturating_sub(1) * 64).unwrap_or(u16::MAX);
        let last = last.saturating_add(u16::try_from(top).unwrap_or(u16::MAX));
        let number = self.numbered(self.sets.len());
        self.sets.push(VariableBits { bits: words.to_vec(), last });
        self.set_numbers.insert(words.to_vec(), number);
        VariableSet(number)
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
