//! Verification of the permitted traffic on the flows themselves.
//!
//! [`interp`] runs packets through flows as a switch does, and is the oracle of the tests.
//! [`proof`] decides what may talk to what, for every packet, and shows a packet for each violation
//! of the file's assertions. [`reach`] answers questions of people about it. The sets of packets come from the symbolic engine. [`lint`] examines flows
//! alone, for defects that are visible without a packet. [`check`](mod@check) runs all of these for
//! a file.

mod action_set;
pub mod bridge_flows;
pub mod check;
mod delivery;
mod explain;
pub mod interp;
pub mod lint;
pub mod proof;
pub mod reach;
#[cfg(test)]
mod sampling;
mod sides;
pub(crate) mod symbolic;
mod topology;
pub mod witness;
