//! The compiled program: its flows, their origins, and the controller's own tasks.

pub mod leasing;
pub(in crate::compile) mod program;
pub mod sample;
