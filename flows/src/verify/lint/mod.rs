//! Finds doubtful flows: lints of the raw lines of a network file, and contradictory flows of one
//! priority.

mod overlap;
mod raw;
mod reach;
mod tables;

pub(crate) use self::overlap::overlaps_where;
pub use self::overlap::{MAX_OVERLAPS, overlaps};
pub use self::raw::lint_raw;
pub(crate) use self::reach::RegisterReach;

#[cfg(test)]
mod tests;
