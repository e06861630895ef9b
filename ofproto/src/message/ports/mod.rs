//! Messages about ports and queues, and packets to and from the controller.

pub(in crate::message) mod packet;
pub(in crate::message) mod port;
pub(in crate::message) mod port_mod;
pub(in crate::message) mod queue;
