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

pub use self::admission::SessionLimits;
pub use self::client::{Client, ClientError, RawFlow, ReplyPart};
pub use self::files::DescriptorBudget;
pub use self::http::{HttpLimits, HttpSettings, serve_api, serve_control};
pub use self::listener::ServerError;
pub use self::server::Server;

/// Tells the peer why its session was evicted.
const EVICTED: &str = "another connection needed its place: no bridge of the file spoke over it so far";

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
