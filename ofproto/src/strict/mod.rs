//! The checks of Open vSwitch on a match, actions and instructions: each returns the first error
//! that it reports.

pub(crate) mod actions;
mod instructions;
pub(crate) mod matches;
