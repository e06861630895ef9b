//! Sets of variables, and those that matches and actions read.

use bdd::{Diagrams, Variable, VariableSet};
use flow_model::FlowMatch;
use ofproto::action::{Learn, LearnSpec, LearnSrc};
use ofproto::oxm::Field;

use super::layout;
use super::registers::Concrete;
use super::space::is_hidden;

/// A set of variables, one bit each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Variables(Vec<u64>);

impl Variables {
    pub(super) fn insert(&mut self, Variable(variable): Variable) {
        let word = usize::from(variable / 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0.get_mut(word).into_iter().for_each(|bits| *bits |= 1 << (variable % 64));
    }

    pub(super) fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// Returns the set without some variables.
    pub(super) fn without(mut self, others: impl IntoIterator<Item = Variable>) -> Self {
        for Variable(variable) in others {
            let word = self.0.get_mut(usize::from(variable / 64));
            word.into_iter().for_each(|bits| *bits &= !(1 << (variable % 64)));
        }
        self
    }

    /// Returns the set as one of an arena.
    pub(super) fn set(&self, diagrams: &mut Diagrams) -> VariableSet {
        diagrams.set_of_words(&self.0)
    }

    pub(super) fn contains(&self, Variable(variable): Variable) -> bool {
        self.0.get(usize::from(variable / 64)).is_some_and(|bits| bits >> (variable % 64) & 1 == 1)
    }

    pub(super) fn extend(&mut self, variables: impl IntoIterator<Item = Variable>) {
        variables.into_iter().for_each(|variable| self.insert(variable));
    }
}

impl FromIterator<Variable> for Variables {
    fn from_iter<I: IntoIterator<Item = Variable>>(variables: I) -> Self {
        let mut this = Self::default();
        this.extend(variables);
        this
    }
}

/// Returns the variables that a match compares.
pub(super) fn of_match(matches: &FlowMatch, concrete: Concrete) -> Variables {
    let mut read = Variables::default();
    for (field, bits) in matches.iter().filter(|(field, _)| !concrete.has(*field)) {
        let compared = (0..128).filter(|bit| bits.mask >> bit & 1 == 1);
        read.extend(compared.filter_map(|bit| layout::variable(field, bit)));
        if is_hidden(field) {
            read.extend(layout::whole(Field::IpFrag));
        }
    }
    read
}

/// The variables that decide whether a packet has a field.
pub(super) fn presence() -> impl Iterator<Item = Variable> {
    [Field::EthType, Field::IpProto, Field::IpFrag, Field::VlanVid].into_iter().flat_map(layout::whole)
}

/// Returns the variables of the addresses and ports by which connections are told apart.
pub(super) fn connection() -> impl Iterator<Item = Variable> {
    use Field::*;
    [EthType, IpProto, IpFrag, Ipv6Src, Ipv6Dst, TcpSrc, TcpDst].into_iter().flat_map(layout::whole)
}

/// Returns the variables that `learn` copies.
pub(super) fn of_learn(learn: &Learn) -> Variables {
    let sources = learn.specs.iter().filter_map(|spec| match spec {
        LearnSpec::Match { src, .. } | LearnSpec::Load { src, .. } => match src {
            LearnSrc::Field(src) => Some(*src),
            LearnSrc::Immediate(_) => None,
        },
        LearnSpec::Output { src } => Some(*src),
    });
    sources.flat_map(layout::bits).collect()
}
