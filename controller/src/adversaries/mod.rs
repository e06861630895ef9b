//! Tests the controller against tireless adversaries on the wire, in a switch or beside it. In the
//! end a bridge has its desired flows, or is shown as not settled, with the reason.
//!
//! | module | asks |
//! |---|---|
//! | [`beads`] | what a malicious wire does to messages of one kind |
//! | [`changes`] | random changes from all sides, in any order |
//! | [`delta`] | the cases of DELTA, by their numbers |
//!
//! [`simulation`] runs the product's own sessions and bridges on virtual time against switches that
//! are [simulated](switch).

mod beads;
mod changes;
mod delta;
mod networks;
mod simulation;
pub(crate) mod switch;
