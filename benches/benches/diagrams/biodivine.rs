//! `biodivine-lib-bdd`, whose functions are vectors of nodes and share nothing.
//!
//! It replaces one variable after another. So each variable of a [`Shape`] is two here: the second
//! one holds the value until all variables are free. Its faster renaming is `unsafe`, and it keeps
//! the order of the variables, which an exchange does not.

use biodivine_lib_bdd::{Bdd, BddPartialValuation, BddVariable, BddVariableSet};

use crate::engine::{Engine, Measured, Shape};

pub(crate) struct Biodivine {
    variables: BddVariableSet,
    quantified: Vec<Vec<BddVariable>>,
    replacements: Vec<Vec<(u16, u16)>>,
}

/// Returns the variable's own place.
fn own(variable: u16) -> BddVariable {
    BddVariable::from_index(2 * usize::from(variable))
}

/// Returns the place that holds the variable's value during a replacement.
fn held(variable: u16) -> BddVariable {
    BddVariable::from_index(2 * usize::from(variable) + 1)
}

impl Engine for Biodivine {
    type Set = Bdd;

    fn cube(&mut self, literals: &[(u16, bool)]) -> Bdd {
        let values = literals.iter().map(|(variable, value)| (own(*variable), *value));
        self.variables.mk_conjunctive_clause(&BddPartialValuation::from_values_iter(values))
    }

    fn not(&mut self, a: &Bdd) -> Bdd {
        a.not()
    }

    fn and(&mut self, a: &Bdd, b: &Bdd) -> Bdd {
        a.and(b)
    }

    fn or(&mut self, a: &Bdd, b: &Bdd) -> Bdd {
        a.or(b)
    }

    fn exists(&mut self, a: &Bdd, quantified: usize) -> Bdd {
        a.exists(&self.quantified[quantified])
    }

    fn replace(&mut self, a: &Bdd, replacement: usize) -> Bdd {
        let pairs = &self.replacements[replacement];
        let support = a.support_set();
        let tested = || pairs.iter().filter(|(from, _)| support.contains(&own(*from)));
        let variable = |variable| self.variables.mk_var(variable);
        let free = tested().fold(a.clone(), |a, (from, _)| a.substitute(own(*from), &variable(held(*from))));
        tested().fold(free, |a, (from, to)| a.substitute(held(*from), &variable(own(*to))))
    }

    fn difference(&mut self, a: &Bdd, b: &Bdd) -> Bdd {
        a.and_not(b)
    }
}

impl Measured for Biodivine {
    fn new(shape: &Shape) -> Self {
        Self {
            variables: BddVariableSet::new_anonymous(2 * shape.variables),
            quantified: shape.quantified.iter().map(|set| set.iter().copied().map(own).collect()).collect(),
            replacements: shape.replacements.clone(),
        }
    }

    fn pick(&self, set: &Bdd, prefer: impl Fn(u16) -> bool) -> Option<Vec<(u16, bool)>> {
        let mut literals = Vec::new();
        let mut rest = set.root_pointer();
        while !rest.is_terminal() {
            let variable = u16::try_from(set.var_of(rest).to_index() / 2).unwrap();
            let branch = |value| if value { set.high_link_of(rest) } else { set.low_link_of(rest) };
            let wanted = prefer(variable);
            let value = wanted != branch(wanted).is_zero();
            literals.push((variable, value));
            rest = branch(value);
        }
        rest.is_one().then_some(literals)
    }

    fn nodes(&self) -> Option<usize> {
        None
    }
}
