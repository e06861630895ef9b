//! Portcullis.

pub mod lab;
