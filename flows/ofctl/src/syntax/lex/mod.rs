//! Words of a line, their permitted names, and the errors that point at them.

pub(in crate::syntax) mod error;
pub(in crate::syntax) mod names;
pub(in crate::syntax) mod token;
