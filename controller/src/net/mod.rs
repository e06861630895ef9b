//! Sockets and clocks: the only place that has them. Everything that decides anything is sans-IO elsewhere.

mod address;
mod connection;
mod server;

pub use address::{Address, AddressError};
pub use server::{Limits, Server, ServerError, serve_api};
