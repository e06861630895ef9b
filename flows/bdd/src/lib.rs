//! Reduced ordered binary decision diagrams (Bryant 1986) for sets of packets.
//!
//! A [`Bdd`] is a Boolean function of [`Variable`]s, in the arena of a [`Diagrams`]. Equal functions
//! have equal numbers, so equality costs nothing. The order of the variables is that of their
//! numbers.
//!
//! An arena has a limit of nodes. Beyond it the results mean nothing, and
//! [`Diagrams::is_exhausted`] says so.

mod arena;
mod cache;
mod combine;
mod node;
mod pick;
mod quantify;
mod replace;
#[cfg(test)]
mod tests;

pub use self::arena::Diagrams;
pub use self::node::{Bdd, Replacement, Variable};
pub use self::quantify::VariableSet;
pub use self::replace::Substitution;
