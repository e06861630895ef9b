//! The flows of a network: their definition, their notation and their origin. The crate has no
//! sockets and no clocks: every function returns one answer for given arguments.
//!
//! # One direction
//! ```text
//! network file ─► network ─► compile ─► desired flows ────────┐
//!    (TOML)        (model)                                    ├─► diff ─► flow mods
//! flow statistics of a switch ─► flow_model ─► installed flows ┘
//!                                     └─► return_flows: which of them did the switch write itself?
//! ```
//! 1. [`network::parse`] reads the file, or reports its defects: [`finding::Finding`]s with a place
//!    in the text.
//! 2. [`compile::compile`] compiles the flows of one bridge for its current ports, and records the
//!    rule behind each ([`compile::Origin`]). [`compile::layout`] defines the tables. After a
//!    change [`compile::recompile`] compiles only the parts of the program that depend on it.
//! 3. [`diff::diff`] computes the changes to a switch with other flows; a flow that is as desired
//!    is not touched.
//! 4. [`runtime::return_flows`] identifies the return flows that the switch itself learned by
//!    `learn()`. It distinguishes them from foreign flows, and from flows that the current rules
//!    would not teach.
//!
//! # What a change promises
//! After a change is acknowledged, the switch passes only packets that the new file allows. The
//! exception is learned state that the new file would also have let arise between the two parties
//! at their two ports. [`runtime::return_flows::LearnedFlowJudge`] decides whether a learned flow
//! is such state. The controller acknowledges a change when a read that began a second after it
//! found no other state.
//!
//! # Verification
//! [`verify::interp`] runs packets through flows as a switch would: the oracle of the tests.
//! [`verify::bridge_flows`](mod@verify::bridge_flows) uses it to send packets of every kind that the file or the
//! flows distinguish. It reports as a witness each packet that arrives where a `never` of the file
//! forbids it. [`verify::lint`] examines flows alone, such as raw lines, for defects that are
//! visible without a packet. [`verify::check::check`] runs all of these for a file.
//! [`installed::decide`] proves the same of the flows that switches have.
//!
//! # Notation
//! [`Flow`] is the one form in which flows are compared: each field has one spelling there.
//! [`ofctl::syntax`] reads and prints the text of `ovs-ofctl`. [`ofproto`] defines the form on the
//! wire, reached by [`Flow::to_flow_mod`] and [`Flow::from_stats`].

mod canonical;
pub mod compile;
pub mod dhcp;
pub mod dhcpv6;
pub mod diff;
pub mod finding;
pub mod finding_code;
pub mod installed;
pub mod learner;
pub mod network;
mod octets;
pub mod runtime;
pub mod verify;

pub use flow_model::{Flow, FlowKey, FlowMatch, Masked, TunnelOption};
