//! Messages about flow tables, groups and meters, and notifications of their changes.

pub(in crate::message) mod bundle;
pub(in crate::message) mod flow_mod;
pub(in crate::message) mod flow_removed;
pub(in crate::message) mod group;
pub(in crate::message) mod meter;
pub mod monitor;
pub(in crate::message) mod request_forward;
pub(in crate::message) mod table_mod;
