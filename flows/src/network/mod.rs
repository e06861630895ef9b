//! The network language: one TOML (or JSON) file that says which networks there are and who may talk.
//!
//! ```text
//! text (trees with places) ─► read (a draft; templates stamped out) ─► names, check (findings)
//!      ─► resolve (the model) ─► model
//! ```
//! [`load()`] drives the steps. The words of the language stand in one place (`schema`): a file is
//! read by them, and the JSON Schema is made of them. Containers that come and go at run time are
//! put into the model, and the text is not read again (`container_apply`).

mod check;
mod container_apply;
mod draft;
mod load;
mod model;
mod names;
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
pub use self::model::views::Party;
pub use self::model::*;
pub use self::read::datapath::is_datapath_id;
pub(crate) use self::read::link_local::of_mac as link_local_of;
pub use self::schema::schema;
pub use self::text::sources::{SourceFile, SourceFiles};
