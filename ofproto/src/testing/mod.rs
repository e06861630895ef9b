//! Strategies that generate wire values (proptest), and the messages of a switch. Every generated
//! value encodes, and decodes to itself.

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

/// Generates up to `max` arbitrary bytes.
pub fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=max).prop_map(Bytes::from)
}

/// Generates up to `max` bytes without a NUL.
pub fn text(max: usize) -> impl Strategy<Value = Bytes> {
    vec(1..=u8::MAX, 0..=max).prop_map(Bytes::from)
}

/// The newest version of Open vSwitch that the strategies of this process target: major in the
/// upper byte.
static NEWEST: AtomicU16 = AtomicU16::new(u16::MAX);

/// Limits the strategies to this version of Open vSwitch, for tests that compare with an installed
/// one. The limit covers fields and the forms of `sample`. It is per process, as is the installed
/// Open vSwitch.
pub fn write_for_version(version: (u8, u8)) {
    NEWEST.store(u16::from_be_bytes(version.into()), Ordering::Relaxed);
}

/// Returns whether the strategies may use a feature of this version.
fn may_use(since: (u8, u8)) -> bool {
    u16::from_be_bytes(since.into()) <= NEWEST.load(Ordering::Relaxed)
}
