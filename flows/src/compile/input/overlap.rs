//! The grants of rules, and the order of those that overlap.

use std::collections::HashMap;
use std::hash::Hash;

use crate::compile::vocabulary::address::AddressRange;

/// The grants of earlier rules. Two overlapping flows of one priority would contradict each other,
/// each learning for the same packets. Of overlapping flows the first is the strongest, and one
/// that an earlier flow covers is left out.
#[derive(Debug)]
pub(in crate::compile) struct OverlapResolver<K> {
    of_kind: HashMap<K, Vec<RequestedPackets>>,
}

impl<K> Default for OverlapResolver<K> {
    fn default() -> Self {
        Self { of_kind: HashMap::new() }
    }
}

/// The packets of one flow of a rule, among those of its kind.
#[derive(Debug, Clone)]
pub(in crate::compile) struct RequestedPackets {
    pub(in crate::compile) from: Vec<usize>,
    pub(in crate::compile) from_range: Option<AddressRange>,
    pub(in crate::compile) to: Vec<usize>,
    pub(in crate::compile) to_range: Option<AddressRange>,
    pub(in crate::compile) outside: bool,
    /// The next hop's attachment point.
    pub(in crate::compile) via: Option<usize>,
    /// True if no deadline ends the grant.
    pub(in crate::compile) forever: bool,
    pub(in crate::compile) level: u16,
}

impl<K: Hash + Eq> OverlapResolver<K> {
    /// Returns the level of a flow, or `None` if earlier flows leave nothing for it.
    pub(in crate::compile) fn level(&mut self, kind: K, wanted: RequestedPackets) -> Option<u16> {
        if self.covers(&kind, &wanted) { None } else { Some(self.place(kind, wanted)) }
    }

    /// Returns whether a permanent grant of that kind covers the packets already.
    pub(in crate::compile) fn covers(&self, kind: &K, wanted: &RequestedPackets) -> bool {
        self.of_kind.get(kind).is_some_and(|all| all.iter().any(|w| w.forever && w.covers(wanted)))
    }

    /// Returns the level of a flow among those of its kind.
    pub(in crate::compile) fn place(&mut self, kind: K, mut wanted: RequestedPackets) -> u16 {
        let before = self.of_kind.entry(kind).or_default();
        let overlapping = before.iter().filter(|other| other.overlaps(&wanted));
        wanted.level = overlapping.map(|other| other.level + 1).max().unwrap_or(0);
        let level = wanted.level;
        before.push(wanted);
        level
    }
}

impl RequestedPackets {
    /// Returns the packets between two lists of places, whatever their addresses.
    pub(in crate::compile) fn between(from: &[usize], to: &[usize], forever: bool) -> Self {
        Self {
            from: from.to_vec(),
            from_range: None,
            to: to.to_vec(),
            to_range: None,
            outside: false,
            via: None,
            forever,
            level: 0,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        let within = |a: &[usize], b: &[usize]| b.iter().all(|place| a.binary_search(place).is_ok());
        let range = |a: Option<AddressRange>, b: Option<AddressRange>| {
            a.is_none_or(|a| b.is_some_and(|b| a.contains(b)))
        };
        self.outside == other.outside
            && self.via == other.via
            && within(&self.from, &other.from)
            && within(&self.to, &other.to)
            && range(self.from_range, other.from_range)
            && range(self.to_range, other.to_range)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let meet = |a: &[usize], b: &[usize]| a.iter().any(|place| b.binary_search(place).is_ok());
        let range = |a: Option<AddressRange>, b: Option<AddressRange>| match (a, b) {
            (Some(a), Some(b)) => a.contains(b) || b.contains(a),
            _ => true,
        };
        // Any exit counts as outside: the packet does not show which one it uses.
        let to = if self.outside { other.outside } else { !other.outside && meet(&self.to, &other.to) };
        to && self.via == other.via
            && meet(&self.from, &other.from)
            && range(self.from_range, other.from_range)
            && range(self.to_range, other.to_range)
    }
}
