//! Real packets for every rule of a network file.
//!
//! Every `allow` is tried by a conversation (TCP, UDP, ping) between two namespaces. What nobody allowed, and
//! every `never`, is tried by raw frames, forged ones among them, each with a tag of its own, while listeners
//! look for the tags wherever they must not turn up. "Nothing arrived" is worth something only if the frames
//! did enter the bridge and the listeners do hear: both are checked for every probe.

mod derive;
mod forged;
mod frames;
mod run;
mod table;
mod talk;
#[cfg(test)]
mod tests;
mod wire;

pub use derive::{Action, Expected, Probe, derive};
pub use frames::{BROADCAST, Body, Frame, link_local, solicited_node, tag_of};
pub use run::{Finding, run};
pub use table::table;
pub use talk::{Outcome, Server, Speech, talk};
pub use wire::{Injector, Sniffer};
