//! Members of a set.

use crate::arena::Diagrams;
use crate::node::{Bdd, Variable};

impl Diagrams {
    /// Returns the values of the tested variables on one way to true. It takes the preferred value
    /// of each variable where it can. Returns `None` for the empty set.
    pub fn pick(&self, function: Bdd, prefer: impl Fn(Variable) -> bool) -> Option<Vec<(Variable, bool)>> {
        if function.is_false() {
            return None;
        }
        let mut literals = Vec::new();
        let mut rest = function;
        while !rest.is_constant() {
            let node = self.at(rest);
            let variable = Variable(node.variable);
            let (wanted, other) =
                if prefer(variable) { (node.high, node.low) } else { (node.low, node.high) };
            let value = prefer(variable) != wanted.is_false();
            rest = if wanted.is_false() { other } else { wanted };
            literals.push((variable, value));
        }
        Some(literals)
    }

    /// Returns the values that some variables have in a function of no others. The first variable
    /// is the highest bit. The variables must be in ascending order, at most 64. Returns `None` if
    /// there are more than `limit` values.
    pub fn values(&self, function: Bdd, variables: &[Variable], limit: usize) -> Option<Vec<u64>> {
        let mut out = Vec::new();
        self.collect(function, variables, 0, limit, &mut out).then_some(out)
    }

    fn collect(
        &self,
        function: Bdd,
        variables: &[Variable],
        value: u64,
        limit: usize,
        out: &mut Vec<u64>,
    ) -> bool {
        if function.is_false() {
            return true;
        }
        let Some((first, others)) = variables.split_first() else {
            out.push(value);
            return out.len() <= limit;
        };
        let (low, high) = self.cofactors(function, first.0);
        self.collect(low, others, value << 1, limit, out)
            && self.collect(high, others, value << 1 | 1, limit, out)
    }

    /// Returns whether an assignment is in the set.
    pub fn contains(&self, function: Bdd, value: impl Fn(Variable) -> bool) -> bool {
        let mut rest = function;
        while !rest.is_constant() {
            let node = self.at(rest);
            rest = if value(Variable(node.variable)) { node.high } else { node.low };
        }
        rest.is_true()
    }

    /// Returns the variables that a function depends on, in order.
    pub fn support(&self, function: Bdd) -> Vec<Variable> {
        let mut seen = std::collections::HashSet::new();
        let mut variables = std::collections::BTreeSet::new();
        let mut open = vec![function];
        while let Some(next) = open.pop() {
            if !next.is_constant() && seen.insert(next) {
                let node = self.at(next);
                variables.insert(Variable(node.variable));
                open.extend([node.low, node.high]);
            }
        }
        variables.into_iter().collect()
    }
}
