//! The compiled program: its flows, their origins, and what the controller has to do beside them.

pub mod leasing;
pub(in crate::compile) mod program;
pub mod sample;
