//! Flows: what they are, how they are written, and where they come from.
//!
//! A network file becomes flows in one direction: [`network`] reads it, [`compile`] turns it into the flows
//! of a bridge, [`diff`] says what has to change on a switch that has others, and [`learned`] tells the flows
//! that the switch wrote itself, by `learn()`, from those that somebody else put there.

pub mod check;
pub mod compile;
pub mod diff;
pub mod finding;
pub mod interp;
pub mod learned;
pub mod lint;
pub mod model;
pub mod network;
pub mod never;
pub mod syntax;

pub use model::{Flow, FlowKey, FlowMatch, Masked};
