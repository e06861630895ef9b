//! What Open vSwitch says to a match, to actions and to instructions: the first error that it would name.

pub(crate) mod actions;
mod instructions;
pub(crate) mod matches;
