//! Reads numbers from the octets of a packet, most significant octet first. Returns `None` if the
//! packet ends before.

/// Returns `N` octets from an offset.
pub(crate) fn array<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Returns the 16-bit number at an offset.
pub(crate) fn half(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(array(octets, at)?))
}
