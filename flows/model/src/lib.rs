//! The flow model: what a flow matches, in one canonical form, and what it does.
//!
//! [`Flow`] is the one form in which flows are compared: a field has one spelling here. The crate
//! `ofctl` reads and prints it as `ovs-ofctl` does. The form on the wire is that of [`ofproto`],
//! reached by [`Flow::to_flow_mod`] and [`Flow::from_stats`].
//!
//! [`frame`] extracts from a frame the fields that flows match.

mod flow;
mod flow_match;
pub mod frame;
mod masked;
mod order;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use self::flow::{DEFAULT_PRIORITY, Flow, FlowKey, learns, nested};
pub use self::flow_match::{FlowMatch, TunnelOption};
pub use self::masked::Masked;
