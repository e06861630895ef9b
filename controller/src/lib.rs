//! Portcullis.

pub mod api;
pub mod api_client;
pub mod bridge;
pub mod cli;
pub mod hub;
pub mod lab;
pub mod metrics;
pub mod net;
pub mod ovs;
pub mod policy;
pub mod session;
