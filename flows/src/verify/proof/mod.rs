//! Proofs: decides each assertion of a file on the flows of all its bridges, for every packet.
//!
//! The symbolic engine computes the sets of packets that arrive at each port, learned flows
//! included. An assertion holds if no packet arrives where it must not. Otherwise a packet is walked
//! back to its sender, and the interpreter sends it. Only if it then arrives is the assertion
//! violated. What was not decided is unknown, with the reason.
//!
//! Temporary flows (windows, crossings that expire) count as flows that may be absent. So a verdict
//! is for windows open and closed.

mod always;
mod classes;
mod decide;
mod replay;
mod report;
#[cfg(test)]
mod tests;

pub use self::decide::{prove, prove_installed};
pub(in crate::verify) use self::replay::replay;
pub use self::report::{Assertion, AssertionKind, Budget, ProofReport, Verdict};
