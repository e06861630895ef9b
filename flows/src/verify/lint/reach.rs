//! What can be in the registers of a packet that comes to policy: whatever admission says of its sender, and whatever
//! the lookup says of its destination. Two flows of policy that ask for what these never say together contradict each
//! other in form alone.
//!
//! A packet that somebody waits for has its port from a learned flow, whatever the lookup said. It is left out here:
//! above all rules one flow passes every such packet, so that it comes to none of them.

use std::collections::{HashMap, HashSet};

use flow_model::{Flow, FlowMatch};
use ofproto::action::{Action, LearnSpec, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};

use crate::compile::layout::{ADMISSION, DESTINATION, POLICY, WANTED};

/// The registers of the pipeline, but for those in which an address is looked up: policy asks for none of them.
const REGISTERS: [Field; 12] = [
    Field::Reg0,
    Field::Reg1,
    Field::Reg2,
    Field::Reg3,
    Field::Reg8,
    Field::Reg9,
    Field::Reg10,
    Field::Reg11,
    Field::Reg12,
    Field::Reg13,
    Field::Reg14,
    Field::Reg15,
];

/// The register by which lookups are told apart: the port of the destination.
const OUT_PORT: usize = 1;

/// Bits of all registers, and which of them count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct RegisterBits {
    value: [u32; REGISTERS.len()],
    mask: [u32; REGISTERS.len()],
}

impl RegisterBits {
    /// The registers of a match.
    fn of(matches: &FlowMatch) -> Self {
        let mut bits = Self::default();
        for ((field, value), mask) in REGISTERS.iter().zip(&mut bits.value).zip(&mut bits.mask) {
            let Some(masked) = matches.field(*field) else { continue };
            *mask = u32::try_from(masked.mask).unwrap_or(u32::MAX);
            *value = u32::try_from(masked.value).unwrap_or_default() & *mask;
        }
        bits
    }

    /// Those of both; none where they contradict each other.
    fn and(&self, other: &Self) -> Option<Self> {
        let mut all = *self;
        for (n, (value, mask)) in all.value.iter_mut().zip(&mut all.mask).enumerate() {
            let (more, more_mask) = (other.value.get(n).copied()?, other.mask.get(n).copied()?);
            if (*value ^ more) & *mask & more_mask != 0 {
                return None;
            }
            (*value, *mask) = (*value | more, *mask | more_mask);
        }
        Some(all)
    }

    /// These without those that `other` counts; none where the two contradict each other.
    fn without(&self, other: &Self) -> Option<Self> {
        self.and(other)?;
        let mut rest = *self;
        for ((value, mask), gone) in rest.value.iter_mut().zip(&mut rest.mask).zip(other.mask) {
            (*value, *mask) = (*value & !gone, *mask & !gone);
        }
        Some(rest)
    }

    /// Writes `n` bits of a register; false where that is no register of the pipeline.
    fn write(&mut self, to: Subfield, bits: u64) -> bool {
        let Some(place) = REGISTERS.iter().position(|register| *register == to.field) else { return false };
        let (Some(value), Some(mask)) = (self.value.get_mut(place), self.mask.get_mut(place)) else {
            return false;
        };
        let ones = u64::MAX.checked_shr(64 - u32::from(to.n_bits.clamp(1, 64))).unwrap_or(u64::MAX);
        let shift = u32::from(to.ofs);
        let of = |bits: u64| u32::try_from((bits & ones).checked_shl(shift).unwrap_or(0) & 0xffff_ffff);
        let (Ok(bits), Ok(ones)) = (of(bits), of(ones)) else { return false };
        (*value, *mask) = (*value & !ones | bits, *mask | ones);
        true
    }

    /// Without one register.
    fn but(&self, register: usize) -> Self {
        let mut bits = *self;
        bits.value.get_mut(register).into_iter().for_each(|value| *value = 0);
        bits.mask.get_mut(register).into_iter().for_each(|mask| *mask = 0);
        bits
    }
}

/// What a lookup writes, and into what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Lookup {
    asks: RegisterBits,
    writes: RegisterBits,
}

/// What can be in the registers of a packet that comes to policy.
pub(crate) struct RegisterReach {
    /// By the port of arrival, none where a flow asks for none: what admission leaves, all bits known.
    senders: HashMap<Option<u32>, HashSet<RegisterBits>>,
    /// The same of all ports.
    any_sender: HashSet<RegisterBits>,
    /// By what they write into the register of the port.
    lookups: HashMap<u32, HashSet<Lookup>>,
    /// The same but for the port.
    any_lookup: HashSet<Lookup>,
    /// Whether raw lines may leave anything anywhere.
    anything: bool,
    known: HashMap<(Option<u32>, RegisterBits), bool>,
}

impl RegisterReach {
    /// Of the flows of a bridge, of which those from `first_raw` on are raw lines.
    pub(crate) fn new(flows: &[Flow], first_raw: usize) -> Self {
        let mut this = Self {
            senders: HashMap::new(),
            any_sender: HashSet::new(),
            lookups: HashMap::new(),
            // What is nobody's has no port, and whatever skips the lookup has none either.
            any_lookup: HashSet::from([Lookup::default()]),
            anything: false,
            known: HashMap::new(),
        };
        this.lookups.entry(0).or_default().insert(Lookup::default());
        for (n, flow) in flows.iter().enumerate() {
            this.add(flow, n >= first_raw);
        }
        this
    }

    fn add(&mut self, flow: &Flow, raw: bool) {
        let writes = writes(flow);
        // Raw lines elsewhere may send a packet on, or back, with whatever it has by then.
        let elsewhere = ![ADMISSION, DESTINATION].contains(&flow.table);
        if raw && (writes.is_none() || elsewhere && goes_on(flow)) {
            self.anything = true;
        }
        let Some(writes) = writes else { return };
        if flow.table == ADMISSION {
            let all = RegisterBits { mask: [u32::MAX; REGISTERS.len()], ..writes };
            let port = flow.matches.in_port().map(|port| port.0);
            self.senders.entry(port).or_default().insert(all);
            self.any_sender.insert(all);
        } else if flow.table == DESTINATION {
            let lookup = Lookup { asks: RegisterBits::of(&flow.matches), writes };
            let port = writes.value.get(OUT_PORT).copied().unwrap_or_default();
            self.lookups.entry(port).or_default().insert(lookup);
            self.any_lookup.insert(Lookup { writes: writes.but(OUT_PORT), ..lookup });
        }
    }

    /// Whether a packet that matches both can come to the table of the two flows.
    pub(crate) fn both(&mut self, a: &Flow, b: &Flow) -> bool {
        if self.anything || a.table != POLICY {
            return true;
        }
        let Some(asked) = RegisterBits::of(&a.matches).and(&RegisterBits::of(&b.matches)) else {
            return false;
        };
        let port = a.matches.in_port().or(b.matches.in_port()).map(|port| port.0);
        if let Some(known) = self.known.get(&(port, asked)) {
            return *known;
        }
        let reaches = self.reaches(port, &asked);
        self.known.insert((port, asked), reaches);
        reaches
    }

    fn reaches(&self, port: Option<u32>, asked: &RegisterBits) -> bool {
        let out = asked.mask.get(OUT_PORT).zip(asked.value.get(OUT_PORT));
        let lookups = match out {
            // A flow that asks for some bits of the port is a raw line's business.
            Some((&u32::MAX, value)) => self.lookups.get(value),
            _ => Some(&self.any_lookup),
        };
        let left = |lookup: &Lookup| asked.without(&lookup.writes)?.and(&lookup.asks);
        let left: HashSet<RegisterBits> = lookups.into_iter().flatten().filter_map(left).collect();
        let of = |port: Option<u32>| self.senders.get(&port).into_iter().flatten();
        let sender = |bits: &RegisterBits| left.iter().any(|left| left.and(bits).is_some());
        match port {
            Some(_) => of(port).chain(of(None)).any(sender),
            None => self.any_sender.iter().any(sender),
        }
    }
}

/// What a flow writes into registers; none where that is not known.
fn writes(flow: &Flow) -> Option<RegisterBits> {
    let mut bits = RegisterBits::default();
    for instruction in &flow.instructions {
        match instruction {
            Instruction::GotoTable(_) => {}
            Instruction::ApplyActions(actions) => {
                for action in actions {
                    written(action, &mut bits)?;
                }
            }
            _ => return None,
        }
    }
    Some(bits)
}

fn written(action: &Action, bits: &mut RegisterBits) -> Option<()> {
    match action {
        Action::Load { dst, value } => bits.write(*dst, *value).then_some(()),
        Action::SetField(Oxm::Known { field, .. }) if !REGISTERS.contains(field) && is_header(*field) => {
            Some(())
        }
        Action::Move { dst, .. } if WANTED.contains(&dst.field) => Some(()),
        Action::Learn(learn) => {
            let loads = learn.specs.iter().any(|spec| matches!(spec, LearnSpec::Load { .. }));
            (!loads).then_some(())
        }
        Action::Output { .. }
        | Action::Controller(_)
        | Action::Resubmit { .. }
        | Action::PushVlan(_)
        | Action::PopVlan
        | Action::DecNwTtl => Some(()),
        _ => None,
    }
}

/// Fields of the packet itself that `set_field` may write.
fn is_header(field: Field) -> bool {
    use Field::{EthDst, EthSrc, Ipv4Dst, Ipv4Src, Ipv6Dst, Ipv6Src, VlanPcp, VlanVid};
    [EthDst, EthSrc, Ipv4Dst, Ipv4Src, Ipv6Dst, Ipv6Src, VlanPcp, VlanVid].contains(&field)
}

fn goes_on(flow: &Flow) -> bool {
    let resubmits = |action: &Action| matches!(action, Action::Resubmit { .. });
    flow.instructions.iter().any(|instruction| match instruction {
        Instruction::GotoTable(_) => true,
        Instruction::ApplyActions(actions) => actions.iter().any(resubmits),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use flow_model::FlowMatch;
    use ofctl::syntax::parse_flow;

    use super::*;

    fn flow(text: &str) -> Flow {
        parse_flow(text, &crate::compile::PortMap::new()).unwrap()
    }

    /// A sender in list 0 at port 1, one in list 1 at port 2; destinations in lists 2 and 3.
    const LINES: [&str; 4] = [
        "table=0,in_port=1,actions=load:7->NXM_NX_REG0[],load:1->NXM_NX_REG8[0],goto_table:1",
        "table=0,in_port=2,actions=load:7->NXM_NX_REG0[],load:1->NXM_NX_REG8[1],goto_table:1",
        "table=4,ip,reg0=7,nw_dst=10.0.0.1,actions=load:3->NXM_NX_REG1[],load:1->NXM_NX_REG12[2]",
        "table=4,ip,nw_dst=10.0.0.2,actions=load:4->NXM_NX_REG1[],load:1->NXM_NX_REG12[3]",
    ];

    fn meet(more: &[&str], a: &str, b: &str) -> bool {
        let mut flows: Vec<Flow> = LINES.into_iter().map(flow).collect();
        let first_raw = flows.len();
        flows.extend(more.iter().map(|line| flow(line)));
        let policy = |matches: &str| flow(&format!("table=2,{matches},actions=drop"));
        RegisterReach::new(&flows, first_raw).both(&policy(a), &policy(b))
    }

    #[test]
    fn what_admission_and_the_lookup_never_say_together_is_not_reached() {
        for (a, b, meets) in [
            ("reg8=1/1", "reg12=4/4", true),
            ("reg8=1/1", "reg8=2/2", false),
            ("reg8=1/1", "in_port=2", false),
            ("reg8=1/1", "in_port=1", true),
            ("reg12=4/4", "reg12=8/8", false),
            ("reg12=4/4", "reg1=3", true),
            ("reg12=4/4", "reg1=4", false),
            ("reg12=4/4", "reg1=0x10000", false),
            ("reg1=0", "reg8=1/1", true),
            // The lookup of one network is none of another's.
            ("reg0=8", "reg12=4/4", false),
            ("reg0=7", "reg12=4/4", true),
            ("reg9=1/1", "reg0=7", false),
        ] {
            assert_eq!(meet(&[], a, b), meets, "{a} {b}");
            assert_eq!(meet(&[], b, a), meets, "{b} {a}");
        }
    }

    #[test]
    fn what_raw_lines_leave_counts_too() {
        let (a, b) = ("reg8=1/1", "reg8=2/2");
        for (line, meets) in [
            ("table=0,in_port=3,actions=load:3->NXM_NX_REG8[0..1],goto_table:1", true),
            ("table=0,in_port=3,actions=load:1->NXM_NX_REG8[0..1],goto_table:1", false),
            ("table=0,in_port=3,actions=output:1", false),
            ("table=4,ip,nw_dst=10.0.0.3,actions=load:3->NXM_NX_REG8[]", true),
            // What is not looked into may leave anything.
            ("table=0,in_port=3,actions=move:NXM_OF_IN_PORT[]->NXM_NX_REG8[0..15],goto_table:1", true),
            ("table=1,actions=load:3->NXM_NX_REG8[],resubmit(,2)", true),
            ("table=0,actions=learn(table=1,NXM_OF_ETH_SRC[],load:3->NXM_NX_REG8[])", true),
        ] {
            assert_eq!(meet(&[line], a, b), meets, "{line}");
        }
    }

    #[test]
    fn other_tables_are_judged_by_form() {
        let flows: Vec<Flow> = LINES.into_iter().map(flow).collect();
        let mut reach = RegisterReach::new(&flows, flows.len());
        let other = Flow::new(ADMISSION, 1, FlowMatch::any().with(Field::Reg9, 1));
        assert!(reach.both(&other, &other));
    }
}
