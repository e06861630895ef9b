//! The packet-in path of a learning switch: from the bytes of PACKET_INs to the bytes of FLOW_MODs and PACKET_OUTs.
//!
//! # Who owns what
//! | what | whose | how the others get at it |
//! |---|---|---|
//! | the table of MAC addresses ([`MacTable`]) | the session's task, in its [`LearningSwitch`] | not at all |
//! | bytes that came, bytes that go | the session's task | not at all |
//! | what to do ([`Settings`]) | an immutable part of the network file | copied when another file comes into force |
//! | what was counted ([`PacketTally`]) | the session's task | added to atomic counters, once for each batch |
//!
//! So between reading from the socket and writing to it there is no lock, no allocation (the buffers keep their size, the table
//! grows only with the number of hosts), no logging and no system call. `controller/tests` counts the allocations, and
//! the lints below keep locks and logging out.
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
