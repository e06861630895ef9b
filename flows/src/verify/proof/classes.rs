//! Classes of senders: senders are told apart only where an assertion tells them apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::verify::symbolic::BridgePort;

/// An assertion about packets that must not arrive.
#[derive(Debug, Clone)]
pub(super) struct Forbidden {
    /// The senders.
    pub(super) from: BTreeSet<BridgePort>,
    /// The places where their packets must not arrive.
    pub(super) at: Places,
}

/// Places where packets must not arrive.
#[derive(Debug, Clone)]
pub(super) enum Places {
    /// These.
    These(BTreeSet<BridgePort>),
    /// All others, but for wires between bridges.
    Others(BTreeSet<BridgePort>),
}

/// The classes of all sources.
#[derive(Debug, Default)]
pub(super) struct Classes {
    pub(super) of: BTreeMap<BridgePort, u16>,
}

impl Classes {
    /// Returns the coarsest classes that the assertions tell apart. A sender that is also a receiver
    /// has a class of its own: a packet that comes back to it violates nothing.
    pub(super) fn new(sources: impl Iterator<Item = BridgePort>, assertions: &[Forbidden]) -> Self {
        let mut numbers: BTreeMap<(Vec<usize>, Option<BridgePort>), u16> = BTreeMap::new();
        let mut of = BTreeMap::new();
        for source in sources {
            let sends = |a: &Forbidden| a.from.contains(&source);
            let in_from: Vec<usize> =
                assertions.iter().enumerate().filter(|(_, a)| sends(a)).map(|(n, _)| n).collect();
            let receives = |a: &Forbidden| matches!(&a.at, Places::These(at) if at.contains(&source));
            let alone = assertions.iter().any(|a| sends(a) && receives(a)).then_some(source);
            let next = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
            of.insert(source, *numbers.entry((in_from, alone)).or_insert(next));
        }
        Self { of }
    }

    /// Returns a number for each place. Places with the same number are told apart by no assertion,
    /// neither as senders nor as receivers.
    pub(super) fn marks(
        &self,
        places: impl Iterator<Item = BridgePort>,
        assertions: &[Forbidden],
    ) -> BTreeMap<BridgePort, u32> {
        let mut numbers: BTreeMap<(Option<u16>, Vec<bool>), u32> = BTreeMap::new();
        let mut marks = BTreeMap::new();
        for place in places {
            let receives = |assertion: &Forbidden| match &assertion.at {
                Places::These(at) | Places::Others(at) => at.contains(&place),
            };
            let key = (self.of.get(&place).copied(), assertions.iter().map(receives).collect());
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            marks.insert(place, *numbers.entry(key).or_insert(next));
        }
        marks
    }

    /// Returns the classes of some senders, without that of a receiver.
    pub(super) fn of_all(&self, senders: &BTreeSet<BridgePort>, but: BridgePort) -> BTreeSet<u16> {
        let classes = senders.iter().filter(|sender| **sender != but).filter_map(|s| self.of.get(s));
        classes.copied().collect()
    }
}
