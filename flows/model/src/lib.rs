//! The flow model: matches in one canonical form, and the instructions of flows.
//!
//! [`Flow`] is the one form in which flows are compared: each field has one spelling here. The
//! crate `ofctl` parses and prints it as `ovs-ofctl` does. The wire form is that of [`ofproto`];
//! [`Flow::to_flow_mod`] and [`Flow::from_stats`] convert.
//!
//! [`frame`] extracts the match fields of a frame.

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
