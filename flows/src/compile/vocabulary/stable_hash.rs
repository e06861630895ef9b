//! A hash that is stable across releases, machines and compilers.

/// Hashes bytes in order: FNV-1a, then a finalizer so that similar inputs give distant hashes.
///
/// The hash is implemented here because a library's hash may change. A change would alter every
/// cookie and every value that is derived from a name.
#[derive(Debug, Clone, Copy)]
pub(in crate::compile) struct StableHasher(u64);

impl StableHasher {
    pub(in crate::compile) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(in crate::compile) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Returns the hash, never 0 and never all ones. A flow without a cookie has 0, and some tools
    /// take all ones for a wildcard.
    pub(in crate::compile) fn finish(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
        hash.clamp(1, u64::MAX - 1)
    }
}

/// Returns the hash of some names, each ended by a byte that no UTF-8 text contains.
///
/// Register values, register bits, MAC addresses and lease marks derive from it. They are parts of
/// installed flows, so a name that is hashed here must not be reworded.
pub(in crate::compile) fn stable_hash(names: &[&str]) -> u64 {
    let mut hasher = StableHasher::new();
    for name in names {
        hasher.write(name.as_bytes());
        hasher.write(&[0xff]);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_for_ever() {
        // A change of this value would rewrite flows of every switch at an upgrade.
        assert_eq!(stable_hash(&["vmbr0", "allow", "warp-egress", "x"]), 12_952_412_777_541_811_316);
    }

    #[test]
    fn names_do_not_run_together() {
        assert_ne!(stable_hash(&["ab", "c"]), stable_hash(&["a", "bc"]));
    }
}
