//! Sockets and clocks: the only place that has them. Everything that decides anything is sans-IO elsewhere.

mod admission;
mod client;
mod connection;
mod files;
mod greeting;
mod http;
mod listener;
mod outgoing;
mod server;
#[cfg(test)]
mod tests;

use std::time::Instant;

pub use admission::SessionLimits;
pub use client::{Client, ClientError, RawFlow, ReplyPart};
pub use files::DescriptorBudget;
pub use http::{HttpLimits, HttpSettings, serve_api, serve_control};
pub use listener::ServerError;
pub use server::Server;

/// Tells the peer why its session was evicted.
const EVICTED: &str = "another connection needed its place: no bridge of the file spoke over it so far";

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
