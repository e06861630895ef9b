//! What `learn` writes (ovs-actions(7), "learn"; Open vSwitch's `learn_execute`).

use ofproto::PortNo;
use ofproto::action::{Action, LEARN_SEND_FLOW_REM, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::message::FLOW_SEND_FLOW_REM;
use ofproto::oxm::{Field, Oxm};

use super::fields::FieldSet;
use super::packet::{Packet, low_bits};
use crate::model::{Flow, FlowMatch, Masked};

/// The flow that `learn` writes for a packet; the fields it takes from the packet are added to `consulted`.
pub(crate) fn learned(learn: &Learn, packet: &Packet, consulted: &mut FieldSet) -> Flow {
    let mut actions = Vec::new();
    if learn.fin_idle_timeout != 0 || learn.fin_hard_timeout != 0 {
        actions.push(Action::FinTimeout { idle: learn.fin_idle_timeout, hard: learn.fin_hard_timeout });
    }
    let mut bits: Vec<(Field, Masked)> = Vec::new();
    // A field that the packet has not counts as zero here, as in the switch.
    let mut read = |sub: Subfield| {
        consulted.insert(sub.field);
        packet.subfield(sub).unwrap_or(0)
    };
    for spec in &learn.specs {
        match spec {
            LearnSpec::Match { dst, src } => {
                let value = value_of(src, &mut read) & low_bits(dst.n_bits);
                add_bits(&mut bits, *dst, value);
            }
            LearnSpec::Load { dst, src } => actions.push(load(*dst, value_of(src, &mut read))),
            LearnSpec::Output { src } => {
                let port = u16::try_from(read(*src)).map(PortNo::from_u16);
                // Ports of the switch, and those reserved ones that make sense in a learned flow.
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

fn value_of(src: &LearnSrc, read: &mut impl FnMut(Subfield) -> u128) -> u128 {
    match src {
        LearnSrc::Field(sub) => read(*sub),
        LearnSrc::Immediate(value) => *value,
    }
}

/// Two specs may give different bits of one field.
fn add_bits(bits: &mut Vec<(Field, Masked)>, dst: Subfield, value: u128) {
    let mask = low_bits(dst.n_bits) << dst.ofs;
    let value = value << dst.ofs & mask;
    if let Some((_, old)) = bits.iter_mut().find(|(f, _)| *f == dst.field) {
        *old = Masked { value: old.value & !mask | value, mask: old.mask | mask };
    } else {
        bits.push((dst.field, Masked { value, mask }));
    }
}

/// A whole field is set, part of it loaded: as OpenFlow 1.3 says what Open vSwitch stores.
fn load(dst: Subfield, value: u128) -> Action {
    let value = value & low_bits(dst.n_bits);
    if dst.n_bits == u16::from(dst.field.info().bits) {
        return Action::SetField(Oxm::Known { field: dst.field, value, mask: None });
    }
    match u64::try_from(value) {
        Ok(value) => Action::Load { dst, value },
        Err(_) => Action::SetField(Oxm::Known {
            field: dst.field,
            value: value << dst.ofs,
            mask: Some(low_bits(dst.n_bits) << dst.ofs),
        }),
    }
}
