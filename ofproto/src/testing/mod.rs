//! Strategies that make wire values (proptest): whatever they make encodes, and decodes to itself. And what a switch says.

pub mod actions;
pub mod features;
pub mod messages;
pub mod nicira;
pub mod switch;
pub mod tables;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

/// Up to `max` bytes of anything.
pub fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=max).prop_map(Bytes::from)
}

/// Up to `max` bytes without a NUL.
pub fn text(max: usize) -> impl Strategy<Value = Bytes> {
    vec(1..=u8::MAX, 0..=max).prop_map(Bytes::from)
}
