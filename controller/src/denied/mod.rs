//! What was refused, and why: samples of denied packets, put together by who tried what.
//!
//! A bridge with `sample_denied` shows the controller the beginning of denied packets, as often as a meter on the switch lets
//! it ([`flows::compile::sample`]). Each becomes a [`Sample`]: what the packet says of itself, and the flow that dropped it,
//! found by its cookie. A [`DeniedTable`] of bounded size for each bridge counts them, and a [`report()`] says in the words of the
//! network file who tried to reach what, which rule refused it, and which line would allow it.

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
