//! Flows.

pub mod network;
