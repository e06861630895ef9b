//! One OpenFlow session, sans-IO: bytes and the time go in; bytes, events and the next deadline come out.
//!
//! A session negotiates the version, learns what the switch is and which ports it has, keeps itself
//! alive with echoes, answers what the switch asks and puts multipart replies together. Everything that
//! a peer can make grow has a bound; a peer that breaks the protocol beyond repair ends its own session.

mod assembly;
mod config;
pub mod error_names;
mod event;
mod inbox;
mod machine;
mod outbox;
#[cfg(test)]
mod tests;

pub use self::config::{Config, MAX_PORTS};
pub use self::event::{CloseReason, Connected, Event, SendError, Stats};
pub use self::machine::Session;
