//! The text of `ovs-ofctl`: flows in and out, and whole messages out.
//!
//! [`syntax`] reads and prints flows, fields and actions. [`ofp_print`] prints messages as
//! `ovs-ofctl ofp-print` does. [`nearest`](fn@nearest) proposes the name that a person may have
//! meant.

mod nearest;
pub mod ofp_print;
pub mod syntax;

pub use self::nearest::nearest;
