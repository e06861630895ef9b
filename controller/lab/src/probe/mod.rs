//! Real packets for every rule of a network file.
//!
//! All pairs of places are tried with every port that a rule names and one that none does: by the flows that the bridges
//! have, in the reference interpreter, and by real packets (of a file with many places a sample). What a rule allows is
//! tried by a conversation (TCP, UDP, ping) between two namespaces. What nobody allowed, and every `never`, is tried by
//! raw frames, forged ones among them, each with a tag of its own, while listeners look for the tags wherever they must
//! not turn up. "Nothing arrived" is worth something only if the frames
//! did enter the bridge and the listeners do hear: both are checked for every probe.

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
