//! What arises and ends while flows are installed.
//!
//! [`return_flows`] tells the flows that the switch learned itself from foreign ones.
//! [`userspace_learn`] executes `learn` outside of the switch. [`timeouts`] says how long a flow
//! that ends by the clock is desired.

pub mod return_flows;
pub mod timeouts;
pub mod userspace_learn;
