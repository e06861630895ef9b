//! The network language: one TOML (or JSON) file that says which networks there are and who may talk.

mod model;

pub use model::*;
