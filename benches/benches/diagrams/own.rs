//! Our own engine.

use bdd::{Bdd, Diagrams, Replacement, Substitution, Variable, VariableSet};

use crate::engine::{Engine, Measured, Shape};

/// The limit of nodes. The arena grows as it needs.
const LIMIT: usize = 1 << 28;

pub(crate) struct Own {
    diagrams: Diagrams,
    quantified: Vec<VariableSet>,
    replacements: Vec<Substitution>,
}

impl Engine for Own {
    type Set = Bdd;

    fn cube(&mut self, literals: &[(u16, bool)]) -> Bdd {
        self.diagrams.cube(literals.iter().map(|(variable, value)| (Variable(*variable), *value)))
    }

    fn not(&mut self, a: &Bdd) -> Bdd {
        self.diagrams.not(*a)
    }

    fn and(&mut self, a: &Bdd, b: &Bdd) -> Bdd {
        self.diagrams.and(*a, *b)
    }

    fn or(&mut self, a: &Bdd, b: &Bdd) -> Bdd {
        self.diagrams.or(*a, *b)
    }

    fn exists(&mut self, a: &Bdd, quantified: usize) -> Bdd {
        self.diagrams.exists(*a, self.quantified[quantified])
    }

    fn replace(&mut self, a: &Bdd, replacement: usize) -> Bdd {
        self.diagrams.replace(*a, self.replacements[replacement])
    }

    fn difference(&mut self, a: &Bdd, b: &Bdd) -> Bdd {
        self.diagrams.difference(*a, *b)
    }
}

impl Measured for Own {
    fn new(shape: &Shape) -> Self {
        let mut diagrams = Diagrams::new(LIMIT);
        let quantified =
            shape.quantified.iter().map(|set| diagrams.set(set.iter().copied().map(Variable))).collect();
        let variable = |to: u16| Replacement::Variable(Variable(to));
        let replacements = shape
            .replacements
            .iter()
            .map(|pairs| {
                diagrams.substitution(pairs.iter().map(|(from, to)| (Variable(*from), variable(*to))))
            })
            .collect();
        Self { diagrams, quantified, replacements }
    }

    fn pick(&self, set: &Bdd, prefer: impl Fn(u16) -> bool) -> Option<Vec<(u16, bool)>> {
        assert!(!self.diagrams.is_exhausted());
        let literals = self.diagrams.pick(*set, |variable| prefer(variable.0))?;
        Some(literals.into_iter().map(|(variable, value)| (variable.0, value)).collect())
    }

    fn nodes(&self) -> Option<usize> {
        Some(self.diagrams.len())
    }
}
