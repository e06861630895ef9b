//! MPLS (RFC 3032).

use ofproto::codec::Reader;

use super::FIELD;

/// Open vSwitch's FLOW_MAX_MPLS_LABELS.
pub(super) const MAX_ENTRIES: usize = 3;

/// A label stack entry (RFC 3032 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lse(pub u32);

impl Lse {
    /// Returns the label.
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// Returns the traffic class (RFC 5462).
    pub const fn traffic_class(self) -> u32 {
        self.0 >> 9 & 7
    }

    /// Returns whether it is the bottom of the stack.
    pub const fn is_bottom(self) -> bool {
        self.0 & 0x100 != 0
    }

    /// Returns the time to live.
    pub const fn ttl(self) -> u32 {
        self.0 & 0xff
    }
}

/// Extracts the entries down to the bottom of the stack, three at most.
pub(super) fn extract(mut r: Reader<'_>) -> Vec<Lse> {
    let mut bottom = false;
    std::iter::from_fn(|| r.u32(FIELD).ok().map(Lse))
        .take_while(|entry| !std::mem::replace(&mut bottom, entry.is_bottom()))
        .take(MAX_ENTRIES)
        .collect()
}
