//! Probes every rule of a network file with real packets.
//!
//! All pairs of places are tried with every port that a rule names, and with one that no rule
//! names. This is done with the installed flows in the reference interpreter, and with real packets
//! (a sample if the file has many places). Allowed traffic is tried by a conversation (TCP, UDP,
//! ping) between two namespaces. Denied traffic and every `never` are tried by raw frames, some of
//! them forged.
//!
//! Each frame has a tag of its own. Listeners look for the tags at all places where the frames must
//! not arrive. "Nothing arrived" is worth something only if the frames did enter the bridge and the
//! listeners do hear: both are checked for every probe.

mod definition;
mod derive;
mod exchange;
mod flows;
mod forged;
mod frames;
mod nevers;
mod pairs;
mod run;
mod table;
mod talk;
#[cfg(test)]
mod tests;
mod view;
mod wire;

pub use self::definition::{Action, Expected, PacketCase, Probe};
pub use self::derive::derive;
pub use self::exchange::{Exchange, ExchangeStep, exchanges};
pub use self::frames::{BROADCAST, Frame, FrameBody, link_local, solicited_node, tag_of};
pub use self::run::{Finding, run};
pub use self::table::table;
pub use self::talk::{Outcome, Server, TalkProtocol, talk};
pub use self::view::ProbeContext;
pub use self::wire::{Injector, Sniffer};
