//! Sockets and clocks: the only place that has them. Everything that decides anything is sans-IO elsewhere.

mod address;
mod client;
mod connection;
mod server;
#[cfg(test)]
mod tests;

pub use address::{Address, AddressError};
pub use client::{Client, ClientError, Part, RawFlow};
pub use server::{Limits, Server, ServerError, serve_api, serve_control};
