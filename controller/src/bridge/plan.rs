//! What a round changes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use flows::Flow;
use flows::diff::diff;
use flows::learned::Learners;
use flows::syntax::PortNames;
use flows::timed::Standing;
use ofproto::message::{FlowMod, FlowModCommand, GroupMod, GroupModCommand, GroupType, Message};
use ofproto::{Cookie, GroupId, TableId};

use super::Compiled;
use super::compiled::Differing;

/// Where the flows of a learner that is gone may still appear.
pub(super) type Orphans = BTreeSet<(TableId, Cookie)>;

/// The changes of one round.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In the order in which they take effect.
    pub(super) messages: Vec<Message>,
    /// How many of them put back what somebody else had changed.
    pub(super) drift: usize,
    /// Whether a learner goes or changes: what it taught may appear once more.
    pub(super) revokes: bool,
    /// The cookies of learners that went.
    pub(super) orphans: Orphans,
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
    /// differs from that is somebody else's doing. `leftover` are cookies of learners that went a moment ago.
    pub(super) fn new(
        desired: &Compiled,
        before: Option<&Compiled>,
        actual: &Actual<'_>,
        leftover: &Orphans,
    ) -> Self {
        let flows = actual.flows_as(desired, |standing| standing == Standing::Good);
        let has = desired.learners().cookies();
        // A learner may have ended by itself, a moment before it is taken away.
        let mut had = Learners::of(&*flows).cookies();
        had.extend(before.into_iter().flat_map(|before| before.learners().cookies()));
        let gone: Orphans = had.difference(&has).copied().collect();

        let mods = differing(desired, &flows, actual, before);
        if mods.is_empty() && actual.groups.is_empty() && gone.is_empty() {
            return Self::default();
        }
        let drift = before.map_or(0, |before| {
            // What is only to be armed again is nobody's doing.
            let flows = actual.flows_as(before, |standing| standing != Standing::Other);
            let mods = differing(before, &flows, actual, Some(before));
            let leftover = |m: &&FlowMod| {
                m.command == FlowModCommand::DeleteStrict && leftover.iter().any(|(t, _)| *t == m.table_id)
            };
            mods.len() - mods.iter().filter(leftover).count() + actual.groups.len()
        });

        let revokes = !gone.is_empty() || touches_learner(&mods, &*flows);
        let orphans: Orphans = gone.union(leftover).copied().filter(|c| !has.contains(c)).collect();
        let fixed: BTreeSet<(TableId, Cookie)> =
            desired.program.flows().map(|f| (f.table, f.cookie)).collect();

        let mut messages: Vec<Message> = mods.into_iter().map(Message::FlowMod).collect();
        // A cookie that a desired flow of that table has too is no way to tell the learned ones: those go one by one.
        messages.extend(orphans.difference(&fixed).map(|(table, cookie)| {
            Message::FlowMod(FlowMod {
                table_id: *table,
                cookie: *cookie,
                cookie_mask: u64::MAX,
                command: FlowModCommand::Delete,
                ..FlowMod::default()
            })
        }));
        // After the flows, which a group takes along when it goes.
        messages.extend(actual.groups.iter().map(|group| {
            Message::GroupMod(GroupMod {
                command: GroupModCommand::Delete,
                kind: GroupType::All,
                group_id: *group,
                buckets: Vec::new(),
            })
        }));
        Self { messages, drift, revokes, orphans }
    }

    /// The changes from what is in force to what is desired, for a switch that has what is in force: only the parts that
    /// differ are looked at. None where that is not enough to tell. What ends by the clock depends on how long the switch
    /// has it. And where a flow goes, or one that learns is another now, what the switch learned has to be looked at:
    /// perhaps nothing accounts for it any more. What is only added takes the ground from under nothing.
    pub(super) fn between(before: &Compiled, desired: &Compiled) -> Option<Self> {
        let Differing { new, old } = desired.differing(before);
        if new.iter().chain(&old).any(|part| part.timed) {
            return None;
        }
        let flows = || old.iter().flat_map(|part| part.flows());
        let mods = diff(new.iter().flat_map(|part| part.flows()), flows(), |_| false);
        if mods.is_empty()
            || mods.iter().any(|m| m.command != FlowModCommand::Add)
            || touches_learner(&mods, flows())
        {
            return None;
        }
        Some(Self { messages: mods.into_iter().map(Message::FlowMod).collect(), ..Self::default() })
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
    mods.retain_mut(|m| {
        if m.command != FlowModCommand::Add || m.hard_timeout == 0 {
            return true;
        }
        let key = Flow::new(m.table_id, m.priority, flows::FlowMatch::from_wire(&m.fields));
        let Some(left) = desired.left(&key, actual.at) else { return true };
        let ended = left.is_over() && before.is_some_and(|before| before.left(&key, actual.at).is_some());
        match left.timeout().filter(|_| !ended) {
            Some(timeout) => m.hard_timeout = timeout,
            None => return false,
        }
        true
    });
    mods
}

/// Whether a flow that learns is replaced or deleted.
fn touches_learner<'f>(mods: &[FlowMod], flows: impl IntoIterator<Item = &'f Flow>) -> bool {
    let learners = flows.into_iter().filter(|flow| flow.learns().next().is_some());
    let keys: std::collections::HashSet<_> = learners.map(Flow::key).collect();
    mods.iter().any(|m| {
        let matches = flows::FlowMatch::from_wire(&m.fields);
        keys.contains(&(m.table_id, m.priority, &matches))
    })
}
