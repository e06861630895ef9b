//! What a round changes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use flows::compile::layout::FORWARDING;
use flows::diff::diff;
use flows::learned::Learners;
use flows::syntax::PortNames;
use flows::timed::Standing;
use flows::{Flow, FlowKey, FlowMatch};
use ofproto::GroupId;
use ofproto::message::{FlowMod, FlowModCommand, GroupMod, GroupModCommand, GroupType, Message};
use ofproto::oxm::Field;

use super::Compiled;
use super::compiled::Differing;
use super::revoked::{self, Orphans, Revoked};

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
}

/// What a switch has.
pub(super) struct Actual<'a> {
    /// Its flows.
    pub(super) flows: &'a [Flow],
    /// How long each of them is there.
    pub(super) ages: &'a [Duration],
    /// Its groups.
    pub(super) groups: &'a [GroupId],
    /// When that was, since 1970-01-01 UTC.
    pub(super) at: Duration,
}

impl Actual<'_> {
    /// The flows, those that end as they should with the very timeout that is desired.
    fn flows_as(&self, desired: &Compiled, good: impl Fn(Standing) -> bool) -> Cow<'_, [Flow]> {
        if !desired.has_ends() {
            return Cow::Borrowed(self.flows);
        }
        let flow = |(flow, age): (&Flow, &Duration)| match desired.standing(flow, *age, self.at) {
            None => flow.clone(),
            Some(standing) => desired.timed_like_twin(flow.clone(), good(standing)),
        };
        Cow::Owned(self.flows.iter().zip(self.ages).map(flow).collect())
    }
}

impl Plan {
    /// The changes from what the switch has to what is desired. `before` is what was in force, if anything was: what
    /// differs from that is somebody else's doing, but for what was `revoked` a moment ago.
    pub(super) fn new(
        desired: &Compiled,
        before: Option<&Compiled>,
        actual: &Actual<'_>,
        revoked: Option<&Revoked>,
    ) -> Self {
        let flows = actual.flows_as(desired, |standing| standing == Standing::Good);
        let has = desired.judge().cookies();
        // A learner may have ended by itself, a moment before it is taken away.
        let mut had = Learners::of(&*flows).cookies();
        had.extend(before.into_iter().flat_map(|before| before.judge().cookies()));
        let gone: Orphans = had.difference(&has).copied().collect();

        let mut mods = differing(desired, &flows, actual, before);
        if mods.is_empty() && actual.groups.is_empty() && gone.is_empty() {
            return Self::default();
        }
        let goes = deleted(&mods, &flows);
        let left_behind = |flow: &&&Flow| revoked.is_some_and(|revoked| revoked.left_behind(flow));
        let drift = match before {
            None => 0,
            Some(before) if std::ptr::eq(before, desired) && !desired.has_ends() => {
                mods.len() - goes.iter().filter(left_behind).count() + actual.groups.len()
            }
            Some(before) => {
                // What is only to be armed again is nobody's doing.
                let flows = actual.flows_as(before, |standing| standing != Standing::Other);
                let mods = differing(before, &flows, actual, Some(before));
                let goes = deleted(&mods, &flows);
                mods.len() - goes.iter().filter(left_behind).count() + actual.groups.len()
            }
        };

        let changes = before.is_none_or(|before| !std::ptr::eq(before, desired));
        let revokes = !gone.is_empty()
            || goes.iter().any(|flow| left_behind(&flow))
            || touched(&mods, &*flows)
                .into_iter()
                .any(|(m, flow)| lets_less(m, flow) && (changes || flow.learns().next().is_some()));
        let leftover = revoked.into_iter().flat_map(|revoked| &revoked.orphans);
        let orphans: Orphans = gone.iter().chain(leftover).copied().filter(|c| !has.contains(c)).collect();

        revoked::together(&mut mods, &goes, &flows, desired);
        mods.extend(revoked::by_cookie(&orphans, desired));
        let mut messages: Vec<Message> = mods.into_iter().map(Message::FlowMod).collect();
        // After the flows, which a group takes along when it goes.
        messages.extend(actual.groups.iter().map(|group| {
            Message::GroupMod(GroupMod {
                command: GroupModCommand::Delete,
                kind: GroupType::All,
                group_id: *group,
                buckets: Vec::new(),
            })
        }));
        Self { messages, drift, revokes, orphans, gone: Vec::new() }
    }

    /// The changes from what is in force to what is desired `at` that time, since 1970-01-01 UTC, for a switch that has
    /// what is in force: only the parts that differ are looked at, and nothing is read. So whoever is revoked is so at
    /// once, however much he taught the switch. What he taught goes along as far as a cookie, or a cookie and an address,
    /// tells it; what else nothing accounts for any more the read that follows finds. None where nothing is to be changed
    /// in that way: what is only to be armed again depends on how long the switch has it.
    pub(super) fn between(before: &Compiled, desired: &Compiled, at: Duration) -> Option<Self> {
        let Differing { new, old } = desired.differing(before);
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
        mods.extend(revoked::by_cookie(&orphans, desired));
        let messages = mods.into_iter().map(Message::FlowMod).collect();
        Some(Self { messages, drift: 0, revokes: !gone.is_empty(), orphans, gone })
    }

    /// What is left to be deleted of what those taught the switch who lost by a change that is made.
    pub(super) fn taught(before: &Compiled, desired: &Compiled, gone: &[Flow]) -> Option<Self> {
        let mods = revoked::by_address(before, desired, gone);
        let messages: Vec<Message> = mods.into_iter().map(Message::FlowMod).collect();
        (!messages.is_empty()).then(|| Self { messages, revokes: true, ..Self::default() })
    }

    /// What the n-th change is, for a person.
    pub(super) fn describe(&self, n: usize, names: &PortNames) -> String {
        match self.messages.get(n) {
            Some(Message::FlowMod(m)) => super::watch::text(m, names),
            Some(Message::GroupMod(m)) => format!("delete group {}", m.group_id.0),
            _ => "a change".to_owned(),
        }
    }
}

/// What differs between `flows` and what is desired. What ends by the clock is added for the time that is left; what was in
/// force and is as good as over is not added again, because the switch may have ended it.
fn differing(
    desired: &Compiled,
    flows: &[Flow],
    actual: &Actual<'_>,
    before: Option<&Compiled>,
) -> Vec<FlowMod> {
    let mut mods = diff(desired.program.flows(), flows, |f| desired.learned(f));
    for_what_is_left(&mut mods, desired, before, actual.at);
    mods
}

/// Gives what ends by the clock the time that is left of it.
fn for_what_is_left(mods: &mut Vec<FlowMod>, desired: &Compiled, before: Option<&Compiled>, at: Duration) {
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

/// The flows that are deleted one by one.
fn deleted<'f>(mods: &[FlowMod], flows: &'f [Flow]) -> Vec<&'f Flow> {
    let strict =
        |(m, flow): (&FlowMod, &'f Flow)| (m.command == FlowModCommand::DeleteStrict).then_some(flow);
    touched(mods, flows).into_iter().filter_map(strict).collect()
}

/// Those of the flows that are replaced or deleted, each with what does it.
fn touched<'m, 'f>(
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
fn lets_less(m: &FlowMod, flow: &Flow) -> bool {
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
fn teaches_nobody(flow: &Flow) -> bool {
    let discovery = |kind: u128| (133..=137).contains(&kind);
    flow.table == FORWARDING
        || flow.matches.exact(Field::EthType) == Some(0x0806)
        || flow.matches.exact(Field::Icmpv6Type).is_some_and(discovery)
}
