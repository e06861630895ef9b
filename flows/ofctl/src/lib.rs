//! The text of `ovs-ofctl`: flows in both directions, and whole messages as output.
//!
//! [`syntax`] parses and prints flows, fields and actions. [`ofp_print`] prints messages as
//! `ovs-ofctl ofp-print` does. [`nearest`](fn@nearest) suggests the nearest known name for a
//! misspelt one.

mod nearest;
pub mod ofp_print;
pub mod syntax;

pub use self::nearest::nearest;
