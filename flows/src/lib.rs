//! Flows.

pub mod finding;
pub mod network;
