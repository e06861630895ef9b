//! The flows that `learn` writes (ovs-actions(7), "learn"; Open vSwitch's `learn_execute`).

use flow_model::{Flow, FlowMatch, Masked};
use ofproto::PortNo;
use ofproto::action::{Action, LEARN_SEND_FLOW_REM, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::message::FLOW_SEND_FLOW_REM;
use ofproto::oxm::Field;

use super::fields::FieldSet;
use super::packet::{Packet, low_bits};

/// Returns the flow that `learn` writes for a packet; adds the fields that it reads from the packet
/// to `consulted`.
pub(crate) fn learned(learn: &Learn, packet: &Packet, consulted: &mut FieldSet) -> Flow {
    let mut actions = Vec::new();
    if learn.fin_idle_timeout != 0 || learn.fin_hard_timeout != 0 {
        actions.push(Action::FinTimeout { idle: learn.fin_idle_timeout, hard: learn.fin_hard_timeout });
    }
    let mut bits: Vec<(Field, Masked)> = Vec::new();
    // A field that the packet lacks counts as zero here, as in the switch.
    let mut read = |sub: Subfield| {
        consulted.insert(sub.field);
        packet.subfield(sub).unwrap_or(0)
    };
    for spec in &learn.specs {
        match spec {
            LearnSpec::Match { dst, src } => {
                let value = value_of(src, &mut read) & low_bits(dst.n_bits);
                if is_matched(*dst) {
                    add_bits(&mut bits, *dst, value);
                }
            }
            LearnSpec::Load { dst, src } => actions.extend(load(*dst, value_of(src, &mut read))),
            LearnSpec::Output { src } => {
                let port = u16::try_from(read(*src)).map(PortNo::from_u16);
                // Ports of the switch, and the reserved ports that are valid in a learned flow.
                let fits = |p: &PortNo| {
                    p.0 < PortNo::MAX.0
                        || [PortNo::IN_PORT, PortNo::FLOOD, PortNo::LOCAL, PortNo::ALL].contains(p)
                };
                if let Some(port) = port.ok().filter(fits) {
                    actions.push(Action::Output { port, max_len: 0 });
                }
            }
        }
    }
    let mut matches = FlowMatch::any();
    for (field, bits) in bits {
        matches.set(field, bits);
    }
    let mut flow = Flow::new(learn.table, learn.priority, matches);
    flow.cookie = learn.cookie;
    flow.idle_timeout = learn.idle_timeout;
    flow.hard_timeout = learn.hard_timeout;
    if learn.flags & LEARN_SEND_FLOW_REM != 0 {
        flow.flags = FLOW_SEND_FLOW_REM;
    }
    if !actions.is_empty() {
        flow.instructions = vec![Instruction::ApplyActions(actions)];
    }
    flow
}

/// Returns whether a learned flow matches the bits at all. Open vSwitch learns no part of a field
/// that a match cannot mask. It takes two bits in a byte for a part, even if the field has no
/// others: `NXM_NX_IP_ECN[]` has no effect in `learn`.
pub(crate) fn is_matched(dst: Subfield) -> bool {
    let info = dst.field.info();
    info.maskable || usize::from(dst.n_bits) == info.bytes() * 8
}

fn value_of(src: &LearnSrc, read: &mut impl FnMut(Subfield) -> u128) -> u128 {
    match src {
        LearnSrc::Field(sub) => read(*sub),
        LearnSrc::Immediate(value) => *value,
    }
}

/// Adds bits to a match. Two specs may give different bits of one field. A wide register is matched
/// as its single registers, as Open vSwitch stores it.
fn add_bits(bits: &mut Vec<(Field, Masked)>, dst: Subfield, value: u128) {
    let mask = low_bits(dst.n_bits) << dst.ofs;
    let value = value << dst.ofs & mask;
    if !dst.field.registers().is_empty() {
        for (field, at) in dst.field.registers().iter().rev().zip((0..).step_by(32)) {
            let part = Masked { value: value >> at & 0xffff_ffff, mask: mask >> at & 0xffff_ffff };
            merge(bits, *field, part);
        }
        return;
    }
    merge(bits, dst.field, Masked { value, mask });
}

fn merge(bits: &mut Vec<(Field, Masked)>, field: Field, Masked { value, mask }: Masked) {
    if mask == 0 {
        return;
    }
    if let Some((_, old)) = bits.iter_mut().find(|(f, _)| *f == field) {
        *old = Masked { value: old.value & !mask | value, mask: old.mask | mask };
    } else {
        bits.push((field, Masked { value, mask }));
    }
}

/// Returns loads as Open vSwitch stores and shows them: at most 64 bits each, the lower ones first.
fn load(dst: Subfield, value: u128) -> impl Iterator<Item = Action> {
    (0..dst.n_bits).step_by(64).map(move |at| {
        let dst = Subfield { ofs: dst.ofs + at, n_bits: (dst.n_bits - at).min(64), ..dst };
        let bits = (value >> at) & low_bits(dst.n_bits);
        Action::Load { dst, value: u64::try_from(bits).unwrap_or(u64::MAX) }
    })
}
