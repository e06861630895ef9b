//! Samples of denied packets, grouped by sender, destination and reason.
//!
//! A bridge with `sample_denied` sends the beginning of denied packets to the controller, as often
//! as a meter on the switch allows ([`flows::compile::sample`]). Each becomes a [`Sample`]: the
//! fields of the packet, and the flow that dropped it, found by its cookie. A [`DeniedTable`] of
//! bounded size counts the samples of each bridge. A [`report()`] names the sender, the
//! destination, the rule that denied the packet and the line that would allow it, in the words of
//! the network file.

mod advice;
mod report;
mod sample;
mod table;
#[cfg(test)]
mod tests;

pub use self::advice::Advice;
pub use self::report::{DeniedReport, report};
pub use self::sample::{Protocol, Sample, Seen};
pub use self::table::{CAPACITY, DeniedTable, Entry, SampleKey};
