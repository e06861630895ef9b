//! Portcullis.

pub mod api_client;
pub mod lab;
pub mod ovs;
pub mod session;
