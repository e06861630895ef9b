//! A way through the tables, with all that a packet may be.

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

/// How many flows one walk may look at. Compiled pipelines need some per party at most; what raw lines lead round and round
/// ends here, and then nothing is known to be taught.
pub(in crate::runtime::return_flows::openers) const MAX_STEPS: usize = 1 << 17;

/// How many flows a walk may look at that has hardly anything to go by.
pub(in crate::runtime::return_flows::openers) const FEW_STEPS: usize = 1 << 14;

/// How many tables one walk may go through, one out of the other. Compiled pipelines need five, and a stack bears no raw lines
/// that go on for ever.
const MAX_DEPTH: u32 = 96;

/// Among more candidates than this none is looked for that hides another behind itself.
const FEW: usize = 64;

/// A way through the tables, or as many as there are.
pub(in crate::runtime::return_flows::openers) struct OpenerWalk<'o> {
    pub(in crate::runtime::return_flows::openers) openers: &'o Openers,
    pub(in crate::runtime::return_flows::openers) aim: WalkTarget<'o>,
    /// The port that the packet leaves by, where it is known.
    pub(in crate::runtime::return_flows::openers) out_port: Option<u128>,
    pub(in crate::runtime::return_flows::openers) steps: usize,
    /// What went into a table with nothing left to be done behind it, as hashes: it need not go there twice.
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

/// What is looked for.
pub(in crate::runtime::return_flows::openers) enum WalkTarget<'o> {
    /// A packet that teaches this flow.
    Teaches(&'o Flow),
    /// The flows whose learners packets get to.
    Reaches(BTreeSet<usize>),
}

/// A flow that taught it was found: no need to walk any further.
pub(in crate::runtime::return_flows::openers) struct OpenerFound;

impl OpenerWalk<'_> {
    /// Looks a packet up in a table and does what its flows say. How it may come back from there goes into `back`, but where it
    /// is `last`: then nothing is left to be done, and only what learns is of interest.
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
        // Where leases tell a port, what is learned tells no more.
        if !last && !matches!(at.leases, Some(Leases::Find)) {
            // A learned flow may be there, or not: then it goes on with the others.
            back.extend(at.learned.iter().map(|loads| loaded(&known, loads)));
        }
        match at.leases {
            Some(Leases::Admit(table)) => {
                self.steps += 1;
                self.enter(table, known.clone(), last, depth + 1, back)?;
            }
            Some(Leases::Find) if !last => {
                // What leads on is the port that the packet leaves by, or, of its source, the one that it came in at.
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

    /// The flows that the packet may match, each with what is known of it then, and whether it matches one of them for certain.
    fn hits(&self, at: &OpenerTable, known: &KnownPacket, last: bool) -> (Vec<(usize, KnownPacket)>, bool) {
        let openers = self.openers;
        let mut numbers = Vec::new();
        at.flows.compatible(&|field| known.bits(field), &mut numbers);
        let mut flows: Vec<(usize, &Flow)> =
            numbers.into_iter().filter_map(|n| Some((n, openers.flow(n)?))).collect();
        flows.sort_unstable_by_key(|(number, flow)| (std::cmp::Reverse(flow.priority), *number));
        let certain = flows.iter().position(|(_, flow)| known.is_certain(&flow.matches));
        if let Some(priority) = certain.and_then(|n| flows.get(n)).map(|(_, flow)| flow.priority) {
            // Of several of one priority any may be the one.
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

    /// Whether something learns where a flow sends its packets.
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
