//! Sockets and timers. Only this module has them: all decisions are made elsewhere, without I/O.

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

/// The reason of an eviction, as the peer is told.
const EVICTED: &str = "another connection needed its place: no bridge of the file spoke over it so far";

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
