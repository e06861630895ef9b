//! What rules grant, and which of those that overlap comes first.

use std::collections::HashMap;
use std::hash::Hash;

use crate::compile::vocabulary::address::AddressRange;

/// What earlier rules grant. Two flows of one priority that overlap would contradict each other, each learning for the
/// same packets: of those that overlap the first is the strongest, and one that an earlier one covers is left out.
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
    /// The next hop's site.
    pub(in crate::compile) via: Option<usize>,
    /// No clock ends it.
    pub(in crate::compile) forever: bool,
    pub(in crate::compile) level: u16,
}

impl<K: Hash + Eq> OverlapResolver<K> {
    /// The level at which a flow stands, none where it has nothing left to do.
    pub(in crate::compile) fn level(&mut self, kind: K, wanted: RequestedPackets) -> Option<u16> {
        if self.covers(&kind, &wanted) { None } else { Some(self.place(kind, wanted)) }
    }

    /// Whether one of that kind grants it already, for ever.
    pub(in crate::compile) fn covers(&self, kind: &K, wanted: &RequestedPackets) -> bool {
        self.of_kind.get(kind).is_some_and(|all| all.iter().any(|w| w.forever && w.covers(wanted)))
    }

    /// The level at which a flow stands among those of its kind.
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
    /// From these places to those, whatever their addresses.
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
        // Outside by whichever exit: the packet does not say which.
        let to = if self.outside { other.outside } else { !other.outside && meet(&self.to, &other.to) };
        to && self.via == other.via
            && meet(&self.from, &other.from)
            && range(self.from_range, other.from_range)
            && range(self.to_range, other.to_range)
    }
}
