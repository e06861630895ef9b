//! The symbolic engine: computes the sets of packets that reach each port, for all packets at once.
//!
//! A set of packets is a decision diagram over header fields. Registers stay concrete. The engine
//! walks the tables of all bridges, over wires and through hosts that forward, until nothing new
//! is reached. A `learn` becomes one rule for all flows that it can write.
//!
//! ```text
//! flows ─► table (groups) ─► engine (states) ─► execute (programs) ─┬─► arrivals at ports
//!              ▲                  ▲                                 ├─► learned (rules)
//!              └── space, layout  └── cone (what is still read)     └─► tracked (connections)
//! ```
//!
//! The sets contain every packet that can arrive, and few others. So whatever no packet reaches is
//! decided. Whatever some packet reaches is shown by a packet that the interpreter sends.

mod answers;
mod changes;
mod cone;
mod emission;
mod engine;
mod execute;
mod layout;
mod learned;
mod plain;
mod ports;
mod program;
mod registers;
mod space;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod trace;
mod tracked;
mod variables;
mod world;

pub(crate) use self::answers::KnownValues;
pub(crate) use self::engine::{Asked, Engine, Limits};
pub(crate) use self::trace::Trace;
pub(crate) use self::world::Passage;
pub(crate) use self::world::{BridgeInput, BridgePort, World};
