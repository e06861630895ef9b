//! `learn` outside of the switch: a controller that gets the packets of a flow with `learn(...)` does for them what
//! Open vSwitch's own `learn` would do (ovs-actions(7), "learn"; what it says less of, such as who is counted for
//! `limit` and what becomes of a flow that is there already, is what Open vSwitch 3.1 does).
//!
//! 1. [`LearnedFlowMirror`] is what the controller knows of the learned tables. [`LearnedFlowMirror::learn`] says which flow_mod a packet
//!    leads to, if any, and what `result_dst` gets; [`LearnedFlowMirror::removed`] takes a FLOW_REMOVED, [`LearnedFlowMirror::unlearn`] the end of
//!    a learner with `delete_learned`. Where a table is full, it also says whose flow makes room.
//! 2. [`react`] executes the whole list of actions of such a flow for one packet: the flow_mods, and the actions that are left
//!    for a PACKET_OUT. [`Learner`](crate::learner::Learner) says beforehand whether a flow can be executed so.
//! 3. [`packet_of`] reads a packet as it came in.

mod error;
mod eviction_order;
mod flow_key;
mod frame;
mod held_flows;
mod learn_actions;
mod mirror;
#[cfg(test)]
mod tests;

pub use self::error::LearnError;
pub use self::frame::packet_of;
pub use self::learn_actions::{Reaction, react};
pub use self::mirror::{Dialect, FullTableAction, LearnDecision, LearnOutcome, LearnedFlowMirror};
