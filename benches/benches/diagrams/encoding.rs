//! The bits of packets as variables, and the flows of a table as groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flow_model::{Flow, FlowMatch};
use ofproto::TableId;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;

use crate::engine::Shape;

/// The order of the fields. Those at the front decide on which others there are. The destination
/// stands before the sender: a table that looks a destination up then leaves the part for the
/// sender alone. The other way round the walks make five times as many nodes.
const ORDER: &[Field] = &[
    Field::EthType,
    Field::IpProto,
    Field::IpFrag,
    Field::EthDst,
    Field::ArpTha,
    Field::Ipv4Dst,
    Field::ArpTpa,
    Field::Ipv6Dst,
    Field::InPortOxm,
    Field::EthSrc,
    Field::ArpSha,
    Field::Ipv4Src,
    Field::ArpSpa,
    Field::Ipv6Src,
    Field::TcpSrc,
    Field::TcpDst,
    Field::UdpSrc,
    Field::UdpDst,
];

/// The fields that a learned flow has the other way round.
const SWAPPED: &[(Field, Field)] = &[
    (Field::Ipv4Src, Field::Ipv4Dst),
    (Field::Ipv6Src, Field::Ipv6Dst),
    (Field::TcpSrc, Field::TcpDst),
    (Field::UdpSrc, Field::UdpDst),
];

/// The bits of a port's number. The reserved numbers of OpenFlow 1.3 differ in them too.
const PORT_BITS: u16 = 16;

/// The registers of a packet. They are numbers: a proof knows them on each way.
pub(crate) type Registers = [u32; 16];

/// The variables of the fields.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The variables of each field, from the highest bit down.
    fields: BTreeMap<Field, Vec<u16>>,
    variables: u16,
}

/// Returns the number of a register.
fn register(field: Field) -> Option<usize> {
    field.info().name.strip_prefix("reg")?.parse().ok().filter(|number| *number < 16)
}

/// Returns the header fields that some flows match.
pub(crate) fn matched<'a>(flows: impl IntoIterator<Item = &'a Flow>) -> BTreeSet<Field> {
    let fields = flows.into_iter().flat_map(|flow| flow.matches.iter().map(|(field, _)| field));
    fields.filter(|field| register(*field).is_none()).collect()
}

/// Returns the fields that a learned flow has the other way round.
pub(crate) fn swapped() -> BTreeSet<Field> {
    SWAPPED.iter().flat_map(|(a, b)| [*a, *b]).collect()
}

impl Layout {
    /// Returns the layout of all fields that flows match, and of those that they learn.
    pub(crate) fn new<'a>(flows: impl IntoIterator<Item = &'a Flow>) -> Self {
        let mut fields = matched(flows);
        fields.extend(swapped());
        let mut layout = Self::default();
        let ordered = ORDER.iter().filter(|field| fields.contains(field));
        let others = fields.iter().filter(|field| !ORDER.contains(field));
        for field in ordered.chain(others) {
            let bits = if *field == Field::InPortOxm { PORT_BITS } else { field.info().bits.into() };
            layout.fields.insert(*field, (layout.variables..layout.variables + bits).collect());
            layout.variables += bits;
        }
        layout
    }

    /// Returns the shape for an engine: to forget all fields but some, and to swap both directions.
    pub(crate) fn shape(&self, kept: &[BTreeSet<Field>]) -> Shape {
        let without = |kept: &BTreeSet<Field>| {
            let fields = self.fields.iter().filter(|(field, _)| !kept.contains(field));
            let mut variables: Vec<u16> = fields.flat_map(|(_, variables)| variables.clone()).collect();
            variables.sort_unstable();
            variables
        };
        let pairs = SWAPPED.iter().flat_map(|(a, b)| self.fields[a].iter().zip(&self.fields[b]));
        let swap = pairs.flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        Shape {
            variables: self.variables,
            quantified: kept.iter().map(without).collect(),
            replacements: vec![swap],
        }
    }

    /// Returns the literals of the header fields of a match.
    fn literals(&self, matches: &FlowMatch) -> Vec<(u16, bool)> {
        let mut literals = Vec::new();
        for (field, bits) in matches.iter() {
            let Some(variables) = self.fields.get(&field) else { continue };
            for (shift, variable) in variables.iter().rev().enumerate() {
                if bits.mask >> shift & 1 == 1 {
                    literals.push((*variable, bits.value >> shift & 1 == 1));
                }
            }
        }
        literals.sort_unstable();
        literals
    }
}

/// The flows of a table with one priority, one match of registers and the same instructions.
#[derive(Debug)]
pub(crate) struct Group {
    priority: u16,
    /// Number, value and mask of the matched registers.
    registers: Vec<(usize, u32, u32)>,
    /// Number, value and mask of the loaded registers.
    loads: Vec<(usize, u32, u32)>,
    /// True if its flows learn.
    pub(crate) learns: bool,
    /// True if its flows end the packet's way.
    pub(crate) drops: bool,
    /// The literals of its flows.
    pub(crate) cubes: Vec<Vec<(u16, bool)>>,
}

impl Group {
    /// Returns the groups of a table, from the highest priority down.
    pub(crate) fn of_table(flows: &[Flow], table: TableId, layout: &Layout) -> Vec<Self> {
        let mut places = HashMap::new();
        let mut groups: Vec<Self> = Vec::new();
        for flow in flows.iter().filter(|flow| flow.table == table) {
            let matched = flow.matches.iter().filter_map(|(field, bits)| {
                let low = |value: u128| u32::try_from(value).unwrap();
                register(field).map(|number| (number, low(bits.value), low(bits.mask)))
            });
            let registers: Vec<_> = matched.collect();
            let key = (flow.priority, registers, &flow.instructions);
            let place = *places.entry(key).or_insert_with_key(|(priority, registers, instructions)| {
                groups.push(Self {
                    priority: *priority,
                    registers: registers.clone(),
                    loads: flow.actions().filter_map(load).collect(),
                    learns: flow.learns().next().is_some(),
                    drops: !instructions.iter().any(|i| matches!(i, Instruction::GotoTable(_))),
                    cubes: Vec::new(),
                });
                groups.len() - 1
            });
            groups[place].cubes.push(layout.literals(&flow.matches));
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.priority));
        groups
    }

    /// Returns whether a packet with these registers can match.
    pub(crate) fn admits(&self, registers: &Registers) -> bool {
        self.registers.iter().all(|(number, value, mask)| registers[*number] & mask == *value)
    }

    /// Returns the registers after its actions.
    pub(crate) fn after(&self, registers: &Registers) -> Registers {
        let mut after = *registers;
        for (number, value, mask) in &self.loads {
            after[*number] = after[*number] & !mask | value;
        }
        after
    }
}

/// Returns number, value and mask of the register that an action loads.
fn load(action: &Action) -> Option<(usize, u32, u32)> {
    let Action::Load { dst, value } = action else { return None };
    let number = register(dst.field)?;
    let ones = u32::MAX >> (32 - dst.n_bits);
    Some((number, u32::try_from(*value).ok()? << dst.ofs, ones << dst.ofs))
}
