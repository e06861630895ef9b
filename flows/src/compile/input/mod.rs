//! What the file says, as one bridge needs it: who is at which port, and what each network's flows
//! depend on.

pub(in crate::compile) mod attachment_point;
pub(in crate::compile) mod overlap;
pub(in crate::compile) mod rule_parties;
pub(in crate::compile) mod scope;
pub(in crate::compile) mod time_context;
