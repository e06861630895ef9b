//! The trait behind which the engines are measured.

/// The variables, and what the operations name by a number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// The number of variables. Lower ones are tested first.
    pub(crate) variables: u16,
    /// Sets of variables for [`Engine::exists`].
    pub(crate) quantified: Vec<Vec<u16>>,
    /// Pairs of a variable and its replacement for [`Engine::replace`], all replaced at once.
    pub(crate) replacements: Vec<Vec<(u16, u16)>>,
}

/// An engine of decision diagrams: six functions are all that a proof needs.
pub(crate) trait Engine {
    /// A set of packets.
    type Set: Clone + PartialEq;

    /// Returns the conjunction of literals, in ascending order of their variables.
    fn cube(&mut self, literals: &[(u16, bool)]) -> Self::Set;

    /// Returns the complement.
    fn not(&mut self, a: &Self::Set) -> Self::Set;

    /// Returns the intersection.
    fn and(&mut self, a: &Self::Set, b: &Self::Set) -> Self::Set;

    /// Returns the union.
    fn or(&mut self, a: &Self::Set, b: &Self::Set) -> Self::Set;

    /// Returns the set without the variables of a set of [`Shape::quantified`].
    fn exists(&mut self, a: &Self::Set, quantified: usize) -> Self::Set;

    /// Returns the set with its variables replaced by one of [`Shape::replacements`].
    fn replace(&mut self, a: &Self::Set, replacement: usize) -> Self::Set;

    /// Returns `a` without `b`. An engine with an operation for it uses that.
    fn difference(&mut self, a: &Self::Set, b: &Self::Set) -> Self::Set {
        let not_b = self.not(b);
        self.and(a, &not_b)
    }

    /// Returns the union of many. The operands stay small for as long as possible.
    fn any(&mut self, mut sets: Vec<Self::Set>) -> Option<Self::Set> {
        while sets.len() > 1 {
            let pairs = sets.chunks(2).map(|pair| match pair {
                [a, b] => self.or(a, b),
                [a, ..] => a.clone(),
                [] => self.cube(&[]),
            });
            sets = pairs.collect();
        }
        sets.pop()
    }
}

/// The functions that a measurement needs beside the six.
pub(crate) trait Measured: Engine + Sized {
    /// Returns an engine.
    fn new(shape: &Shape) -> Self;

    /// Returns the values of the variables on one way to true, which takes the preferred value of
    /// each tested variable where it can. Equal sets give equal ways.
    fn pick(&self, set: &Self::Set, prefer: impl Fn(u16) -> bool) -> Option<Vec<(u16, bool)>>;

    /// Returns the number of nodes at the end, those that are no longer used included.
    fn nodes(&self) -> Option<usize>;
}
