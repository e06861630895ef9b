//! The part of the file that one bridge needs: the parties at its ports, and the inputs of each
//! network's flows.

pub(in crate::compile) mod attachment_point;
pub(in crate::compile) mod overlap;
pub(in crate::compile) mod rule_parties;
pub(in crate::compile) mod scope;
pub(in crate::compile) mod time_context;
