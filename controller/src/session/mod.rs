//! One OpenFlow session, without I/O: bytes and times go in; bytes, events and the next deadline
//! come out.
//!
//! A session negotiates the version, learns the switch's features and ports, and keeps itself alive
//! with echoes. It answers the switch's requests and assembles multipart replies. Everything that a
//! peer can make grow has a bound. A peer that breaks the protocol beyond repair ends its own
//! session.

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
