//! Executes a list of actions with `learn` for one packet.

use ofproto::TableId;
use ofproto::action::{Action, Learn};
use ofproto::message::FlowMod;
use ofproto::oxm::{Field, Oxm};

use super::{LearnError, LearnedFlowMirror};
use crate::verify::interp::Packet;

/// The result of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reaction {
    /// The learned flows in order. They must be sent before the packet: its answer may be faster
    /// than anything else.
    pub flow_mods: Vec<FlowMod>,
    /// The tables in which flows make room for the learned ones; `flow_mods` deletes them.
    pub evicted: Vec<TableId>,
    /// The remaining actions of the packet, for a PACKET_OUT. Every `learn` is removed, and the bit
    /// of its `result_dst` is loaded in its place. Empty if no action remains.
    pub actions: Vec<Action>,
    /// The failed `learn` actions. The packet goes on without them, as it does in Open vSwitch.
    pub errors: Vec<LearnError>,
}

/// Executes the actions of a flow for a packet as it reached the flow, at second `now`.
pub fn react(actions: &[Action], packet: &Packet, mirror: &mut LearnedFlowMirror, now: u32) -> Reaction {
    let mut reaction = Reaction::default();
    let mut packet = packet.clone();
    // All of them are zero at the start of a packet-out.
    reaction.actions = carried(&packet);
    let rest = run(actions, &mut packet, &mut LearnTarget { mirror, now, reaction: &mut reaction }).0;
    reaction.actions.extend(rest);
    if !reaction.actions.iter().any(goes_somewhere) {
        reaction.actions.clear();
    }
    reaction
}

/// The target of the learn actions.
struct LearnTarget<'a> {
    mirror: &'a mut LearnedFlowMirror,
    now: u32,
    reaction: &'a mut Reaction,
}

/// Returns the remaining actions, and whether later actions are executed.
fn run(actions: &[Action], packet: &mut Packet, pupil: &mut LearnTarget<'_>) -> (Vec<Action>, bool) {
    let mut left = Vec::new();
    for action in actions {
        match action {
            Action::Learn(learn) => {
                left.extend(pupil.learn(learn, packet));
                continue;
            }
            Action::Clone(inner) => {
                let (inner, goes_on) = run(inner, &mut packet.clone(), pupil);
                left.push(Action::Clone(inner));
                if !goes_on {
                    return (left, false);
                }
                continue;
            }
            action => left.push(action.clone()),
        }
        if !changed(action, packet) {
            return (left, false);
        }
    }
    (left, true)
}

impl LearnTarget<'_> {
    fn learn(&mut self, learn: &Learn, packet: &mut Packet) -> Option<Action> {
        match self.mirror.learn(learn, packet, self.now) {
            Ok(lesson) => {
                let value = u64::from(lesson.succeeded());
                self.reaction.evicted.extend(lesson.makes_room.as_ref().map(|deletion| deletion.table_id));
                self.reaction.flow_mods.extend(lesson.makes_room.into_iter().chain(lesson.flow_mod));
                let dst = learn.result_dst?;
                packet.put_subfield(dst, value.into());
                Some(Action::Load { dst, value })
            }
            Err(error) => {
                self.reaction.errors.push(error);
                None
            }
        }
    }
}

/// Applies an action to the packet; returns whether the later actions are executed.
fn changed(action: &Action, packet: &mut Packet) -> bool {
    match action {
        Action::SetField(Oxm::Known { field, value, mask }) => {
            if let Some(old) = packet.value(*field) {
                let mask = mask.unwrap_or(field.info().exact());
                packet.put(*field, old & !mask | value & mask);
            }
        }
        Action::Load { dst, value } => packet.put_subfield(*dst, (*value).into()),
        Action::Move { src, dst } => {
            if let Some(value) = packet.subfield(*src) {
                packet.put_subfield(*dst, value);
            }
        }
        Action::PushVlan(_) => packet.push_vlan(),
        Action::PopVlan => packet.pop_vlan(),
        Action::SetNwTtl(ttl) if packet.value(Field::IpTtl).is_some() => {
            packet.put(Field::IpTtl, (*ttl).into());
        }
        Action::DecNwTtl => match packet.value(Field::IpTtl) {
            None => {}
            Some(ttl) if ttl > 1 => packet.put(Field::IpTtl, ttl - 1),
            // The switch sends the packet to the controller and leaves the flow.
            Some(_) => return false,
        },
        Action::Exit => return false,
        _ => {}
    }
    true
}

/// Returns loads of the registers and metadata that the packet came with.
fn carried(packet: &Packet) -> Vec<Action> {
    let beside = [Field::Metadata].into_iter().chain(Field::REGISTERS);
    let loads = beside.filter_map(|field| {
        let value = u64::try_from(packet.value(field)?).ok().filter(|value| *value != 0)?;
        if field.has_long_header() {
            // The value exceeds the width of `load`.
            return Some(Action::SetField(Oxm::Known { field, value: value.into(), mask: None }));
        }
        Some(Action::Load { dst: ofproto::action::Subfield::whole(field), value })
    });
    loads.collect()
}

/// Returns whether an action outputs a packet, or may.
fn goes_somewhere(action: &Action) -> bool {
    match action {
        Action::SetField(_)
        | Action::Load { .. }
        | Action::Move { .. }
        | Action::PushVlan(_)
        | Action::PopVlan
        | Action::SetNwTtl(_)
        | Action::SetQueue(_)
        | Action::PopQueue
        | Action::Note(_)
        | Action::Exit => false,
        Action::Clone(inner) => inner.iter().any(goes_somewhere),
        _ => true,
    }
}
