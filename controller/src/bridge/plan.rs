//! The changes of a round.

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
    /// The changes, in the order in which they take effect.
    pub(super) messages: Vec<Message>,
    /// Number of changes that repair foreign changes.
    pub(super) drift: usize,
    /// True if a flow that let packets pass is deleted or changed. The flows that it taught may
    /// appear once more.
    pub(super) revokes: bool,
    /// The tables and cookies of removed learners.
    pub(super) orphans: Orphans,
    /// The deleted or changed flows that let packets pass, if the switch was not read.
    pub(super) gone: Vec<Flow>,
    /// True if more flows must be deleted than one round may.
    pub(super) more: bool,
    /// Beginning of the read that shows these differences. `None` if nothing was read.
    pub(super) read_began: Option<Instant>,
}

impl Plan {
    /// Returns the changes from the installed program to the desired one `at` that time, since
    /// 1970-01-01 UTC. The switch must have the installed program: only the parts that differ are
    /// compared, and nothing is read. So an endpoint is revoked at once, however many flows it
    /// taught the switch.
    ///
    /// The flows that it taught are deleted too, as far as a cookie, or a cookie and an address,
    /// identifies them. The read that follows finds all others that no learner accounts for.
    ///
    /// Returns `None` if there is nothing to change in this way. Flows that only have to be armed
    /// again need a read, because they depend on their age on the switch.
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

    /// Returns the deletions of flows that revoked flows taught, after a change was made.
    pub(super) fn taught(before: &Compiled, desired: &Compiled, gone: &[Flow]) -> Option<Self> {
        let mods = revoked_flows::by_address(before, desired, gone);
        let messages: Vec<Message> = mods.into_iter().map(Message::FlowMod).collect();
        (!messages.is_empty()).then(|| Self { messages, revokes: true, ..Self::default() })
    }

    /// Returns the text of the n-th change, for a person.
    pub(super) fn describe(&self, n: usize, names: &PortNames) -> String {
        match self.messages.get(n) {
            Some(Message::FlowMod(m)) => flow_mod_text(m, names),
            Some(Message::GroupMod(m)) => format!("delete group {}", m.group_id.0),
            _ => "a change".to_owned(),
        }
    }
}

/// Sets the remaining time of flows that end by the clock. An installed flow that is almost over is
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

/// Returns the flows that are replaced or deleted, each with its change.
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

/// Returns whether a change of a flow may deny packets that passed before. A change that only sets
/// more bits, as for an endpoint that joins another list, lets all of them pass.
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

/// Returns whether no learner can learn from the packets of a flow: packets that were judged
/// already, ARP and neighbour discovery. A change of an endpoint's list of neighbours has nothing
/// to unlearn.
pub(super) fn teaches_nobody(flow: &Flow) -> bool {
    let discovery = |kind: u128| (133..=137).contains(&kind);
    flow.table == FORWARDING
        || flow.matches.exact(Field::EthType) == Some(ethertype::ARP.into())
        || flow.matches.exact(Field::Icmpv6Type).is_some_and(discovery)
}
