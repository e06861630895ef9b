//! Containers and instances of templates that come and go while the controller runs: on a real Open vSwitch, with real
//! packets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the lints know test functions, but not their helpers"
)]

mod api;
mod crash;
mod life;
mod networks;
mod refused;
mod stage;
