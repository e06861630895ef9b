//! Executes `learn` outside of the switch. A controller that receives the packets of a flow with
//! `learn(...)` acts as Open vSwitch's own `learn` would (ovs-actions(7), "learn"). The manual
//! leaves some points open, such as the flows that `limit` counts and the treatment of an installed
//! flow. There the code follows Open vSwitch 3.1.
//!
//! 1. [`LearnedFlowMirror`] is the controller's copy of the learned tables.
//!    [`LearnedFlowMirror::learn`] returns the flow_mod of a packet, if any, and the value of
//!    `result_dst`. [`LearnedFlowMirror::removed`] handles a FLOW_REMOVED, and
//!    [`LearnedFlowMirror::unlearn`] the end of a learner with `delete_learned`. For a full table
//!    the mirror also chooses the flow that makes room.
//! 2. [`react`] executes the whole action list of such a flow for one packet. It returns the
//!    flow_mods, and the remaining actions for a PACKET_OUT. [`Learner`](crate::learner::Learner)
//!    decides beforehand whether a flow can be executed so.
//! 3. [`packet_of`] reads a packet of a PACKET_IN.

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
