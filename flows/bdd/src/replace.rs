//! Substitution of variables by variables and constants, all at once.

use crate::arena::Diagrams;
use crate::cache::Operation;
use crate::node::{Bdd, Replacement, Variable};

/// A substitution in a [`Diagrams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Substitution(u16);

impl Diagrams {
    /// Returns a substitution. Equal substitutions are one.
    pub fn substitution(
        &mut self,
        replacements: impl IntoIterator<Item = (Variable, Replacement)>,
    ) -> Substitution {
        let mut table: Vec<Option<Replacement>> = Vec::new();
        for (Variable(variable), replacement) in replacements {
            let place = usize::from(variable);
            if table.len() <= place {
                table.resize(place + 1, None);
            }
            table.get_mut(place).into_iter().for_each(|slot| *slot = Some(replacement));
        }
        let place = self.substitutions.iter().position(|known| *known == table).unwrap_or_else(|| {
            self.substitutions.push(table);
            self.substitutions.len() - 1
        });
        Substitution(self.numbered(place))
    }

    /// Returns the function with its variables replaced, all at once. Two variables may get the
    /// same replacement.
    pub fn replace(&mut self, function: Bdd, substitution: Substitution) -> Bdd {
        if function.is_constant() {
            return function;
        }
        let operation = Operation::Replace(substitution.0);
        if let Some(known) = self.cache.get(operation, function, function) {
            return known;
        }
        if self.is_exhausted() {
            return Bdd::FALSE;
        }
        let node = self.at(function);
        let table = self.substitutions.get(usize::from(substitution.0));
        let replacement = table.and_then(|table| table.get(usize::from(node.variable)).copied().flatten());
        let result = match replacement {
            Some(Replacement::Constant(value)) => {
                self.replace(if value { node.high } else { node.low }, substitution)
            }
            other => {
                let variable = match other {
                    Some(Replacement::Variable(variable)) => variable.0,
                    _ => node.variable,
                };
                let low = self.replace(node.low, substitution);
                let high = self.replace(node.high, substitution);
                self.test(variable, low, high)
            }
        };
        self.cache.put(operation, function, function, result);
        result
    }

    /// Returns `high` where the variable is 1 and `low` where it is 0, wherever the variable is in
    /// the order.
    fn test(&mut self, variable: u16, low: Bdd, high: Bdd) -> Bdd {
        if low == high {
            return low;
        }
        let first = self.top(low).min(self.top(high));
        if variable < first {
            return self.node(variable, low, high);
        }
        if variable == first {
            let (low, high) = (self.cofactors(low, variable).0, self.cofactors(high, variable).1);
            return self.node(variable, low, high);
        }
        let operation = Operation::Test(variable);
        if let Some(known) = self.cache.get(operation, low, high) {
            return known;
        }
        if self.is_exhausted() {
            return Bdd::FALSE;
        }
        let ((low_low, low_high), (high_low, high_high)) =
            (self.cofactors(low, first), self.cofactors(high, first));
        let below = self.test(variable, low_low, high_low);
        let above = self.test(variable, low_high, high_high);
        let result = self.node(first, below, above);
        self.cache.put(operation, low, high, result);
        result
    }
}
