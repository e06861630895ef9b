//! The network language: one TOML (or JSON) file that says which networks there are and who may talk.
//!
//! The texts (`load`) become trees with places (`tree`, `json`), the trees a draft (`read`), in which templates are
//! stamped out (`template`) and what came at run time is added (`containers`). The draft is checked (`names`, `ports`,
//! `addresses`, `rules`) and, where it has no error, becomes the model (`resolve`). Which words there are is said in
//! one place (`words`), from which the JSON Schema is made (`schema`).

mod additions;
mod addresses;
mod built_in;
mod check_value;
mod container_apply;
mod container_ids;
mod containers;
mod crossings;
mod datapath;
mod date;
mod draft;
mod earlier_grants;
mod fields;
mod file_schema;
mod implied_rules;
mod json;
mod link_local;
mod load;
mod model;
mod names;
mod notes;
mod ports;
mod prefix;
mod read;
mod read_rules;
mod report;
mod resolve;
mod rule_party;
mod rules;
mod schema;
mod shared;
mod size;
mod sources;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod views;

pub use additions::*;
pub use container_apply::{ContainError, service_rule};
pub use datapath::is_datapath_id;
pub(crate) use link_local::of_mac as link_local_of;
pub use load::*;
pub use model::*;
pub use notes::notes;
pub use schema::schema;
pub use sources::{SourceFile, SourceFiles};
pub use views::Party;
