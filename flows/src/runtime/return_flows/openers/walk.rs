//! A walk through the tables with all packets that match the knowledge.

use std::collections::{BTreeSet, HashSet};

use flow_model::{Flow, Masked};
use ofproto::TableId;
use ofproto::action::Subfield;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use super::super::known_packet::KnownPacket;
use super::Openers;
use super::tables::{Leases, OpenerTable, targets};
use crate::compile::lease;
use crate::compile::lease::HOLDER;

/// The number of flows that one walk may examine. Compiled pipelines need a few per party. A loop
/// of raw lines ends here, and then no flow counts as taught.
pub(in crate::runtime::return_flows::openers) const MAX_STEPS: usize = 1 << 17;

/// The number of flows that a walk with hardly any knowledge may examine.
pub(in crate::runtime::return_flows::openers) const FEW_STEPS: usize = 1 << 14;

/// The depth of nested tables in one walk. Compiled pipelines need five, and raw lines that loop
/// would exhaust the stack.
const MAX_DEPTH: u32 = 96;

/// The number of candidates up to which hidden flows are searched among them.
const FEW: usize = 64;

/// A walk through the tables, on all paths.
pub(in crate::runtime::return_flows::openers) struct OpenerWalk<'o> {
    pub(in crate::runtime::return_flows::openers) openers: &'o Openers,
    pub(in crate::runtime::return_flows::openers) aim: WalkTarget<'o>,
    /// The output port of the packet, if it is known.
    pub(in crate::runtime::return_flows::openers) out_port: Option<u128>,
    pub(in crate::runtime::return_flows::openers) steps: usize,
    /// The packets that entered a table with no further action behind it, as hashes: they need not
    /// enter again.
    entered: HashSet<u128>,
}

impl<'o> OpenerWalk<'o> {
    pub(in crate::runtime::return_flows::openers) fn new(
        openers: &'o Openers,
        aim: WalkTarget<'o>,
        out_port: Option<u128>,
        steps: usize,
    ) -> Self {
        Self { openers, aim, out_port, steps, entered: HashSet::new() }
    }
}

/// A bit that may be set or not.
const UNTOLD: Masked = Masked { value: 0, mask: 0 };

/// The target of the walk.
pub(in crate::runtime::return_flows::openers) enum WalkTarget<'o> {
    /// A packet that teaches this flow.
    Teaches(&'o Flow),
    /// The flows whose learners the packets reach.
    Reaches(BTreeSet<usize>),
}

/// Ends the walk: a flow that taught the target was found.
pub(in crate::runtime::return_flows::openers) struct OpenerFound;

impl OpenerWalk<'_> {
    /// Looks a packet up in a table and applies its flows. `back` receives the packets that return
    /// from the table. If the table is the `last` step, nothing follows, and only learners are of
    /// interest.
    pub(in crate::runtime::return_flows::openers) fn enter(
        &mut self,
        table: TableId,
        known: KnownPacket,
        last: bool,
        depth: u32,
        back: &mut Vec<KnownPacket>,
    ) -> Result<(), OpenerFound> {
        let openers = self.openers;
        let Some(at) = openers.tables.get(&table).filter(|_| depth < MAX_DEPTH) else {
            back.extend((!last).then_some(known));
            return Ok(());
        };
        if last && !self.entered.insert(known.fingerprint(table.0)) {
            return Ok(());
        }
        // If leases give a port, learned flows add nothing.
        if !last && !matches!(at.leases, Some(Leases::Find)) {
            // A learned flow may be absent: then the packet goes on with the others.
            back.extend(at.learned.iter().map(|loads| loaded(&known, loads)));
        }
        match at.leases {
            Some(Leases::Admit(table)) => {
                self.steps += 1;
                self.enter(table, known.clone(), last, depth + 1, back)?;
            }
            Some(Leases::Find) if !last => {
                // The next step depends on the output port, or for the packet's source on the
                // ingress port.
                let mask = if self.out_port.is_some() { u128::MAX } else { !0xffff };
                let mut ports = vec![Masked { value: self.out_port.unwrap_or(0), mask }];
                let came_in = known.read(Subfield::whole(Field::InPort));
                let told = came_in.mask == 0xffff && self.out_port.is_some_and(|out| out != came_in.value);
                ports.extend(told.then_some(Masked { value: came_in.value, mask: u128::MAX }));
                for port in ports {
                    let mut found = known.clone();
                    found.write(Subfield::whole(HOLDER), port);
                    found.write(lease::by_lease(), UNTOLD);
                    back.push(found);
                }
            }
            Some(Leases::Find) | None => {}
        }
        let (hits, certain) = self.hits(at, &known, last);
        if !certain && !last {
            back.push(known);
        }
        for (number, known) in hits {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Ok(());
            }
            self.follow(number, known, last, depth, back)?;
        }
        Ok(())
    }

    /// Returns the flows that the packet may match, each with the resulting knowledge, and whether
    /// one matches for certain.
    fn hits(&self, at: &OpenerTable, known: &KnownPacket, last: bool) -> (Vec<(usize, KnownPacket)>, bool) {
        let openers = self.openers;
        let mut numbers = Vec::new();
        at.flows.compatible(&|field| known.bits(field), &mut numbers);
        let mut flows: Vec<(usize, &Flow)> =
            numbers.into_iter().filter_map(|n| Some((n, openers.flow(n)?))).collect();
        flows.sort_unstable_by_key(|(number, flow)| (std::cmp::Reverse(flow.priority), *number));
        let certain = flows.iter().position(|(_, flow)| known.is_certain(&flow.matches));
        if let Some(priority) = certain.and_then(|n| flows.get(n)).map(|(_, flow)| flow.priority) {
            // Of several flows of one priority, each may match.
            flows.retain(|(_, flow)| flow.priority >= priority);
        }
        let few = flows.len() <= FEW || last;
        let wanted = |(number, flow): &&(usize, &Flow)| {
            !last || openers.learners.contains_key(number) || self.leads_on(flow)
        };
        let hit = |(number, flow): &(usize, &Flow)| {
            let mut known = known.clone();
            let fits = known.matched(&flow.matches);
            let above = flows.iter().take_while(|(_, above)| above.priority > flow.priority);
            let hidden = few && above.into_iter().any(|(_, above)| known.is_certain(&above.matches));
            (fits && !hidden).then_some((*number, known))
        };
        (flows.iter().filter(wanted).filter_map(hit).collect(), certain.is_some())
    }

    /// Returns whether a table that a flow sends its packets to has a learner.
    fn leads_on(&self, flow: &Flow) -> bool {
        let learns = |table: &TableId| self.openers.tables.get(table).is_some_and(|t| t.learns);
        targets(flow).any(|table| {
            learns(&table) || self.openers.tables.get(&table).is_some_and(|t| t.leads_to.iter().any(learns))
        })
    }

    fn follow(
        &mut self,
        number: usize,
        known: KnownPacket,
        last: bool,
        depth: u32,
        back: &mut Vec<KnownPacket>,
    ) -> Result<(), OpenerFound> {
        let Some(flow) = self.openers.flow(number) else { return Ok(()) };
        let goes_to = flow.instructions.iter().find_map(|instruction| match instruction {
            Instruction::GotoTable(table) => Some(*table),
            _ => None,
        });
        let mut now = vec![known];
        for instruction in &flow.instructions {
            let Instruction::ApplyActions(actions) = instruction else { continue };
            for (n, action) in actions.iter().enumerate() {
                let ends = last && goes_to.is_none() && n + 1 == actions.len();
                now = self.act(number, action, now, ends, depth)?;
            }
        }
        for instruction in &flow.instructions {
            if let Instruction::WriteMetadata { value, mask } = instruction {
                for known in &mut now {
                    let old = known.bits(Field::Metadata);
                    known.forget(Field::Metadata);
                    let (value, mask) = (u128::from(*value), u128::from(*mask));
                    let bits = Masked { value: old.value & !mask | value & mask, mask: old.mask | mask };
                    known.add(Field::Metadata, bits);
                }
            }
        }
        match goes_to {
            Some(table) => {
                now.into_iter().try_for_each(|known| self.enter(table, known, last, depth + 1, back))
            }
            None => {
                back.extend(now.into_iter().filter(|_| !last));
                Ok(())
            }
        }
    }
}

fn loaded(known: &KnownPacket, loads: &[(Subfield, Option<u128>)]) -> KnownPacket {
    let mut known = known.clone();
    for (dst, value) in loads {
        let mask = if value.is_some() { u128::MAX } else { 0 };
        known.write(*dst, Masked { value: value.unwrap_or(0), mask });
    }
    known
}
