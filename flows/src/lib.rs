//! Flows.

pub mod model;
pub mod network;

pub use model::{Flow, FlowKey, FlowMatch, Masked};
