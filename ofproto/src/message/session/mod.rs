//! Messages about the session itself: greeting, features, configuration, roles.

pub(in crate::message) mod async_config;
pub(in crate::message) mod config;
pub(in crate::message) mod features;
pub(in crate::message) mod hello;
pub(in crate::message) mod role;
