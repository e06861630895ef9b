//! Answers questions of people about the permitted traffic, on the flows themselves.
//!
//! [`reach()`] lists what a party can reach, for every packet. [`difference()`] compares two files.
//! [`why()`] explains the verdict on one connection. The interpreter sends a plain packet for it,
//! and the symbolic engine says whether all others fare alike.
//!
//! What opens connections is computed on flows that learn nothing. What passes beyond that on the
//! whole flows is an answer.

mod answer_text;
mod cases;
mod deciding;
mod difference;
mod error;
mod permitted;
mod places;
mod question;
mod ranges;
mod remedy;
mod row;
mod schema;
mod states;
mod switches;
mod table;
mod temporary;
#[cfg(test)]
mod tests;
mod text;
mod traffic;
mod uniform;
mod why;

pub use self::deciding::DecidingRule;
pub use self::difference::{Change, Difference, FileFlows, difference};
pub use self::error::ReachError;
pub use self::places::PartyPlace;
pub use self::question::{Question, Service, ServiceError};
pub use self::ranges::Ranges;
pub use self::remedy::Remedy;
pub use self::row::{Row, RowKind, When};
pub use self::schema::{AnswerKind, schema};
pub use self::table::{Direction, ReachTable, reach};
pub use self::text::table;
pub use self::traffic::Family;
pub use self::why::{Answer, ConnectionEnd, Decision, Fate, OpeningWindow, why};
