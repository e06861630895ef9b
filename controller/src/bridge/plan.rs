//! What a round changes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use flows::compile::layout::FORWARDING;
use flows::diff::diff;
use flows::{Flow, FlowKey, FlowMatch};
use ofctl::syntax::PortNames;
use ofproto::ethertype;
use ofproto::message::{FlowMod, FlowModCommand, Message};
use ofproto::oxm::Field;

use super::compiled::{ChangedParts, Orphans};
use super::flow_mod_text::flow_mod_text;
use super::{Compiled, revoked_flows};

/// The changes of one round.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In the order in which they take effect.
    pub(super) messages: Vec<Message>,
    /// How many of them put back what somebody else had changed.
    pub(super) drift: usize,
    /// Whether something goes or changes that let packets pass: what it taught may appear once more.
    pub(super) revokes: bool,
    /// The cookies of learners that went.
    pub(super) orphans: Orphans,
    /// What went or changed that let packets pass, where the switch was not looked at.
    pub(super) gone: Vec<Flow>,
    /// Whether more flows must be deleted than one round may.
    pub(super) more: bool,
    /// The moment when the read began that shows these differences; none where nothing was read.
    pub(super) read_began: Option<Instant>,
}

impl Plan {
    /// The changes from what is in force to what is desired `at` that time, since 1970-01-01 UTC, for a switch that has
    /// what is in force: only the parts that differ are looked at, and nothing is read. So whoever is revoked is so at
    /// once, however much he taught the switch. What he taught goes along as far as a cookie, or a cookie and an address,
    /// tells it; what else nothing accounts for any more the read that follows finds. None where nothing is to be changed
    /// in that way: what is only to be armed again depends on how long the switch has it.
    pub(super) fn between(before: &Compiled, desired: &Compiled, at: Duration) -> Option<Self> {
        let ChangedParts { new, old } = desired.differing(before);
        let flows: Vec<Cow<'_, Flow>> = old
            .iter()
            .flat_map(|part| part.flows().iter().map(|flow| desired.ending_alike(before, part, flow)))
            .collect();
        let flows = || flows.iter().map(|flow| &**flow);
        let mut mods = diff(new.iter().flat_map(|part| part.flows()), flows(), |_| false);
        for_what_is_left(&mut mods, desired, Some(before), at);
        if mods.is_empty() {
            return None;
        }
        let orphans = desired.orphans(&new, &old);
        let touched = touched(&mods, flows()).into_iter();
        let gone: Vec<Flow> = touched.filter(|(m, f)| lets_less(m, f)).map(|(_, f)| f.clone()).collect();
        mods.extend(revoked_flows::by_cookie(&orphans, desired));
        let messages = mods.into_iter().map(Message::FlowMod).collect();
        let revokes = !gone.is_empty();
        Some(Self { messages, revokes, orphans, gone, ..Self::default() })
    }

    /// What is left to be deleted of what those taught the switch who lost by a change that is made.
    pub(super) fn taught(before: &Compiled, desired: &Compiled, gone: &[Flow]) -> Option<Self> {
        let mods = revoked_flows::by_address(before, desired, gone);
        let messages: Vec<Message> = mods.into_iter().map(Message::FlowMod).collect();
        (!messages.is_empty()).then(|| Self { messages, revokes: true, ..Self::default() })
    }

    /// What the n-th change is, for a person.
    pub(super) fn describe(&self, n: usize, names: &PortNames) -> String {
        match self.messages.get(n) {
            Some(Message::FlowMod(m)) => flow_mod_text(m, names),
            Some(Message::GroupMod(m)) => format!("delete group {}", m.group_id.0),
            _ => "a change".to_owned(),
        }
    }
}

/// Sets the remaining time of flows that end by the clock. A flow in force that is almost over is
/// not added again, because the switch may have ended it.
pub(super) fn for_what_is_left(
    mods: &mut Vec<FlowMod>,
    desired: &Compiled,
    before: Option<&Compiled>,
    at: Duration,
) {
    mods.retain_mut(|m| {
        if m.command != FlowModCommand::Add || m.hard_timeout == 0 {
            return true;
        }
        let key = Flow::new(m.table_id, m.priority, FlowMatch::from_wire(&m.fields));
        let Some(left) = desired.left(&key, at) else { return true };
        let ended = left.is_over() && before.is_some_and(|before| before.left(&key, at).is_some());
        match left.timeout().filter(|_| !ended) {
            Some(timeout) => m.hard_timeout = timeout,
            None => return false,
        }
        true
    });
}

/// Those of the flows that are replaced or deleted, each with what does it.
pub(super) fn touched<'m, 'f>(
    mods: &'m [FlowMod],
    flows: impl IntoIterator<Item = &'f Flow>,
) -> Vec<(&'m FlowMod, &'f Flow)> {
    if mods.is_empty() {
        return Vec::new();
    }
    let matches: Vec<FlowMatch> = mods.iter().map(|m| FlowMatch::from_wire(&m.fields)).collect();
    let keys: HashMap<FlowKey<'_>, &FlowMod> =
        mods.iter().zip(&matches).map(|(m, matches)| ((m.table_id, m.priority, matches), m)).collect();
    flows.into_iter().filter_map(|flow| Some((*keys.get(&flow.key())?, flow))).collect()
}

/// Whether a change of a flow may keep from passing what passed. One that only sets more bits, as that of somebody who is in one
/// more list, lets the same pass.
pub(super) fn lets_less(m: &FlowMod, flow: &Flow) -> bool {
    use ofproto::action::Action;
    use ofproto::instruction::Instruction::ApplyActions;

    let sets_a_bit = |action: &Action| matches!(action, Action::Load { dst, value: 1 } if dst.n_bits == 1);
    let grows = match (&*flow.instructions, &*m.instructions) {
        ([ApplyActions(old), then @ ..], [ApplyActions(new), next @ ..]) if then == next => {
            let mut rest = old.iter().peekable();
            let more = |action: &&Action| rest.next_if(|old| old == action).is_none();
            new.iter().filter(more).all(sets_a_bit) && rest.peek().is_none()
        }
        (old, new) => old == new,
    };
    let same = m.command == FlowModCommand::Add && grows;
    !(flow.drops() || same || teaches_nobody(flow))
}

/// Whether no packet that a flow matches is ever learned from: what is judged already, ARP and neighbour discovery. Whose
/// list of neighbours grows or shrinks has nothing to unlearn by that.
pub(super) fn teaches_nobody(flow: &Flow) -> bool {
    let discovery = |kind: u128| (133..=137).contains(&kind);
    flow.table == FORWARDING
        || flow.matches.exact(Field::EthType) == Some(ethertype::ARP.into())
        || flow.matches.exact(Field::Icmpv6Type).is_some_and(discovery)
}
