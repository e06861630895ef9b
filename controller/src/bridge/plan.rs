//! What a round changes.

use std::collections::BTreeSet;

use flows::Flow;
use flows::diff::diff;
use flows::learned::Learners;
use flows::syntax::PortNames;
use ofproto::message::{FlowMod, FlowModCommand, GroupMod, GroupModCommand, GroupType, Message};
use ofproto::{Cookie, GroupId, TableId};

use super::Compiled;

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

impl Plan {
    /// The changes from what the switch has to what is desired. `before` is what was in force, if anything was: what
    /// differs from that is somebody else's doing. `leftover` are cookies of learners that went a moment ago.
    pub(super) fn new(
        desired: &Compiled,
        before: Option<&Compiled>,
        flows: &[Flow],
        groups: &[GroupId],
        leftover: &Orphans,
    ) -> Self {
        let mods = diff(&desired.program.flows, flows, |f| desired.learned(f));
        if mods.is_empty() && groups.is_empty() {
            return Self::default();
        }
        let drift = before.map_or(0, |before| {
            let same = std::ptr::eq(before, desired);
            let others;
            let mods = if same {
                &mods
            } else {
                others = diff(&before.program.flows, flows, |f| before.learned(f));
                &others
            };
            let leftover = |m: &&FlowMod| {
                m.command == FlowModCommand::DeleteStrict && leftover.iter().any(|(t, _)| *t == m.table_id)
            };
            mods.len() - mods.iter().filter(leftover).count() + groups.len()
        });

        let had = Learners::of(flows).cookies();
        let has = desired.learners.cookies();
        let gone: Orphans = had.difference(&has).copied().collect();
        let revokes = !gone.is_empty() || touches_learner(&mods, flows);
        let orphans: Orphans = gone.union(leftover).copied().filter(|c| !has.contains(c)).collect();
        let fixed: BTreeSet<(TableId, Cookie)> =
            desired.program.flows.iter().map(|f| (f.table, f.cookie)).collect();

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
        messages.extend(groups.iter().map(|group| {
            Message::GroupMod(GroupMod {
                command: GroupModCommand::Delete,
                kind: GroupType::All,
                group_id: *group,
                buckets: Vec::new(),
            })
        }));
        Self { messages, drift, revokes, orphans }
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

/// Whether a flow that learns is replaced or deleted.
fn touches_learner(mods: &[FlowMod], flows: &[Flow]) -> bool {
    let learners: Vec<&Flow> =
        flows.iter().filter(|f| !Learners::of(std::iter::once(*f)).cookies().is_empty()).collect();
    let keys: std::collections::HashSet<_> = learners.iter().map(|f| f.key()).collect();
    mods.iter().any(|m| {
        let matches = flows::FlowMatch::from_wire(&m.fields);
        keys.contains(&(m.table_id, m.priority, &matches))
    })
}
