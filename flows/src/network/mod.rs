//! The network language: one TOML (or JSON) file with the networks and their permitted traffic.
//!
//! ```text
//! text (trees with places) ─► read (a draft; templates stamped out) ─► names, check (findings)
//!      ─► resolve (the model) ─► model
//! ```
//! [`load()`] drives the steps. The words of the language are defined in one place (`schema`), from
//! which the reader and the JSON Schema both work. Containers that come and go at run time are
//! added to the model without reading the text again (`container_apply`).

mod check;
mod container_apply;
mod draft;
mod load;
mod model;
mod names;
mod proposal;
mod read;
mod resolve;
mod schema;
#[cfg(test)]
mod tests;
mod text;

pub use self::check::notes::notes;
pub use self::container_apply::{ContainError, service_rule};
pub use self::load::*;
pub use self::model::additions::*;
pub use self::model::assertions::*;
pub use self::model::views::Party;
pub use self::model::*;
pub use self::proposal::{proposal_text, propose};
pub use self::read::datapath::is_datapath_id;
pub(crate) use self::read::link_local::of_mac as link_local_of;
pub use self::schema::schema;
pub use self::text::sources::{SourceFile, SourceFiles};
