//! Whether a packet exists that would teach a learned flow: the pipeline is walked with what the learned flow says of the
//! packet that opened the conversation, and with everything else open.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, TableId};

use super::known::{Known, low_bits, spellings};
use super::{Learner, Senders};
use crate::compile::Part;
use crate::compile::layout::{HOLDERS, LEASES, RETURNS};
use crate::compile::lease::HOLDER;
use crate::interp::{FieldSet, Node};
use crate::model::{Flow, Masked};

/// How many flows one walk may look at. Compiled pipelines need some per party at most; what raw lines lead round and round
/// ends here, and then nothing is known to be taught.
const MAX_STEPS: usize = 1 << 17;

/// How many flows a walk may look at that has hardly anything to go by.
const FEW_STEPS: usize = 1 << 14;

/// How many tables one walk may go through, one out of the other. Compiled pipelines need five, and a stack bears no raw lines
/// that go on for ever.
const MAX_DEPTH: u32 = 96;

/// Among more candidates than this none is looked for that hides another behind itself.
const FEW: usize = 64;

/// The flows of a bridge, ready to be walked.
#[derive(Debug, Default)]
pub(super) struct Openers {
    parts: Vec<Arc<Part>>,
    /// Part and place of each flow.
    places: Vec<(usize, usize)>,
    tables: BTreeMap<TableId, Table>,
    /// The values of ports that some flow matches; any other is as good as any.
    ports: HashMap<Field, HashSet<u128>>,
    /// Fields of ports of which some flow matches a part.
    masked: FieldSet,
    /// The learners by the number of their flow.
    learners: HashMap<usize, Vec<Arc<Learner>>>,
}

#[derive(Debug)]
struct Table {
    flows: Node,
    /// The tables that its flows lead to, over others as well.
    leads_to: BTreeSet<TableId>,
    /// Whether a flow in here learns.
    learns: bool,
    /// What flows that are learned into it load.
    learned: Vec<Loads>,
    /// What flows of leases in it do.
    leases: Option<Leases>,
    /// What packets that get here may have lost on their way.
    written: FieldSet,
}

/// What the flows of leases do in a table. They are no part of a program, and each may be there or not.
#[derive(Debug, Clone, Copy)]
enum Leases {
    /// The packet goes on with this table.
    Admit(TableId),
    /// The holder's port is loaded.
    Find,
}

/// What a learned flow loads: the value is none where the packet that taught it says it.
type Loads = Vec<(Subfield, Option<u128>)>;

/// A way through the tables, or as many as there are.
struct Walk<'o> {
    openers: &'o Openers,
    aim: Aim<'o>,
    /// The port that the packet leaves by, where it is known.
    out_port: Option<u128>,
    steps: usize,
}

/// What is looked for.
enum Aim<'o> {
    /// A packet that teaches this flow.
    Teaches(&'o Flow),
    /// The flows whose learners packets get to.
    Reaches(BTreeSet<usize>),
}

/// A flow that taught it was found: no need to walk any further.
struct Found;

impl Openers {
    pub(super) fn new(parts: &[Arc<Part>], learners_of: impl Fn(&Flow) -> Vec<Arc<Learner>>) -> Self {
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
            let flows = Node::build(flows, is_known);
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
            this.tables.insert(table, Table { flows, leads_to, learns, learned, leases, written });
        }
        this
    }

    fn flow(&self, number: usize) -> Option<&Flow> {
        let (part, place) = self.places.get(number)?;
        self.parts.get(*part)?.flows.get(*place)
    }

    /// What tells the packet that a learner was taught a flow by from others, as far as the pipeline can tell them apart.
    pub(super) fn key(&self, learner: &Learner, flow: &Flow) -> Box<[u128]> {
        let value = |(src, value): (Subfield, u128)| {
            let plain = is_port(src.field) && !self.masked.contains(src.field);
            let named = || self.ports.get(&src.field).is_some_and(|ports| ports.contains(&value));
            if plain && !named() { u128::MAX } else { value }
        };
        copies(learner, flow).map(value).collect()
    }

    /// Whether some packet would teach the flow, whichever learner it came by.
    pub(super) fn would_teach(&self, learner: &Learner, flow: &Flow) -> bool {
        let Some(table) = self.tables.get(&learner.at) else { return false };
        let mut known = Known::nothing();
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
        let mut walk = Walk { openers: self, aim: Aim::Teaches(flow), out_port, steps: 0 };
        fits && walk.enter(TableId(0), known, true, 0, &mut Vec::new()).is_err()
    }

    /// The learners that packets get to that have this in a header field; none where that is too much to look at.
    pub(super) fn reached(&self, field: Field, value: u128) -> Option<Vec<&Arc<Learner>>> {
        let mut known = Known::nothing();
        known.add(field, Masked::exact(field, value));
        let aim = Aim::Reaches(BTreeSet::new());
        let mut walk = Walk { openers: self, aim, out_port: None, steps: MAX_STEPS - FEW_STEPS };
        let ended = walk.enter(TableId(0), known, true, 0, &mut Vec::new());
        match walk.aim {
            Aim::Reaches(flows) if ended.is_ok() && walk.steps <= MAX_STEPS => {
                Some(flows.iter().filter_map(|number| self.learners.get(number)).flatten().collect())
            }
            _ => None,
        }
    }
}

impl Walk<'_> {
    /// Looks a packet up in a table and does what its flows say. How it may come back from there goes into `back`, but where it
    /// is `last`: then nothing is left to be done, and only what learns is of interest.
    fn enter(
        &mut self,
        table: TableId,
        known: Known,
        last: bool,
        depth: u32,
        back: &mut Vec<Known>,
    ) -> Result<(), Found> {
        let openers = self.openers;
        let Some(at) = openers.tables.get(&table).filter(|_| depth < MAX_DEPTH) else {
            back.extend((!last).then_some(known));
            return Ok(());
        };
        if !last {
            // A learned flow may be there, or not: then it goes on with the others.
            back.extend(at.learned.iter().map(|loads| loaded(&known, loads)));
        }
        match at.leases {
            Some(Leases::Admit(table)) => {
                self.steps += 1;
                self.enter(table, known.clone(), last, depth + 1, back)?;
            }
            Some(Leases::Find) if !last => {
                let mask = if self.out_port.is_some() { u128::MAX } else { !0xffff };
                let mut found = known.clone();
                found.write(Subfield::whole(HOLDER), Masked { value: self.out_port.unwrap_or(0), mask });
                back.push(found);
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
    fn hits(&self, at: &Table, known: &Known, last: bool) -> (Vec<(usize, Known)>, bool) {
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
        known: Known,
        last: bool,
        depth: u32,
        back: &mut Vec<Known>,
    ) -> Result<(), Found> {
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

    /// Takes note of a learner, and says whether it is what was looked for.
    fn learns(&mut self, number: usize, learn: &Learn, now: &[Known]) -> bool {
        match &mut self.aim {
            Aim::Reaches(flows) => {
                flows.insert(number);
                false
            }
            Aim::Teaches(flow) => {
                let mut of_flow = self.openers.learners.get(&number).into_iter().flatten();
                of_flow.any(|learner| {
                    learner.learn == *learn
                        && learner.writes(flow, &Senders::new())
                        && now.iter().any(|known| may_teach(learner, flow, known))
                })
            }
        }
    }

    /// What an action makes of the packets that it may be done to.
    fn act(
        &mut self,
        number: usize,
        action: &Action,
        mut now: Vec<Known>,
        ends: bool,
        depth: u32,
    ) -> Result<Vec<Known>, Found> {
        match action {
            Action::Load { dst, value } => {
                let bits = Masked { value: (*value).into(), mask: u128::MAX };
                now.iter_mut().for_each(|known| known.write(*dst, bits));
            }
            Action::Move { src, dst } => {
                for known in &mut now {
                    let bits = known.read(*src);
                    known.write(*dst, bits);
                }
            }
            Action::Learn(learn) => {
                if self.learns(number, learn, &now) {
                    return Err(Found);
                }
                if let Some(dst) = learn.result_dst {
                    now.iter_mut().for_each(|known| known.forget(dst.field));
                }
            }
            Action::Resubmit { port: None, table: Some(table) } => {
                let mut back = Vec::new();
                for known in now {
                    self.enter(*table, known, ends, depth + 1, &mut back)?;
                }
                return Ok(back);
            }
            Action::Ct(ct) => {
                if let Some(table) = ct.table {
                    for known in &now {
                        let mut seen = known.clone();
                        [Field::CtState, Field::CtZone, Field::CtMark, Field::CtLabel]
                            .into_iter()
                            .for_each(|field| seen.forget(field));
                        self.enter(table, seen, true, depth + 1, &mut Vec::new())?;
                    }
                }
            }
            other => {
                let mut fields = FieldSet::EMPTY;
                written(other, &mut fields);
                for known in &mut now {
                    fields.iter().for_each(|field| known.forget(field));
                }
                if let Action::SetField(Oxm::Known { field, value, mask: None }) = other
                    && spellings(*field) == [*field]
                {
                    now.iter_mut().for_each(|known| _ = known.add(*field, Masked::exact(*field, *value)));
                }
            }
        }
        Ok(now)
    }
}

/// Whether the packet may be one for which the learner writes what the flow says.
fn may_teach(learner: &Learner, flow: &Flow, known: &Known) -> bool {
    copies(learner, flow).all(|(src, value)| known.read(src).admits(value))
}

/// What a learner copied from the packet into a flow: from where, and the value. The flow is of its shape.
fn copies<'l>(learner: &'l Learner, flow: &'l Flow) -> impl Iterator<Item = (Subfield, u128)> + 'l {
    let mut actions = flow.actions().filter(|action| !matches!(action, Action::FinTimeout { .. }));
    learner.learn.specs.iter().filter_map(move |spec| match spec {
        LearnSpec::Match { dst, src: LearnSrc::Field(src) } => {
            let bits = super::bits_of(&flow.matches, *dst);
            Some((*src, bits.value & low_bits(src.n_bits)))
        }
        LearnSpec::Match { .. } => None,
        LearnSpec::Output { src } => match actions.next() {
            Some(Action::Output { port, .. }) => Some((*src, port.to_u16()?.into())),
            _ => None,
        },
        LearnSpec::Load { src, .. } => match (actions.next(), src) {
            (Some(Action::Load { value, .. }), LearnSrc::Field(src)) => Some((*src, (*value).into())),
            _ => None,
        },
    })
}

/// Where a flow sends its packets.
fn targets(flow: &Flow) -> impl Iterator<Item = TableId> + '_ {
    let goes_to = flow.instructions.iter().filter_map(|instruction| match instruction {
        Instruction::GotoTable(table) => Some(*table),
        _ => None,
    });
    goes_to.chain(flow.actions().filter_map(|action| match action {
        Action::Resubmit { table, .. } => Some(table.unwrap_or(flow.table)),
        Action::Ct(ct) => ct.table,
        _ => None,
    }))
}

/// The tables that a table leads to, over others as well.
fn closure(from: TableId, next: &BTreeMap<TableId, BTreeSet<TableId>>) -> BTreeSet<TableId> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(table) = open.pop() {
        let fresh = next.get(&table).into_iter().flatten().filter(|table| found.insert(**table));
        open.extend(fresh.copied().collect::<Vec<_>>());
    }
    found
}

/// What an action writes, as a [`FlowMatch`] spells it.
fn written(action: &Action, fields: &mut FieldSet) {
    let mut add = |field: Field| spellings(field).iter().for_each(|field| fields.insert(*field));
    match action {
        Action::Load { dst, .. } | Action::Move { dst, .. } => add(dst.field),
        Action::SetField(Oxm::Known { field, .. }) => add(*field),
        Action::PushVlan(_) | Action::PopVlan => add(Field::VlanVid),
        Action::PushMpls(_) | Action::PopMpls(_) => add(Field::EthType),
        Action::SetNwTtl(_) | Action::DecNwTtl => add(Field::IpTtl),
        Action::Learn(learn) => learn.result_dst.iter().for_each(|dst| add(dst.field)),
        _ => {}
    }
}

/// What a flow that is learned so loads.
fn loads(learn: &Learn) -> Loads {
    let load = |spec: &LearnSpec| match spec {
        LearnSpec::Load { dst, src: LearnSrc::Immediate(value) } => Some((*dst, Some(*value))),
        LearnSpec::Load { dst, .. } => Some((*dst, None)),
        LearnSpec::Match { .. } | LearnSpec::Output { .. } => None,
    };
    learn.specs.iter().filter_map(load).collect()
}

fn loaded(known: &Known, loads: &[(Subfield, Option<u128>)]) -> Known {
    let mut known = known.clone();
    for (dst, value) in loads {
        let mask = if value.is_some() { u128::MAX } else { 0 };
        known.write(*dst, Masked { value: value.unwrap_or(0), mask });
    }
    known
}

/// Whether a field holds a port of a transport protocol.
fn is_port(field: Field) -> bool {
    use Field::{SctpDst, SctpSrc, TcpDst, TcpSrc, UdpDst, UdpSrc};
    matches!(field, TcpSrc | TcpDst | UdpSrc | UdpDst | SctpSrc | SctpDst)
}

/// Whether a field is one by which to look for flows: what a learned flow does not say would lead everywhere.
fn is_known(field: Field) -> bool {
    let says = [
        Field::InPortOxm,
        Field::EthType,
        Field::IpProto,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
    ];
    says.contains(&field) || is_port(field) || !field.is_header()
}
