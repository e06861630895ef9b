//! Reads answers from sets of packets.

use std::collections::HashMap;

use bdd::{Bdd, Variable};
use flow_model::FlowMatch;
use ofproto::oxm::Field;

use super::engine::Engine;
use super::layout;
use super::ports::PortClasses;
use super::space;
use super::world::BridgePort;

/// The maximum number of values of a field: those of 16 bits.
const MAX_VALUES: usize = 1 << 16;

/// The values of sets that were read before.
pub(crate) type KnownValues = HashMap<(Bdd, Field), Vec<(u16, u16)>>;

impl Engine<'_> {
    /// Returns the packets of a set that match.
    pub(crate) fn among(&mut self, set: Bdd, matches: &FlowMatch) -> Bdd {
        let matching = space::matching(&mut self.diagrams, matches, self.concrete, &PortClasses::default());
        self.diagrams.and(set, matching)
    }

    /// Returns the packets of one set that are not in another.
    pub(crate) fn except(&mut self, set: Bdd, others: Bdd) -> Bdd {
        self.diagrams.difference(set, others)
    }

    /// Returns the packets that are in both sets.
    pub(crate) fn both(&mut self, set: Bdd, others: Bdd) -> Bdd {
        self.diagrams.and(set, others)
    }

    /// Returns the packets that a class of senders starts at a port.
    pub(crate) fn sent(&mut self, place: BridgePort, class: u16) -> Bdd {
        self.started(place, class)
    }

    /// Returns the values of a field in a set, as ranges. The field has at most 16 bits.
    pub(crate) fn ranges(&mut self, set: Bdd, field: Field, known: &mut KnownValues) -> Vec<(u16, u16)> {
        let mut variables: Vec<Variable> = layout::whole(field).collect();
        variables.sort_unstable();
        let of_field = self.diagrams.set(variables.iter().copied());
        let projected = self.diagrams.project(set, of_field);
        if let Some(ranges) = known.get(&(projected, field)) {
            return ranges.clone();
        }
        let values = self.diagrams.values(projected, &variables, MAX_VALUES).unwrap_or_default();
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for value in values.into_iter().filter_map(|value| u16::try_from(value).ok()) {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(value) => *last = value,
                _ => ranges.push((value, value)),
            }
        }
        known.insert((projected, field), ranges.clone());
        ranges
    }
}
