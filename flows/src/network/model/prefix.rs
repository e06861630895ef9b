//! Finds overlapping prefixes, in the time that sorting takes.

use std::cmp::Reverse;
use std::net::IpAddr;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

/// The addresses of a prefix: IPv4 or IPv6, and the first and last as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::network) struct PrefixRange {
    v6: bool,
    first: u128,
    last: Reverse<u128>,
}

impl PrefixRange {
    pub(in crate::network) fn of(prefix: IpNetwork) -> Self {
        match prefix {
            IpNetwork::V4(p) => PrefixRange {
                v6: false,
                first: u128::from(u32::from(p.network())),
                last: Reverse(u128::from(u32::from(p.broadcast()))),
            },
            IpNetwork::V6(p) => PrefixRange {
                v6: true,
                first: u128::from(p.network()),
                last: Reverse(u128::from(p.broadcast())),
            },
        }
    }

    /// Returns whether the two prefixes share an address; one then contains the other.
    pub(in crate::network) fn overlap(&self, other: &PrefixRange) -> bool {
        self.v6 == other.v6 && self.first <= other.last.0 && other.first <= self.last.0
    }
}

/// Returns the prefix of one address.
pub(in crate::network) fn host(address: IpAddr) -> IpNetwork {
    IpNetwork::from(address)
}

/// One prefix in a search for overlaps.
#[derive(Debug)]
pub(in crate::network) struct RangeEntry<T> {
    addresses: PrefixRange,
    /// The group. Of equal prefixes in one group, one represents all in comparisons with others.
    group: usize,
    pub(in crate::network) prefix: IpNetwork,
    pub(in crate::network) tag: T,
}

impl<T> RangeEntry<T> {
    pub(in crate::network) fn new(prefix: IpNetwork, group: usize, tag: T) -> Self {
        RangeEntry { addresses: PrefixRange::of(prefix), group, prefix, tag }
    }
}

/// Calls `found(wider, narrower)` for overlapping items, the closest pair first, until it returns
/// `true`. The narrower item is then done, so each item clashes at most once as the narrower.
pub(in crate::network) fn overlaps<T>(
    mut items: Vec<RangeEntry<T>>,
    mut found: impl FnMut(&RangeEntry<T>, &RangeEntry<T>) -> bool,
) {
    items.sort_by_key(|item| (item.addresses, item.group));
    // Prefixes nest or are disjoint, so the ones that contain the next item form a stack.
    let mut open: Vec<&RangeEntry<T>> = Vec::new();
    for item in &items {
        while open.last().is_some_and(|top| !top.addresses.overlap(&item.addresses)) {
            open.pop();
        }
        for wider in open.iter().rev() {
            if found(wider, item) {
                break;
            }
        }
        if !open.last().is_some_and(|top| top.addresses == item.addresses && top.group == item.group) {
            open.push(item);
        }
    }
}

/// Returns whether a member of a network with these subnets can have the address.
pub(in crate::network) fn is_member(address: IpAddr, subnets: impl IntoIterator<Item = IpNetwork>) -> bool {
    let subnet = subnets.into_iter().find(|subnet| subnet.contains(address));
    unusable(host(address)).is_none() && subnet.is_some_and(|subnet| !is_edge(address, subnet))
}

/// Returns whether an address stands for its subnet, or for all hosts in it. RFC 3021: with 31 bits
/// and more there is neither. IPv6 has none: the first address is the routers' anycast address (RFC
/// 4291 section 2.6.1), and is left to them.
pub(in crate::network) fn is_edge(address: IpAddr, subnet: IpNetwork) -> bool {
    match subnet {
        IpNetwork::V4(v4) => v4.prefix() <= 30 && (address == v4.network() || address == v4.broadcast()),
        IpNetwork::V6(_) => false,
    }
}

/// Returns why no member of a network can have an address in this prefix, or `None` if it can.
pub(in crate::network) fn unusable(prefix: IpNetwork) -> Option<&'static str> {
    let addresses = PrefixRange::of(prefix);
    let hit = |special: &IpNetwork| PrefixRange::of(*special).overlap(&addresses);
    special().iter().find(|(special, _)| hit(special)).map(|(_, why)| *why)
}

/// Returns the prefixes of RFC 6890 that no packet of a member may have as its source.
fn special() -> [(IpNetwork, &'static str); 9] {
    const V4: fn(u32, u8) -> IpNetwork = |bits, length| {
        IpNetwork::V4(
            Ipv4Network::new_checked(bits.into(), length)
                .unwrap_or(Ipv4Network::from(std::net::Ipv4Addr::UNSPECIFIED)),
        )
    };
    const V6: fn(u128, u8) -> IpNetwork = |bits, length| {
        IpNetwork::V6(
            Ipv6Network::new_checked(bits.into(), length)
                .unwrap_or(Ipv6Network::from(std::net::Ipv6Addr::UNSPECIFIED)),
        )
    };
    [
        (V4(0, 32), "unspecified"),
        (V4(0, 8), "of \"this network\""),
        (V4(127 << 24, 8), "loopback"),
        (V4(224 << 24, 4), "multicast"),
        (V4(u32::MAX, 32), "broadcast"),
        (V6(0, 128), "unspecified"),
        (V6(1, 128), "loopback"),
        (V6(0xff << 120, 8), "multicast"),
        (V6(0xffff << 32, 96), "IPv4 written as IPv6"),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> IpNetwork {
        text.parse().unwrap()
    }

    #[test]
    fn special_prefixes_are_unusable_and_others_are_not() {
        for (text, why) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.0.0/16", "of \"this network\""),
            ("127.0.0.1", "loopback"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("0.0.0.0/0", "unspecified"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("ff02::1", "multicast"),
            ("::ffff:10.0.0.1", "IPv4 written as IPv6"),
            ("::/0", "unspecified"),
        ] {
            assert_eq!(unusable(prefix(text)), Some(why), "{text}");
        }
        for text in
            ["10.0.0.0/8", "1.0.0.1", "223.255.255.255", "fd00::/8", "fe80::1", "2000::/3", "128.0.0.0"]
        {
            assert_eq!(unusable(prefix(text)), None, "{text}");
        }
    }

    proptest! {
        /// The sweep finds a partner for exactly the items that overlap another, as a comparison of
        /// all pairs does.
        #[test]
        fn overlaps_are_those_of_all_pairs(seeds in prop::collection::vec((any::<u8>(), 20u8..=32, 0usize..4), 0..40)) {
            let prefixes: Vec<(IpNetwork, usize)> = seeds
                .iter()
                .map(|&(low, length, group)| {
                    let ip = std::net::Ipv4Addr::new(10, 0, low >> 4, low << 4);
                    let network = Ipv4Network::new(ip, length).unwrap();
                    (IpNetwork::V4(Ipv4Network::new(network.network(), length).unwrap()), group)
                })
                .collect();
            let mut seen = std::collections::BTreeSet::new();
            let items = prefixes.iter().enumerate().map(|(i, (p, g))| RangeEntry::new(*p, *g, i)).collect();
            overlaps(items, |wider, narrower| {
                let clash = prefixes[wider.tag].1 != prefixes[narrower.tag].1;
                if clash {
                    seen.insert(narrower.tag);
                }
                clash
            });
            // An item clashes as the narrower, or an equal item represents it as the wider.
            for (i, (p, g)) in prefixes.iter().enumerate() {
                let inside = prefixes.iter().any(|(q, h)| g != h && q != p && q.contains(p.network()) && q.prefix() < p.prefix());
                if inside {
                    prop_assert!(seen.contains(&i), "{p} lies in a prefix of another group");
                }
                let any = prefixes.iter().any(|(q, h)| {
                    g != h && PrefixRange::of(*q).overlap(&PrefixRange::of(*p))
                });
                prop_assert!(any || !seen.contains(&i), "{p} overlaps nothing of another group");
            }
        }
    }
}
