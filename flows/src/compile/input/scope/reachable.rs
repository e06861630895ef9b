//! Finds the addresses that packets on a bridge can come from or go to. Packets with other
//! addresses end in the default deny of admission and of policy, so networks elsewhere need no
//! flows of their own there.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoint};
use crate::compile::input::scope::Scope;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::network::NetworkFile;

/// Holds the address ranges that a sender on a bridge may use or reach.
#[derive(Debug, Default)]
pub(in crate::compile) struct Reachable {
    /// True if every address is reachable: through an exit, through a next hop, or through raw
    /// flows, which are not analysed.
    all: bool,
    /// First and last addresses, sorted, none overlapping another.
    intervals: Vec<(AddressFamily, u128, u128)>,
}

impl Reachable {
    /// Collects the ranges of a bridge's networks, of the endpoints on it, and of the crossings
    /// that pass it.
    pub(in crate::compile) fn new(
        file: &NetworkFile,
        bridge: &str,
        scopes: &[Scope<'_>],
        sites: &[(usize, AttachmentPoint<'_>)],
    ) -> Self {
        let has_raw_lines = file.bridge_for(bridge).is_some_and(|bridge| !bridge.flows.is_empty());
        let has_exit = sites.iter().any(|(_, site)| site.kind == AttachmentKind::Exit);
        let by_hop = scopes.iter().flat_map(|scope| &scope.rules).any(|rule| rule.allow.via.is_some());
        if has_raw_lines || has_exit || by_hop {
            return Self { all: true, intervals: Vec::new() };
        }
        let own = scopes.iter().flat_map(|scope| &scope.network.subnets).copied().map(AddressRange::from);
        let held = sites.iter().flat_map(|(_, site)| {
            let shared = site.shared.iter().map(|shared| &shared.range);
            site.prefixes.iter().chain(&site.leases).chain(&site.dhcp).chain(shared).copied()
        });
        let crossing = crossing(file, bridge).map(|address| AddressRange::from(IpNetwork::from(address)));
        let mut intervals: Vec<_> = own.chain(held).chain(crossing).map(interval).collect();
        intervals.sort_unstable();
        intervals.dedup_by(|next, last| {
            let overlaps = last.0 == next.0 && next.1 <= last.2;
            if overlaps {
                last.2 = last.2.max(next.2);
            }
            overlaps
        });
        Self { all: false, intervals }
    }

    /// Returns whether a range holds a reachable address.
    pub(in crate::compile) fn meets(&self, range: AddressRange) -> bool {
        let (family, first, last) = interval(range);
        let before = self.intervals.partition_point(|(f, start, _)| (*f, *start) <= (family, last));
        let near = before.checked_sub(1).and_then(|place| self.intervals.get(place));
        self.all || near.is_some_and(|(f, _, end)| *f == family && *end >= first)
    }
}

/// Returns the addresses of endpoints whose crossing uses a link that ends on the bridge.
fn crossing<'f>(file: &'f NetworkFile, bridge: &str) -> impl Iterator<Item = IpAddr> {
    let passes = move |over: &str| {
        let mut links = file.links.iter().filter(|link| link.name == over);
        links.any(|link| link.ends.iter().any(|end| end.bridge == bridge))
    };
    let names = |crossing: &'f crate::network::Crossing| crossing.from.iter().chain(&crossing.to);
    let crossings = file.crossings.iter().filter(move |crossing| passes(&crossing.over));
    let endpoints =
        crossings.flat_map(names).flat_map(|name| file.endpoints.iter().filter(move |e| e.name == *name));
    endpoints.flat_map(|endpoint| &endpoint.attachments).flat_map(|plug| &plug.addresses).copied()
}

/// Returns the first and the last address of a range.
fn interval(range: AddressRange) -> (AddressFamily, u128, u128) {
    let (family, first, length) = range.bits();
    let width: u8 = match family {
        AddressFamily::V4 => 32,
        AddressFamily::V6 => 128,
    };
    let others = 1u128.checked_shl(width.saturating_sub(length).into()).map_or(u128::MAX, |size| size - 1);
    (family, first, first | others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reachable(ranges: &[&str]) -> Reachable {
        let mut text = String::new();
        for (n, range) in ranges.iter().enumerate() {
            text += &format!("[network.n{n}]\nbridge = \"br0\"\nsubnets = [\"{range}\"]\n");
        }
        let file = crate::network::parse(&text, "x.toml").unwrap().0;
        let scopes =
            crate::compile::input::scope::Scopes::new(&file, "br0", &Default::default(), &Default::default());
        Reachable::new(&file, "br0", &scopes.all, &[])
    }

    #[test]
    fn a_range_meets_those_that_it_holds_and_those_that_hold_it() {
        let reachable = reachable(&["10.0.0.0/24", "10.2.0.0/16", "10.0.1.0/24", "fd00:1::/32"]);
        let meets = |range: &str| reachable.meets(AddressRange::from(range.parse::<IpNetwork>().unwrap()));
        for near in
            ["10.0.0.7/32", "10.0.1.255/32", "10.0.0.0/23", "10.2.255.0/24", "10.0.0.0/8", "fd00:1:2::/48"]
        {
            assert!(meets(near), "{near}");
        }
        for far in ["10.0.2.0/24", "9.255.255.255/32", "10.1.0.0/16", "10.3.0.0/16", "fd00:2::/32", "::/16"] {
            assert!(!meets(far), "{far}");
        }
        assert!(
            reachable.meets(AddressRange::all(AddressFamily::V4))
                && reachable.meets(AddressRange::all(AddressFamily::V6))
        );
    }
}
