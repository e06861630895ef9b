//! The possible register values of a packet that reaches policy: the values that admission sets for
//! its sender, and those that the lookup sets for its destination. Two flows of policy contradict
//! each other only in form if they match values that never occur together.
//!
//! An expected packet has its port from a learned flow, whatever the lookup gave. It is left out
//! here: above all rules one flow passes every such packet, so that it reaches none of them.

use std::collections::{HashMap, HashSet};

use flow_model::{Flow, FlowMatch};
use ofproto::action::{Action, LearnSpec, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};

use crate::compile::layout::{ADMISSION, DESTINATION, POLICY, WANTED};

/// The registers of the pipeline, without those that hold a lookup address: policy matches none of
/// them.
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

/// The register that distinguishes lookups: the destination's port.
const OUT_PORT: usize = 1;

/// Bits of all registers, with a mask of the significant ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct RegisterBits {
    value: [u32; REGISTERS.len()],
    mask: [u32; REGISTERS.len()],
}

impl RegisterBits {
    /// Returns the register bits of a match.
    fn of(matches: &FlowMatch) -> Self {
        let mut bits = Self::default();
        for ((field, value), mask) in REGISTERS.iter().zip(&mut bits.value).zip(&mut bits.mask) {
            let Some(masked) = matches.field(*field) else { continue };
            *mask = u32::try_from(masked.mask).unwrap_or(u32::MAX);
            *value = u32::try_from(masked.value).unwrap_or_default() & *mask;
        }
        bits
    }

    /// Returns the bits of both, or `None` if they contradict each other.
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

    /// Returns the bits without those that `other` fixes, or `None` if the two contradict each
    /// other.
    fn without(&self, other: &Self) -> Option<Self> {
        self.and(other)?;
        let mut rest = *self;
        for ((value, mask), gone) in rest.value.iter_mut().zip(&mut rest.mask).zip(other.mask) {
            (*value, *mask) = (*value & !gone, *mask & !gone);
        }
        Some(rest)
    }

    /// Writes `n` bits of a register; returns false if the field is no register of the pipeline.
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

    /// Returns the bits without one register.
    fn but(&self, register: usize) -> Self {
        let mut bits = *self;
        bits.value.get_mut(register).into_iter().for_each(|value| *value = 0);
        bits.mask.get_mut(register).into_iter().for_each(|mask| *mask = 0);
        bits
    }
}

/// The bits that a lookup matches and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Lookup {
    asks: RegisterBits,
    writes: RegisterBits,
}

/// The possible register values of a packet that reaches policy.
pub(crate) struct RegisterReach {
    /// By ingress port, `None` for flows that match none: the values that admission leaves, all
    /// bits known.
    senders: HashMap<Option<u32>, HashSet<RegisterBits>>,
    /// The values of all ports together.
    any_sender: HashSet<RegisterBits>,
    /// By the value that they write into the port register.
    lookups: HashMap<u32, HashSet<Lookup>>,
    /// All lookups together, without the port.
    any_lookup: HashSet<Lookup>,
    /// True if raw lines may leave any values.
    anything: bool,
    known: HashMap<(Option<u32>, RegisterBits), bool>,
}

impl RegisterReach {
    /// Collects the values of a bridge's flows, of which those from `first_raw` on are raw lines.
    pub(crate) fn new(flows: &[Flow], first_raw: usize) -> Self {
        let mut this = Self {
            senders: HashMap::new(),
            any_sender: HashSet::new(),
            lookups: HashMap::new(),
            // An address without an owner has no port, and neither has a packet that skips the
            // lookup.
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
        // Raw lines in other tables may send a packet on, or back, with any values that it has by
        // then.
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

    /// Returns whether a packet that matches both can reach the table of the two flows.
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
            // Only a raw line matches single bits of the port.
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

/// Returns the bits that a flow writes into registers, or `None` if they are unknown.
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

/// Returns whether a field of the packet itself may be written by `set_field`.
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
            // The lookup of one network does not apply to another.
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
            // A table that is not analysed may leave any values.
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
