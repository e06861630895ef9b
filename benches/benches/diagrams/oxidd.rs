//! `oxidd`, with its plain diagrams and with those whose edges carry a complement.

use oxidd::util::OptBool;
use oxidd::{BooleanFunction, BooleanFunctionQuant, FunctionSubst, Manager, ManagerRef, Subst};

use crate::engine::{Engine, Measured, Shape};

/// The capacity for nodes. Its pages are touched only when they are needed.
const NODES: usize = 1 << 25;
/// The entries of the cache, which does not grow. Of 2¹⁴ to 2²⁰ this is the fastest on these files.
const CACHE: usize = 1 << 15;

/// A kind of `oxidd`'s diagrams.
pub(crate) trait Kind {
    type Function: BooleanFunctionQuant + FunctionSubst;

    /// Returns the manager of the functions.
    fn manager(nodes: usize, cache: usize) -> <Self::Function as oxidd::Function>::ManagerRef;
}

/// Binary decision diagrams.
pub(crate) struct Plain;

impl Kind for Plain {
    type Function = oxidd::bdd::BDDFunction;

    fn manager(nodes: usize, cache: usize) -> oxidd::bdd::BDDManagerRef {
        oxidd::bdd::new_manager(nodes, cache, 1)
    }
}

/// Binary decision diagrams with complement edges.
pub(crate) struct Complement;

impl Kind for Complement {
    type Function = oxidd::bcdd::BCDDFunction;

    fn manager(nodes: usize, cache: usize) -> oxidd::bcdd::BCDDManagerRef {
        oxidd::bcdd::new_manager(nodes, cache, 1)
    }
}

pub(crate) struct Oxidd<K: Kind> {
    manager: <K::Function as oxidd::Function>::ManagerRef,
    top: K::Function,
    variables: Vec<[K::Function; 2]>,
    quantified: Vec<K::Function>,
    replacements: Vec<Subst<K::Function>>,
}

impl<K: Kind> Engine for Oxidd<K> {
    type Set = K::Function;

    fn cube(&mut self, literals: &[(u16, bool)]) -> Self::Set {
        literals.iter().rev().fold(self.top.clone(), |rest, (variable, value)| {
            self.variables[usize::from(*variable)][usize::from(*value)].and(&rest).unwrap()
        })
    }

    fn not(&mut self, a: &Self::Set) -> Self::Set {
        a.not().unwrap()
    }

    fn and(&mut self, a: &Self::Set, b: &Self::Set) -> Self::Set {
        a.and(b).unwrap()
    }

    fn or(&mut self, a: &Self::Set, b: &Self::Set) -> Self::Set {
        a.or(b).unwrap()
    }

    fn exists(&mut self, a: &Self::Set, quantified: usize) -> Self::Set {
        a.exists(&self.quantified[quantified]).unwrap()
    }

    fn replace(&mut self, a: &Self::Set, replacement: usize) -> Self::Set {
        a.substitute(&self.replacements[replacement]).unwrap()
    }

    fn difference(&mut self, a: &Self::Set, b: &Self::Set) -> Self::Set {
        b.imp_strict(a).unwrap()
    }
}

impl<K: Kind> Measured for Oxidd<K> {
    fn new(shape: &Shape) -> Self {
        let manager = K::manager(NODES, CACHE);
        let (top, variables) = manager.with_manager_exclusive(|manager| {
            let variables = manager.add_vars(u32::from(shape.variables)).map(|variable| {
                [
                    K::Function::not_var(manager, variable).unwrap(),
                    K::Function::var(manager, variable).unwrap(),
                ]
            });
            let variables: Vec<_> = variables.collect();
            (K::Function::t(manager), variables)
        });
        let mut new = Self { manager, top, variables, quantified: Vec::new(), replacements: Vec::new() };
        for set in &shape.quantified {
            let literals: Vec<(u16, bool)> = set.iter().map(|variable| (*variable, true)).collect();
            let cube = new.cube(&literals);
            new.quantified.push(cube);
        }
        for pairs in &shape.replacements {
            let from: Vec<u32> = pairs.iter().map(|(from, _)| u32::from(*from)).collect();
            let to: Vec<K::Function> =
                pairs.iter().map(|(_, to)| new.variables[usize::from(*to)][1].clone()).collect();
            new.replacements.push(Subst::new(from, to));
        }
        new
    }

    fn pick(&self, set: &Self::Set, prefer: impl Fn(u16) -> bool) -> Option<Vec<(u16, bool)>> {
        // The order of the variables is never changed, so levels are variables.
        let values = set.pick_cube(|_, _, level| prefer(u16::try_from(level).unwrap()))?;
        let tested = (0_u16..).zip(values).filter_map(|(variable, value)| match value {
            OptBool::None => None,
            OptBool::False => Some((variable, false)),
            OptBool::True => Some((variable, true)),
        });
        Some(tested.collect())
    }

    fn nodes(&self) -> Option<usize> {
        Some(self.manager.with_manager_shared(|manager| manager.num_inner_nodes()))
    }
}
