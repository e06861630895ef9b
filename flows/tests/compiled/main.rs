//! What becomes of whole files, by the public interface alone. One binary, because all share the oracle.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod compile;
mod deep;
mod learned;
mod pinned;
mod reach;
mod recompile;
mod recorded;
mod scale;
mod support;
mod verdict;
