//! Flows.

pub mod compile;
pub mod diff;
pub mod learned;
pub mod model;
pub mod network;

pub use model::{Flow, FlowKey, FlowMatch, Masked};
