//! Sockets and clocks: the only place that has them. Everything that decides anything is sans-IO elsewhere.

mod address;
mod admission;
mod client;
mod connection;
mod files;
mod http;
mod server;
#[cfg(test)]
mod tests;

pub use address::{Address, AddressError};
pub use admission::Limits;
pub use client::{Client, ClientError, Part, RawFlow};
pub use files::FileBudget;
pub use http::{Http, HttpLimits, serve_api, serve_control};
pub use server::{Server, ServerError};
