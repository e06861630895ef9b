//! What is doubtful about flows: lints of the raw lines of a network file, and flows of one priority that
//! contradict each other.

mod overlap;
mod raw;
mod reach;
mod tables;

pub(crate) use overlap::overlaps_where;
pub use overlap::{MAX_OVERLAPS, overlaps};
pub use raw::lint_raw;
pub(crate) use reach::RegisterReach;

#[cfg(test)]
mod tests;
