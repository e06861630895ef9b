//! The harness that the end-to-end tests share: a lab (a private Open vSwitch in a network namespace of its
//! own), the controller as its users start it, and real packets.

pub mod running;
pub mod traffic;

pub use running::{Running, binary, network_file};
