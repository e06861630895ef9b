//! The packet-in path of a learning switch: PACKET_IN bytes go in, FLOW_MOD and PACKET_OUT bytes
//! come out.
//!
//! # Owners
//! | data | owner | access by others |
//! |---|---|---|
//! | the table of MAC addresses ([`MacTable`]) | the session's task, in its [`LearningSwitch`] | none |
//! | received bytes, bytes to send | the session's task | none |
//! | the [`Settings`] | an immutable part of the network file | copied when another file is activated |
//! | the counters ([`PacketTally`]) | the session's task | added to atomic counters, once per batch |
//!
//! So there is no lock, no allocation, no logging and no system call between a read from the socket
//! and the write to it. The buffers keep their size, and the table grows only with the number of
//! hosts. `controller/tests` counts the allocations, and the lints below keep locks and
//! logging out.
//!
//! The caller bounds the output of one batch. It stops deciding when enough bytes wait to be
//! written. It stops reading when the switch does not accept them.

#![deny(clippy::disallowed_types, clippy::disallowed_macros)]

mod age;
mod noted_entries;
mod ports;
mod slot;
mod switch;
mod table;
#[cfg(test)]
mod tests;

pub use self::noted_entries::NotedEntries;
pub use self::switch::{FlowKind, LearningSwitch, PacketTally, Settings};
pub use self::table::{LearnOutcome, MacTable, Shares};
