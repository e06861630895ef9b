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
mod function;
mod pick;
mod quantify;
mod replace;
#[cfg(test)]
mod tests;
mod variable;

pub use self::arena::Diagrams;
pub use self::function::Bdd;
pub use self::quantify::VariableSet;
pub use self::replace::Substitution;
pub use self::variable::{Replacement, Variable};
