//! What the end-to-end tests share: a real Open vSwitch of their own, and an OpenFlow connection to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and so does its harness"
)]

pub mod conn;
pub mod ovs;

pub use conn::Conn;
pub use ovs::PrivateOvs;
