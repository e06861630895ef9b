//! The Boolean operations.

use crate::arena::Diagrams;
use crate::cache::Operation;
use crate::node::Bdd;

impl Diagrams {
    /// Returns the intersection.
    pub fn and(&mut self, a: Bdd, b: Bdd) -> Bdd {
        if a == b || b.is_true() {
            return a;
        }
        if a.is_false() || b.is_false() {
            return Bdd::FALSE;
        }
        if a.is_true() {
            return b;
        }
        self.combine(Operation::And, a.min(b), a.max(b), Self::and)
    }

    /// Returns the union.
    pub fn or(&mut self, a: Bdd, b: Bdd) -> Bdd {
        if a == b || b.is_false() {
            return a;
        }
        if a.is_true() || b.is_true() {
            return Bdd::TRUE;
        }
        if a.is_false() {
            return b;
        }
        self.combine(Operation::Or, a.min(b), a.max(b), Self::or)
    }

    /// Returns `a` without `b`.
    pub fn difference(&mut self, a: Bdd, b: Bdd) -> Bdd {
        if a == b || a.is_false() || b.is_true() {
            return Bdd::FALSE;
        }
        if b.is_false() {
            return a;
        }
        self.combine(Operation::Difference, a, b, Self::difference)
    }

    /// Returns the complement.
    pub fn not(&mut self, a: Bdd) -> Bdd {
        self.difference(Bdd::TRUE, a)
    }

    /// Returns the union of many.
    pub fn any(&mut self, functions: impl IntoIterator<Item = Bdd>) -> Bdd {
        // In pairs: the operands stay small for as long as possible.
        let mut functions: Vec<Bdd> = functions.into_iter().collect();
        while functions.len() > 1 {
            let pairs = functions.chunks(2).map(|pair| match *pair {
                [a, b] => self.or(a, b),
                [a] => a,
                _ => Bdd::FALSE,
            });
            functions = pairs.collect();
        }
        functions.first().copied().unwrap_or(Bdd::FALSE)
    }

    /// Returns the symmetric difference: what is in one of the two, but not in both.
    pub fn differ(&mut self, a: Bdd, b: Bdd) -> Bdd {
        let (one, other) = (self.difference(a, b), self.difference(b, a));
        self.or(one, other)
    }

    /// Returns whether `a` is a subset of `b`.
    pub fn is_within(&mut self, a: Bdd, b: Bdd) -> bool {
        self.difference(a, b).is_false()
    }

    /// Returns whether the two have nothing in common.
    pub fn is_disjoint(&mut self, a: Bdd, b: Bdd) -> bool {
        self.and(a, b).is_false()
    }

    fn combine(
        &mut self,
        operation: Operation,
        a: Bdd,
        b: Bdd,
        both: impl Fn(&mut Self, Bdd, Bdd) -> Bdd,
    ) -> Bdd {
        if let Some(known) = self.cache.get(operation, a, b) {
            return known;
        }
        if self.is_exhausted() {
            return Bdd::FALSE;
        }
        let variable = self.top(a).min(self.top(b));
        let ((a_low, a_high), (b_low, b_high)) = (self.cofactors(a, variable), self.cofactors(b, variable));
        let low = both(self, a_low, b_low);
        let high = both(self, a_high, b_high);
        let result = self.node(variable, low, high);
        self.cache.put(operation, a, b, result);
        result
    }
}
