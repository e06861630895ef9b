//! The flows of each table of the pipeline, a file for each concern.

pub(in crate::compile) mod admission;
pub mod claims;
pub(in crate::compile) mod crossing;
pub(in crate::compile) mod destination;
pub(in crate::compile) mod dhcp;
pub(in crate::compile) mod joint;
pub mod lease;
pub mod mac_pairs;
pub(in crate::compile) mod neighbour_discovery;
pub(in crate::compile) mod neighbours;
pub(in crate::compile) mod policy;
pub(in crate::compile) mod raw;
pub(in crate::compile) mod returns;
pub(in crate::compile) mod router_discovery;
pub(in crate::compile) mod rules;
pub(in crate::compile) mod sender;
pub mod shared;
pub(in crate::compile) mod vrrp;
pub(in crate::compile) mod wire;
