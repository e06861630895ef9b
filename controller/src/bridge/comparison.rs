//! Compares the installed flows with the desired flows while the parts of a reply arrive. Learned
//! flows and flows that are as desired are not kept. Of a foreign flow only the fields needed to
//! delete it are kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use flows::diff::{Deleted, changes, same};
use flows::runtime::timeouts::TimedFlowState;
use flows::{Flow, FlowMatch};
use ofproto::message::{FlowMod, FlowModCommand, GroupMod, GroupModCommand, GroupType, Message};
use ofproto::oxm::Match;
use ofproto::{Cookie, GroupId, Reader, TableId, Wire as _, Writer};

use super::Compiled;
use super::compiled::Orphans;
use super::plan::{Plan, for_what_is_left, lets_less, teaches_nobody};
use super::revoked_flows::{self, Group, Revoked};

/// Number of foreign flows that one round deletes. The next round finds more.
const FOREIGN: usize = 1 << 15;

/// The comparison of one read with the flows that were desired when it began.
#[derive(Debug)]
pub(super) struct Comparison {
    desired: InstalledMarks,
    /// The program installed before, if it differs from the desired one or its flows may end. A
    /// flow that differs from it is a foreign change.
    before: Option<InstalledMarks>,
    /// Installed flows with the key of a desired flow but other contents, by the place of the
    /// desired one.
    changed: BTreeMap<usize, Flow>,
    foreign: Vec<ForeignFlow>,
    /// Number of foreign flows beyond those that are kept.
    beyond: usize,
    /// Table and cookie of the flows that foreign flows teach, by their place in `foreign`.
    taught: BTreeMap<usize, Vec<(TableId, Cookie)>>,
    /// Number of flows that differ from `before`, and were not revoked a moment ago.
    drift: usize,
    /// Hashes of the groups of learned flows that stay. `None` if no learned flows are expected to
    /// go.
    stays: Option<HashSet<u64>>,
    keys: RandomState,
    flows: u64,
}

/// The installed flows of a program.
#[derive(Debug)]
struct InstalledMarks {
    compiled: Arc<Compiled>,
    there: Vec<bool>,
}

/// The relation of an installed flow to a program.
enum FlowRelation {
    /// The flow is as desired.
    AsDesired,
    /// The flow has the key of the desired flow at this place, but differs. It carries the desired
    /// timeout if it ends with the desired flow.
    Differs(usize, Flow),
    /// A flow of the program taught the flow.
    Learned,
    Foreign,
}

/// A foreign flow to delete.
#[derive(Debug)]
struct ForeignFlow {
    table: TableId,
    priority: u16,
    drops: bool,
    /// True if the flow let packets pass, which its deletion may deny.
    passes: bool,
    left_behind: bool,
    cookie: Cookie,
    /// The match of the flow, encoded as on the wire.
    matches: Box<[u8]>,
}

impl InstalledMarks {
    fn new(compiled: &Arc<Compiled>) -> Self {
        let there = vec![false; compiled.program.flows().count()];
        Self { compiled: Arc::clone(compiled), there }
    }

    fn take(
        &mut self,
        flow: &Flow,
        age: Duration,
        at: Duration,
        good: fn(TimedFlowState) -> bool,
    ) -> FlowRelation {
        let Some(place) = self.compiled.find(flow) else {
            return if self.compiled.learned(flow) { FlowRelation::Learned } else { FlowRelation::Foreign };
        };
        let standing =
            self.compiled.has_ends().then(|| self.compiled.timed_flow_state(flow, age, at)).flatten();
        let flow = match standing {
            Some(standing) => Cow::Owned(self.compiled.timed_like_twin(flow.clone(), good(standing))),
            None => Cow::Borrowed(flow),
        };
        let is_same = self.compiled.at(place).is_some_and(|(_, desired)| same(&flow, desired));
        if let Some(there) = self.there.get_mut(place) {
            *there = is_same;
        }
        if is_same { FlowRelation::AsDesired } else { FlowRelation::Differs(place, flow.into_owned()) }
    }

    /// Returns the desired flows that are not installed, in the program's order. Of two flows with
    /// one key the last counts.
    fn missing(&self) -> impl Iterator<Item = &Flow> {
        let flows = self.compiled.program.flows().zip(&self.there).enumerate();
        let missing = flows.filter(|(_, (_, there))| !**there).map(|(place, (flow, _))| (place, flow));
        missing.filter(|(place, flow)| self.compiled.find(flow) == Some(*place)).map(|(_, flow)| flow)
    }

    /// Returns the number of changes that restore all missing flows at that time, without those
    /// that may have ended.
    fn to_put_back(&self, at: Duration) -> usize {
        let mut mods: Vec<FlowMod> =
            self.missing().map(|flow| flow.to_flow_mod(FlowModCommand::Add)).collect();
        for_what_is_left(&mut mods, &self.compiled, Some(&self.compiled), at);
        mods.len()
    }
}

impl ForeignFlow {
    fn new(flow: &Flow, left_behind: bool) -> Self {
        let mut w = Writer::new();
        // A decoded match can be encoded again.
        let encoded = flow.matches.to_wire().encode(&mut w);
        debug_assert!(encoded.is_ok(), "{encoded:?}");
        Self {
            table: flow.table,
            priority: flow.priority,
            drops: flow.drops(),
            passes: !(flow.drops() || teaches_nobody(flow)),
            left_behind,
            cookie: flow.cookie,
            matches: w.as_slice().into(),
        }
    }

    /// Returns the flow, without its instructions.
    fn flow(&self) -> Flow {
        let fields = Match::decode(&mut Reader::new(&self.matches)).unwrap_or_default();
        let mut flow = Flow::new(self.table, self.priority, FlowMatch::from_wire(&fields));
        flow.cookie = self.cookie;
        flow
    }
}

impl Comparison {
    /// Begins a comparison with the desired flows. `before` is the program installed until now, if
    /// there is one.
    pub(super) fn new(desired: &Arc<Compiled>, before: Option<&Arc<Compiled>>, revoked: bool) -> Self {
        let changes = before.is_none_or(|before| !Arc::ptr_eq(before, desired));
        Self {
            desired: InstalledMarks::new(desired),
            before: before.filter(|before| changes || before.has_ends()).map(InstalledMarks::new),
            changed: BTreeMap::new(),
            foreign: Vec::new(),
            beyond: 0,
            taught: BTreeMap::new(),
            drift: 0,
            stays: (changes || revoked).then(HashSet::new),
            keys: RandomState::new(),
            flows: 0,
        }
    }

    /// Returns the desired program.
    pub(super) fn desired(&self) -> &Arc<Compiled> {
        &self.desired.compiled
    }

    /// Returns the number of installed flows.
    pub(super) fn flows(&self) -> u64 {
        self.flows
    }

    /// Counts a flow that is compared elsewhere.
    pub(super) fn pass_over(&mut self) {
        self.flows += 1;
    }

    /// Compares an installed flow of that `age`. `at` is the time since 1970-01-01 UTC.
    pub(super) fn take(&mut self, flow: &Flow, age: Duration, at: Duration, revoked: Option<&Revoked>) {
        self.flows += 1;
        let left_behind = || revoked.is_some_and(|revoked| revoked.left_behind(flow));
        if let Some(before) = &mut self.before {
            // A flow whose timeout only has to be set again is not drift.
            let found = before.take(flow, age, at, |standing| standing != TimedFlowState::Other);
            self.drift += usize::from(matches!(found, FlowRelation::Foreign) && !left_behind());
        }
        match self.desired.take(flow, age, at, |standing| standing == TimedFlowState::Good) {
            FlowRelation::AsDesired => {}
            FlowRelation::Differs(place, flow) => _ = self.changed.insert(place, flow),
            FlowRelation::Learned => {
                if let Some(stays) = &mut self.stays {
                    stays.extend(Group::of(flow).map(|group| self.keys.hash_one(group)));
                }
            }
            FlowRelation::Foreign if self.foreign.len() >= FOREIGN => self.beyond += 1,
            FlowRelation::Foreign => {
                let learns: Vec<_> = flow.learns().map(|learn| (learn.table, learn.cookie)).collect();
                if !learns.is_empty() {
                    self.taught.insert(self.foreign.len(), learns);
                }
                self.foreign.push(ForeignFlow::new(flow, left_behind()));
            }
        }
    }

    /// Returns the changes that lead to the desired flows, and whether more flows must be deleted
    /// afterwards. `before` is the program installed until now.
    pub(super) fn plan(
        self,
        before: Option<&Arc<Compiled>>,
        groups: &[GroupId],
        at: Duration,
        revoked: Option<&Revoked>,
    ) -> Plan {
        let desired = &*self.desired.compiled;
        let has = desired.judge().cookies();
        // A learner may have ended by itself, a moment before it is taken away.
        let changed =
            self.changed.iter().filter(|(place, _)| self.desired.there.get(**place) == Some(&false));
        let changed: Vec<&Flow> = changed.map(|(_, flow)| flow).collect();
        let learned = changed.iter().flat_map(|flow| flow.learns()).map(|learn| (learn.table, learn.cookie));
        let mut had: Orphans = learned.chain(self.taught.values().flatten().copied()).collect();
        had.extend(before.into_iter().flat_map(|before| before.judge().cookies()));
        let gone: Orphans = had.difference(&has).copied().collect();

        let goes: Vec<Flow> = self.foreign.iter().map(ForeignFlow::flow).collect();
        let deleted = goes.iter().zip(&self.foreign).enumerate().map(|(n, (flow, foreign))| Deleted {
            flow,
            drops: foreign.drops,
            learns: self.taught.get(&n).map_or(&[][..], Vec::as_slice),
        });
        let mut mods = changes(self.desired.missing(), deleted);
        for_what_is_left(&mut mods, desired, before.map(|before| &**before), at);
        if mods.is_empty() && groups.is_empty() && gone.is_empty() {
            return Plan::default();
        }
        let left_behind = self.foreign.iter().filter(|foreign| foreign.left_behind).count();
        let drift = groups.len()
            + match (before, &self.before) {
                (None, _) => 0,
                (Some(_), None) => mods.len() - left_behind,
                (Some(_), Some(before)) => self.drift + before.to_put_back(at),
            };
        let differs = before.is_none_or(|before| !Arc::ptr_eq(before, &self.desired.compiled));
        let counts = |flow: &Flow| differs || flow.learns().next().is_some();
        let touched = super::plan::touched(&mods, changed.iter().copied());
        let revokes = !gone.is_empty()
            || left_behind > 0
            || self
                .foreign
                .iter()
                .enumerate()
                .any(|(n, foreign)| foreign.passes && (differs || self.taught.contains_key(&n)))
            || touched.into_iter().any(|(m, flow)| lets_less(m, flow) && counts(flow));
        let leftover = revoked.into_iter().flat_map(|revoked| &revoked.orphans);
        let orphans: Orphans = gone.iter().chain(leftover).copied().filter(|c| !has.contains(c)).collect();

        let stays = |group: &Group| {
            self.stays.as_ref().is_none_or(|stays| stays.contains(&self.keys.hash_one(group)))
        };
        revoked_flows::together(&mut mods, &goes, stays, desired);
        mods.extend(revoked_flows::by_cookie(&orphans, desired));
        let mut messages: Vec<Message> = mods.into_iter().map(Message::FlowMod).collect();
        // Groups go after the flows, because deleting a group deletes the flows that use it.
        messages.extend(groups.iter().map(|group| {
            Message::GroupMod(GroupMod {
                command: GroupModCommand::Delete,
                kind: GroupType::All,
                group_id: *group,
                buckets: Vec::new(),
            })
        }));
        Plan { messages, drift, revokes, orphans, gone: Vec::new(), more: self.beyond > 0, read_began: None }
    }
}
