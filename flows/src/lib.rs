//! Flows: what they are, how they are written, and where they come from. No sockets, no clocks: every function
//! here gives the same answer for the same arguments.
//!
//! # One direction
//! ```text
//! network file ─► network ─► compile ─► desired flows ────────┐
//!    (TOML)        (model)                                    ├─► diff ─► flow mods
//! flow statistics of a switch ─► flow_model ─► installed flows ┘
//!                                     └─► return_flows: which of them did the switch write itself?
//! ```
//! 1. [`network::parse`] reads the file, or says what is wrong with it: [`finding::Finding`]s with a place in the text.
//! 2. [`compile::compile`] makes the flows of one bridge for the ports that it has now, and remembers the rule
//!    behind each ([`compile::Origin`]). The tables are those of [`compile::layout`]. [`compile::recompile`] does so after a
//!    change, and makes only those parts of the program again that depend on it.
//! 3. [`diff::diff`] says what has to change on a switch that has other flows; what is as desired is not touched.
//! 4. [`runtime::return_flows`] tells the return flows that the switch wrote itself, by `learn()`, from those that somebody else
//!    put there, and from those that what is in force now would not let arise.
//!
//! # What a change promises
//! After a change is acknowledged, no packet passes that the new file does not allow, but for learned state that the new
//! file would have let arise between the same two parties at the same two ports. [`runtime::return_flows::LearnedFlowJudge`] says of a learned flow
//! whether it is such state. The controller acknowledges a change when a read that began a second after it found no other.
//!
//! # What judges it
//! [`verify::interp`] runs packets through flows as a switch would: the oracle of the tests. [`verify::never`](mod@verify::never) uses it to send packets of
//! every kind that the file or the flows tell apart, and reports as a witness each one that arrives where
//! the file says that none ever may. [`verify::lint`] looks at flows alone, such as raw lines, for defects that can be seen
//! without a packet. [`verify::check::check`] does all of that for a file.
//!
//! # How flows are written
//! [`Flow`] is the one form in which flows are compared: a field has one spelling there.
//! [`ofctl::syntax`] reads and prints the text of `ovs-ofctl`. The form on the wire is that of
//! [`ofproto`], reached by [`Flow::to_flow_mod`] and [`Flow::from_stats`].

mod canonical;
pub mod compile;
pub mod dhcp;
pub mod dhcpv6;
pub mod diff;
pub mod finding;
pub mod finding_code;
pub mod learner;
pub mod network;
mod octets;
pub mod runtime;
pub mod verify;

pub use flow_model::{Flow, FlowKey, FlowMatch, Masked, TunnelOption};
