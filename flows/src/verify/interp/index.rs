//! An index of flows: finds those that a packet matches without examining all. It is a tree that
//! branches on fields that many flows match exactly.

use std::collections::BTreeMap;

use flow_model::{Flow, Masked};
use ofproto::oxm::Field;

use super::fields::FieldSet;
use super::packet::Packet;

/// The size up to which a leaf is searched linearly.
const SMALL: usize = 8;

/// One flow in a leaf.
#[derive(Debug, Clone)]
pub(crate) struct IndexEntry {
    pub(crate) flow: usize,
    pub(crate) priority: u16,
    fields: Vec<(Field, Masked)>,
}

/// The flows of one table.
#[derive(Debug, Clone)]
pub(crate) struct IndexNode {
    /// The highest priority in the node.
    priority: u16,
    kind: LookupKind,
}

#[derive(Debug, Clone)]
enum LookupKind {
    /// Highest priority first, then lowest flow.
    Leaf(Vec<IndexEntry>),
    /// Flows that match `field` exactly, by value, and all others.
    Branch { field: Field, by_value: BTreeMap<u128, IndexNode>, rest: Box<IndexNode> },
}

/// The matches of a packet in a table.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    /// The highest priority that matched.
    pub(crate) priority: Option<u16>,
    /// The flows of that priority that match; more than one is undefined (OpenFlow 1.3.5 §5.3).
    pub(crate) flows: Vec<usize>,
    /// The fields that decided the match.
    pub(crate) consulted: FieldSet,
}

impl IndexNode {
    /// Builds the index of numbered flows, branching on the fields that `by` accepts.
    pub(crate) fn build<'f>(flows: impl Iterator<Item = (usize, &'f Flow)>, by: fn(Field) -> bool) -> Self {
        let entry = |(flow, f): (usize, &Flow)| IndexEntry {
            flow,
            priority: f.priority,
            fields: f.matches.iter().collect(),
        };
        Self::over(flows.map(entry).collect(), by)
    }

    fn over(mut entries: Vec<IndexEntry>, by: fn(Field) -> bool) -> Self {
        entries.sort_by_key(|e| (std::cmp::Reverse(e.priority), e.flow));
        let priority = entries.first().map_or(0, |e| e.priority);
        let Some(field) = (entries.len() > SMALL).then(|| best_field(&entries, by)).flatten() else {
            return Self { priority, kind: LookupKind::Leaf(entries) };
        };
        let mut by_value: BTreeMap<u128, Vec<IndexEntry>> = BTreeMap::new();
        let mut rest = Vec::new();
        for mut entry in entries {
            match exact(&entry, field) {
                Some(value) => {
                    // The branch has already checked the field.
                    entry.fields.retain(|(f, _)| *f != field);
                    by_value.entry(value).or_default().push(entry);
                }
                None => rest.push(entry),
            }
        }
        let by_value = by_value.into_iter().map(|(v, e)| (v, Self::over(e, by))).collect();
        Self { priority, kind: LookupKind::Branch { field, by_value, rest: Box::new(Self::over(rest, by)) } }
    }

    /// Adds the numbers of the flows that a packet may match, given the known bits of each field.
    pub(crate) fn compatible(&self, known: &impl Fn(Field) -> Masked, found: &mut Vec<usize>) {
        match &self.kind {
            LookupKind::Leaf(entries) => {
                let may = |e: &&IndexEntry| e.fields.iter().all(|(field, bits)| bits.overlaps(known(*field)));
                found.extend(entries.iter().filter(may).map(|e| e.flow));
            }
            LookupKind::Branch { field, by_value, rest } => {
                rest.compatible(known, found);
                let bits = known(*field);
                if bits.mask == field.info().exact() {
                    by_value.get(&bits.value).into_iter().for_each(|node| node.compatible(known, found));
                } else {
                    let may = by_value.iter().filter(|(value, _)| bits.admits(**value));
                    may.for_each(|(_, node)| node.compatible(known, found));
                }
            }
        }
    }

    /// Adds the packet's matches in the node to `hits`.
    pub(crate) fn find(&self, packet: &Packet, hits: &mut Hits) {
        if hits.priority.is_some_and(|p| p > self.priority) {
            return;
        }
        match &self.kind {
            LookupKind::Leaf(entries) => {
                for entry in entries {
                    if hits.priority.is_some_and(|p| p > entry.priority) {
                        break;
                    }
                    if entry.admits(packet, &mut hits.consulted) {
                        if hits.priority != Some(entry.priority) {
                            hits.priority = Some(entry.priority);
                            hits.flows.clear();
                        }
                        hits.flows.push(entry.flow);
                    }
                }
            }
            LookupKind::Branch { field, by_value, rest } => {
                hits.consulted.insert(*field);
                let node = packet.value(*field).and_then(|v| by_value.get(&v));
                // The higher priority first: if it decides, the other node is not searched.
                match node {
                    Some(node) if node.priority >= rest.priority => {
                        node.find(packet, hits);
                        rest.find(packet, hits);
                    }
                    Some(node) => {
                        rest.find(packet, hits);
                        node.find(packet, hits);
                    }
                    None => rest.find(packet, hits),
                }
            }
        }
    }
}

impl IndexEntry {
    fn admits(&self, packet: &Packet, consulted: &mut FieldSet) -> bool {
        for (field, bits) in &self.fields {
            consulted.insert(*field);
            if !packet.value(*field).is_some_and(|v| bits.admits(v)) {
                return false;
            }
        }
        true
    }
}

fn exact(entry: &IndexEntry, field: Field) -> Option<u128> {
    entry.fields.iter().find(|(f, m)| *f == field && m.mask == field.info().exact()).map(|(_, m)| m.value)
}

/// Returns the field whose values split the flows best, if one splits them at all.
fn best_field(entries: &[IndexEntry], by: fn(Field) -> bool) -> Option<Field> {
    let mut values: BTreeMap<Field, BTreeMap<u128, usize>> = BTreeMap::new();
    for entry in entries {
        for (field, bits) in &entry.fields {
            if bits.mask == field.info().exact() && by(*field) {
                *values.entry(*field).or_default().entry(bits.value).or_default() += 1;
            }
        }
    }
    // The flows that a packet is compared with: the rest, and the fullest branch.
    let cost = |counts: &BTreeMap<u128, usize>| {
        let in_branches: usize = counts.values().sum();
        entries.len() - in_branches + counts.values().max().copied().unwrap_or(0)
    };
    values
        .iter()
        .map(|(f, counts)| (cost(counts), *f))
        .min()
        .filter(|(c, _)| *c < entries.len())
        .map(|(_, f)| f)
}
