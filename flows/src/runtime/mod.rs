//! The flows that are added and end at run time.
//!
//! [`return_flows`] distinguishes the switch's own learned flows from foreign ones.
//! [`userspace_learn`] executes `learn` outside of the switch. [`timeouts`] compares flows that
//! have a deadline.

pub mod return_flows;
pub mod timeouts;
pub mod userspace_learn;
