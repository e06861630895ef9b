//! Strategies that make wire values (proptest): whatever they make encodes, and decodes to itself. And what a switch says.

pub mod actions;
pub mod features;
pub mod messages;
pub mod nicira;
pub mod switch;
pub mod tables;

use std::sync::atomic::{AtomicU16, Ordering};

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

/// The newest version of Open vSwitch that the strategies of this process write for: major in the upper byte.
static NEWEST: AtomicU16 = AtomicU16::new(u16::MAX);

/// Keeps from here on to what this version of Open vSwitch knows, for tests that compare with an installed one: its fields,
/// and its forms of `sample`. A process has one such version, as it has one Open vSwitch.
pub fn write_for_version(version: (u8, u8)) {
    NEWEST.store(u16::from_be_bytes(version.into()), Ordering::Relaxed);
}

/// Whether the strategies may use what came with a version.
fn may_use(since: (u8, u8)) -> bool {
    u16::from_be_bytes(since.into()) <= NEWEST.load(Ordering::Relaxed)
}
