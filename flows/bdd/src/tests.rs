//! Random functions of eight variables, compared with their truth tables of 256 bits.

use proptest::prelude::*;

use crate::cache::{Cache, Operation};
use crate::{Bdd, Diagrams, Replacement, Variable};

const VARIABLES: u16 = 8;

/// A truth table.
type Table = [bool; 256];

#[derive(Debug, Clone)]
enum Expression {
    Variable(u16),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Difference(Box<Expression>, Box<Expression>),
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = (0..VARIABLES).prop_map(Expression::Variable);
    leaf.prop_recursive(6, 64, 2, |inner| {
        let both = (inner.clone(), inner);
        prop_oneof![
            both.clone().prop_map(|(a, b)| Expression::And(a.into(), b.into())),
            both.clone().prop_map(|(a, b)| Expression::Or(a.into(), b.into())),
            both.prop_map(|(a, b)| Expression::Difference(a.into(), b.into())),
        ]
    })
}

fn bit(assignment: usize, variable: u16) -> bool {
    assignment >> variable & 1 == 1
}

fn table(of: impl Fn(usize) -> bool) -> Table {
    std::array::from_fn(of)
}

fn truth(expression: &Expression) -> Table {
    match expression {
        Expression::Variable(v) => table(|n| bit(n, *v)),
        Expression::And(a, b) => {
            let (a, b) = (truth(a), truth(b));
            table(|n| a[n] && b[n])
        }
        Expression::Or(a, b) => {
            let (a, b) = (truth(a), truth(b));
            table(|n| a[n] || b[n])
        }
        Expression::Difference(a, b) => {
            let (a, b) = (truth(a), truth(b));
            table(|n| a[n] && !b[n])
        }
    }
}

fn build(diagrams: &mut Diagrams, expression: &Expression) -> Bdd {
    match expression {
        Expression::Variable(v) => diagrams.variable(Variable(*v)),
        Expression::And(a, b) => {
            let (a, b) = (build(diagrams, a), build(diagrams, b));
            diagrams.and(a, b)
        }
        Expression::Or(a, b) => {
            let (a, b) = (build(diagrams, a), build(diagrams, b));
            diagrams.or(a, b)
        }
        Expression::Difference(a, b) => {
            let (a, b) = (build(diagrams, a), build(diagrams, b));
            diagrams.difference(a, b)
        }
    }
}

fn members(diagrams: &Diagrams, function: Bdd) -> Table {
    table(|n| diagrams.contains(function, |v| bit(n, v.0)))
}

proptest! {
    #[test]
    fn operations_are_those_of_the_truth_tables(a in expression(), b in expression()) {
        let mut diagrams = Diagrams::new(100_000);
        let (f, g) = (build(&mut diagrams, &a), build(&mut diagrams, &b));
        prop_assert_eq!(members(&diagrams, f), truth(&a));
        // Equal functions are one.
        prop_assert_eq!(f == g, truth(&a) == truth(&b));
        let not = diagrams.not(f);
        prop_assert_eq!(members(&diagrams, not), truth(&a).map(|t| !t));
        let differ = diagrams.differ(f, g);
        let (ta, tb) = (truth(&a), truth(&b));
        prop_assert_eq!(members(&diagrams, differ), table(|n| ta[n] != tb[n]));
        let within = truth(&a).iter().zip(truth(&b)).all(|(a, b)| !a || b);
        prop_assert_eq!(diagrams.is_within(f, g), within);
        let union = diagrams.any([f, g, not]);
        prop_assert!(union.is_true());
    }

    #[test]
    fn quantification_forgets_variables(a in expression(), which in 0_usize..256) {
        let mut diagrams = Diagrams::new(100_000);
        let f = build(&mut diagrams, &a);
        let set = diagrams.set((0..VARIABLES).filter(|v| bit(which, *v)).map(Variable));
        let (truth, without) = (truth(&a), diagrams.exists(f, set));
        let some = |n: usize, mask: usize| (0..256).any(|m| truth[n & !mask | m & mask]);
        prop_assert_eq!(members(&diagrams, without), table(|n| some(n, which)));
        let only = diagrams.project(f, set);
        prop_assert_eq!(members(&diagrams, only), table(|n| some(n, 255 & !which)));
    }

    #[test]
    fn substitution_is_simultaneous(a in expression(), to in prop::collection::vec(0_u16..10, 8)) {
        let mut diagrams = Diagrams::new(100_000);
        let f = build(&mut diagrams, &a);
        // 8 and 9 are the constants.
        let replacement = |to: u16| match to {
            8 => Replacement::Constant(false),
            9 => Replacement::Constant(true),
            v => Replacement::Variable(Variable(v)),
        };
        let pairs = (0..).map(Variable).zip(to.iter().map(|to| replacement(*to)));
        let substitution = diagrams.substitution(pairs);
        let replaced = diagrams.replace(f, substitution);
        let truth = truth(&a);
        let value = |n: usize, to: u16| match to { 8 => false, 9 => true, v => bit(n, v) };
        let renamed = |n: usize| (0_u16..).zip(&to).map(|(v, to)| usize::from(value(n, *to)) << v).sum::<usize>();
        prop_assert_eq!(members(&diagrams, replaced), table(|n| truth[renamed(n)]));
    }

    #[test]
    fn members_are_found(a in expression(), preferred in 0_usize..256) {
        let mut diagrams = Diagrams::new(100_000);
        let f = build(&mut diagrams, &a);
        let truth = truth(&a);
        match diagrams.pick(f, |v| bit(preferred, v.0)) {
            None => prop_assert!(truth.iter().all(|t| !t)),
            Some(literals) => {
                let value = |v: u16| literals.iter().find(|l| l.0 == Variable(v)).map_or(bit(preferred, v), |l| l.1);
                prop_assert!(truth[(0..VARIABLES).map(|v| usize::from(value(v)) << v).sum::<usize>()]);
                prop_assert!(!truth[preferred] || literals.iter().all(|l| l.1 == bit(preferred, l.0.0)));
            }
        }
        let all: Vec<Variable> = (0..VARIABLES).map(Variable).collect();
        let values = diagrams.values(f, &all, 256).unwrap();
        let reversed = |n: usize| (0..8).map(|v| usize::from(bit(n, v)) << (7 - v)).sum::<usize>();
        let mut wanted: Vec<u64> = (0..256).filter(|n| truth[*n]).map(|n| reversed(n) as u64).collect();
        wanted.sort_unstable();
        prop_assert_eq!(values, wanted);
        let depends = |v: u16| (0..256).any(|n| truth[n] != truth[n ^ 1 << v]);
        prop_assert_eq!(diagrams.support(f), (0..VARIABLES).filter(|v| depends(*v)).map(Variable).collect::<Vec<_>>());
    }
}

#[test]
fn a_cache_that_forgets_what_is_asked_again_grows() {
    let mut cache = Cache::new();
    let places = cache.len();
    let put = |cache: &mut Cache, n: u32, result: u32| cache.put(Operation::And, Bdd(n), Bdd(n), Bdd(result));
    (2..2_000_000).for_each(|n| put(&mut cache, n, n));
    assert_eq!(cache.len(), places);
    (2..2_000_000).for_each(|n| put(&mut cache, n, 2));
    assert!(cache.len() > places);
    // Growth keeps the results.
    let before = cache.len();
    let mut n = 2;
    while cache.len() == before {
        put(&mut cache, 1, 7);
        put(&mut cache, n, 2);
        n += 1;
    }
    assert_eq!(cache.get(Operation::And, Bdd(1), Bdd(1)), Some(Bdd(7)));
}

#[test]
fn a_full_arena_says_so() {
    let mut diagrams = Diagrams::new(20);
    let all = (0..16).map(|n| diagrams.cube((0..8).map(|v| (Variable(v), bit(n * 13, v)))));
    let all: Vec<Bdd> = all.collect();
    let _ = diagrams.any(all);
    assert!(diagrams.is_exhausted());
    assert!(diagrams.len() <= 20);
}

#[test]
fn a_variable_with_two_values_is_nothing() {
    let mut diagrams = Diagrams::new(100);
    assert!(diagrams.cube([(Variable(3), true), (Variable(3), false)]).is_false());
    assert!(diagrams.cube([(Variable(3), true), (Variable(3), true)]) == diagrams.variable(Variable(3)));
}
