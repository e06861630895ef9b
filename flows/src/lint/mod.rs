//! What is doubtful about flows: lints of the raw lines of a network file, and flows of one priority that
//! contradict each other.

mod overlap;
mod raw;
mod tables;

pub use overlap::{MAX_OVERLAPS, overlaps};
pub use raw::lint_raw;

#[cfg(test)]
mod tests;
