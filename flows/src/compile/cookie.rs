//! Cookies that stay the same over restarts and reloads.

use ofproto::Cookie;

/// The cookie of the flow that `parts` name: bridge, stage, rule and what tells the rule's flows apart.
///
/// FNV-1a over the parts, each ended by a byte that no name contains, then a finalizer so that near names
/// give far cookies. Written out here because a library's hash may change under us, and with it every cookie.
pub(super) fn cookie(parts: &[&str]) -> Cookie {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain(std::iter::once(0xff)) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // 0 is what flows without a cookie have, all ones is a wildcard to some tools.
    Cookie(hash.clamp(1, u64::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_for_ever() {
        // A change of this value would rewrite every flow of every switch at an upgrade.
        assert_eq!(cookie(&["vmbr0", "allow", "warp-egress", "x"]), Cookie(STABLE));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(cookie(&["ab", "c"]), cookie(&["a", "bc"]));
    }

    const STABLE: u64 = 12_952_412_777_541_811_316;
}
