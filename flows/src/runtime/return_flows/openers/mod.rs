//! Decides whether a packet exists that would teach a learned flow. The walk through the pipeline
//! starts with the learned flow's knowledge of the opening packet, and leaves all other fields
//! open.

mod act;
mod copies;
mod tables;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use flow_model::{Flow, Masked};
use ofproto::action::Subfield;
use ofproto::oxm::Field;
use ofproto::{PortNo, TableId};

use self::copies::copies;
use self::tables::{Leases, Loads, OpenerTable, closure, is_known, is_port, loads, targets, written};
use self::walk::{FEW_STEPS, MAX_STEPS, OpenerWalk, WalkTarget};
use super::Learner;
use super::known_packet::{KnownPacket, low_bits, spellings};
use crate::compile::ProgramPart;
use crate::compile::layout::{HOLDERS, LEASES, RETURNS};
use crate::compile::lease::HOLDER;
use crate::verify::interp::{FieldSet, IndexNode};

/// The flows of a bridge, prepared for walks.
#[derive(Debug, Default)]
pub(in crate::runtime::return_flows) struct Openers {
    parts: Vec<Arc<ProgramPart>>,
    /// Part and place of each flow.
    places: Vec<(usize, usize)>,
    tables: BTreeMap<TableId, OpenerTable>,
    /// The port values that a flow matches; all other values are equivalent.
    ports: HashMap<Field, HashSet<u128>>,
    /// Port fields of which a flow matches only some bits.
    masked: FieldSet,
    /// The learners by the number of their flow.
    learners: HashMap<usize, Vec<Arc<Learner>>>,
}

impl Openers {
    pub(in crate::runtime::return_flows) fn new(
        parts: &[Arc<ProgramPart>],
        learners_of: impl Fn(&Flow) -> Vec<Arc<Learner>>,
    ) -> Self {
        let mut this = Self { parts: parts.to_vec(), ..Self::default() };
        let mut by_table: BTreeMap<TableId, Vec<usize>> = BTreeMap::new();
        let mut next: BTreeMap<TableId, BTreeSet<TableId>> = BTreeMap::new();
        let mut writes: BTreeMap<TableId, FieldSet> = BTreeMap::new();
        let mut learned: BTreeMap<TableId, Vec<Loads>> = BTreeMap::new();
        let leased = parts.iter().any(|part| part.leasing.is_some());
        if leased {
            next.entry(LEASES).or_default().insert(RETURNS);
        }
        for (n, part) in parts.iter().enumerate() {
            let learns = part.flows.iter().flat_map(Flow::learns);
            for learn in learns.chain(part.reactive.iter().flat_map(|learner| learner.learns())) {
                let loads = loads(learn);
                let known = learned.entry(learn.table).or_default();
                if !known.contains(&loads) {
                    known.push(loads);
                }
            }
            for (place, flow) in part.flows.iter().enumerate() {
                let number = this.places.len();
                this.places.push((n, place));
                by_table.entry(flow.table).or_default().push(number);
                next.entry(flow.table).or_default().extend(targets(flow));
                flow.actions().for_each(|action| written(action, writes.entry(flow.table).or_default()));
                for (field, bits) in flow.matches.iter().filter(|(field, _)| is_port(*field)) {
                    match bits.mask == field.info().exact() {
                        true => _ = this.ports.entry(field).or_default().insert(bits.value),
                        false => this.masked.insert(field),
                    }
                }
                let learners = learners_of(flow);
                if !learners.is_empty() {
                    this.learners.insert(number, learners);
                }
            }
        }
        let all: BTreeSet<TableId> = by_table.keys().chain(learned.keys()).copied().collect();
        let leads_to: BTreeMap<TableId, BTreeSet<TableId>> =
            all.iter().map(|table| (*table, closure(*table, &next))).collect();
        for &table in &all {
            let numbers = by_table.remove(&table).unwrap_or_default();
            let learns = numbers.iter().any(|n| this.learners.contains_key(n));
            let flows = numbers.iter().filter_map(|n| Some((*n, this.flow(*n)?)));
            let flows = IndexNode::build(flows, is_known);
            let before = writes.iter().filter(|(t, _)| leads_to.get(t).is_some_and(|to| to.contains(&table)));
            let written = before.fold(FieldSet::EMPTY, |all, (_, fields)| all.union(*fields));
            let learned = learned.remove(&table).unwrap_or_default();
            let leads_to = leads_to.get(&table).cloned().unwrap_or_default();
            let leases = match table {
                LEASES => Some(Leases::Admit(RETURNS)),
                HOLDERS => Some(Leases::Find),
                _ => None,
            };
            let leases = leases.filter(|_| leased);
            this.tables.insert(table, OpenerTable { flows, leads_to, learns, learned, leases, written });
        }
        this
    }

    fn flow(&self, number: usize) -> Option<&Flow> {
        let (part, place) = self.places.get(number)?;
        self.parts.get(*part)?.flows.get(*place)
    }

    /// Returns the values that distinguish the teaching packet from others, as far as the pipeline
    /// can tell them apart.
    pub(in crate::runtime::return_flows) fn key(&self, learner: &Learner, flow: &Flow) -> Box<[u128]> {
        let value = |(src, value): (Subfield, u128)| {
            let plain = is_port(src.field) && !self.masked.contains(src.field);
            let named = || self.ports.get(&src.field).is_some_and(|ports| ports.contains(&value));
            if plain && !named() { u128::MAX } else { value }
        };
        copies(learner, flow).map(value).collect()
    }

    /// Returns whether some packet would teach the flow, whichever path it takes to the learner.
    pub(in crate::runtime::return_flows) fn would_teach(&self, learner: &Learner, flow: &Flow) -> bool {
        let Some(table) = self.tables.get(&learner.at) else { return false };
        let mut known = KnownPacket::nothing();
        let fits = learner.seen.iter().all(|(field, bits)| {
            !field.is_header() || table.written.contains(field) || known.add(field, bits)
        }) && copies(learner, flow).all(|(src, value)| {
            let (field, bits) = match src.field {
                Field::InPort => {
                    let port = u16::try_from(value).map_or(PortNo::ANY, PortNo::from_u16);
                    (Field::InPortOxm, Masked::exact(Field::InPortOxm, port.0.into()))
                }
                field => (field, Masked { value: value << src.ofs, mask: low_bits(src.n_bits) << src.ofs }),
            };
            let starts = (field.is_header() || field == Field::InPortOxm) && spellings(field) == [field];
            !starts || table.written.contains(field) || known.add(field, bits)
        });
        let out_port = copies(learner, flow).find(|(src, _)| src.field == HOLDER && src.ofs == 0);
        let out_port = out_port.map(|(_, value)| value);
        let mut walk = OpenerWalk::new(self, WalkTarget::Teaches(flow), out_port, 0);
        fits && walk.enter(TableId(0), known, true, 0, &mut Vec::new()).is_err()
    }

    /// Returns the learners that packets with this header value reach, or `None` if the search
    /// exceeds its limit.
    pub(in crate::runtime::return_flows) fn reached(
        &self,
        field: Field,
        value: u128,
    ) -> Option<Vec<&Arc<Learner>>> {
        let mut known = KnownPacket::nothing();
        known.add(field, Masked::exact(field, value));
        let aim = WalkTarget::Reaches(BTreeSet::new());
        let mut walk = OpenerWalk::new(self, aim, None, MAX_STEPS - FEW_STEPS);
        let ended = walk.enter(TableId(0), known, true, 0, &mut Vec::new());
        match walk.aim {
            WalkTarget::Reaches(flows) if ended.is_ok() && walk.steps <= MAX_STEPS => {
                Some(flows.iter().filter_map(|number| self.learners.get(number)).flatten().collect())
            }
            _ => None,
        }
    }
}
