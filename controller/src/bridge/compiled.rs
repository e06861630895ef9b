//! The desired flows of a bridge, indexed for questions about single flows.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flows::Flow;
use flows::compile::{Origin, OriginKind, Program, ProgramPart, mac_pairs};
use flows::runtime::return_flows::{LearnedFlowJudge, Learners};
use flows::runtime::timeouts::{LONGEST, TimeLeft, TimedFlowState, ends_as_desired, timed_flow_state};
use ofproto::{Cookie, TableId};

/// The tables and cookies of learned flows whose learner is gone.
pub(super) type Orphans = BTreeSet<(TableId, Cookie)>;

/// The desired flows of a bridge, by their keys, with their learners.
///
/// The index of a part is kept while the part stays in the program. The index of the whole program
/// is built on first use. A change of the policy never needs it on its way to the switch.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The desired flows and their origins.
    pub program: Program,
    /// The [`ActivePolicy::generation`](crate::active_policy::ActivePolicy::generation) of the
    /// policy that it was compiled from.
    pub generation: u64,
    /// The index of each part of the program.
    parts: Vec<Arc<Indexed>>,
    whole: OnceLock<ProgramTotals>,
    keys: RandomState,
    /// True if flows that the controller learns between two MAC addresses belong to the program.
    learning: bool,
    /// Time of compilation, in seconds since 1970-01-01 UTC. Hard timeouts count from it.
    at: u64,
    /// The longest hard timeout of the program, in seconds.
    longest: u16,
}

/// The index of one part of a program.
#[derive(Debug)]
pub(super) struct Indexed {
    part: Arc<ProgramPart>,
    /// The hashes of the flows' keys.
    hashes: Vec<u64>,
    /// The learners among the part's flows.
    pub(super) learners: Learners,
    /// True if the clock ends any of the flows.
    pub(super) timed: bool,
}

/// The index of all parts of a program together.
#[derive(Debug)]
struct ProgramTotals {
    /// Sorted pairs of a key's hash and the flow's place among all flows.
    flows: Vec<(u64, usize)>,
    /// The place of each part's first flow.
    starts: Vec<usize>,
    judge: LearnedFlowJudge,
    /// The part of each learner, by its cookie.
    parents: HashMap<Cookie, usize>,
}

/// The parts that differ between two programs. All other parts are equal in both.
pub(super) struct ChangedParts<'c> {
    /// Parts of the first program.
    pub(super) new: Vec<&'c Indexed>,
    /// Parts of the second program.
    pub(super) old: Vec<&'c Indexed>,
}

impl Indexed {
    fn new(part: &Arc<ProgramPart>, keys: &RandomState) -> Self {
        let hashes = part.flows.iter().map(|flow| keys.hash_one(flow.key())).collect();
        let timed = part.flows.iter().any(|flow| is_timed(part, flow));
        let learners = Learners::of_part(part);
        Self { hashes, learners, timed, part: Arc::clone(part) }
    }

    /// Returns the flows of the part.
    pub(super) fn flows(&self) -> &[Flow] {
        &self.part.flows
    }
}

/// Returns whether the clock ends a flow. The timeout of a raw line is not the clock's.
fn is_timed(part: &ProgramPart, flow: &Flow) -> bool {
    flow.hard_timeout != 0 && part.origins.get(&flow.cookie).is_none_or(|o| o.kind != OriginKind::Raw)
}

impl Compiled {
    /// Indexes a program whose flows never end.
    pub fn new(program: Program) -> Self {
        Self::default().then(program, 0, LONGEST)
    }

    /// Indexes the program that follows this one. It was compiled at `at`, in seconds since
    /// 1970-01-01 UTC, with hard timeouts of up to `longest` seconds.
    #[must_use]
    pub fn then(&self, program: Program, at: u64, longest: u16) -> Self {
        let had = self.by_network();
        let part =
            |part: &Arc<ProgramPart>| match had.get(&part.network).filter(|had| Arc::ptr_eq(&had.part, part))
            {
                Some(had) => Arc::clone(had),
                None => Arc::new(Indexed::new(part, &self.keys)),
            };
        let parts = program.parts.iter().map(part).collect();
        let keys = self.keys.clone();
        Self { program, generation: 0, parts, whole: OnceLock::new(), keys, learning: false, at, longest }
    }

    /// Sets the generation of the policy that the program was compiled from.
    #[must_use]
    pub fn of_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// Sets whether the bridge is a learning switch.
    #[must_use]
    pub fn learning(self, learning: bool) -> Self {
        Self { learning, ..self }
    }

    fn by_network(&self) -> HashMap<Option<u16>, &Arc<Indexed>> {
        self.parts.iter().map(|indexed| (indexed.part.network, indexed)).collect()
    }

    fn whole(&self) -> &ProgramTotals {
        self.whole.get_or_init(|| {
            let parts = || self.parts.iter().enumerate();
            let hashes = self.parts.iter().flat_map(|part| &part.hashes);
            let mut flows: Vec<(u64, usize)> = hashes.copied().zip(0..).collect();
            flows.sort_unstable();
            let lengths = self.parts.iter().map(|part| part.flows().len());
            let starts = lengths.scan(0, |next, length| Some(std::mem::replace(next, *next + length)));
            let starts = starts.collect();
            let parents =
                parts().flat_map(|(n, part)| part.learners.parents().map(move |cookie| (cookie, n)));
            let learners = self.parts.iter().map(|part| &part.learners);
            let learners = Learners::joined(learners, &self.program.parts);
            let judge = LearnedFlowJudge::with(learners, &self.program.parts);
            ProgramTotals { flows, starts, judge, parents: parents.collect() }
        })
    }

    /// Returns the place, among all desired flows, of the one with the key of `flow`. Of two such
    /// flows the last counts, as it does for a switch.
    pub(super) fn find(&self, flow: &Flow) -> Option<usize> {
        let hash = self.keys.hash_one(flow.key());
        let all = &self.whole().flows;
        let end = all.partition_point(|(h, _)| *h <= hash);
        let mut alike = all.get(..end)?.iter().rev().take_while(|(h, _)| *h == hash).map(|(_, place)| *place);
        alike.find(|place| self.at(*place).is_some_and(|(_, twin)| twin.key() == flow.key()))
    }

    /// Returns the desired flow at a place among all of them, with its part.
    pub(super) fn at(&self, place: usize) -> Option<(&Indexed, &Flow)> {
        let starts = &self.whole().starts;
        let part = starts.partition_point(|start| *start <= place).checked_sub(1)?;
        let indexed = self.parts.get(part)?;
        Some((indexed, indexed.flows().get(place.checked_sub(*starts.get(part)?)?)?))
    }

    /// Returns the desired flow with the key of `flow`, and its part.
    fn twin_in(&self, flow: &Flow) -> Option<(&Indexed, &Flow)> {
        self.at(self.find(flow)?)
    }

    /// Returns the desired flow that has the key of `flow`.
    pub fn twin(&self, flow: &Flow) -> Option<&Flow> {
        self.twin_in(flow).map(|(_, twin)| twin)
    }

    /// Returns the judge of learned flows, which knows all learners of the program.
    pub fn judge(&self) -> &LearnedFlowJudge {
        &self.whole().judge
    }

    /// Returns whether the controller learned the flow, or a learner of the program accounts for
    /// it.
    pub fn learned(&self, flow: &Flow) -> bool {
        self.judge().accounts_for(flow).is_some() || self.learned_by_us(flow)
    }

    fn learned_by_us(&self, flow: &Flow) -> bool {
        self.learning && mac_pairs::learned(flow).is_some()
    }

    /// Returns the origin of a flow. A learned flow has the origin of its learner.
    pub fn origin(&self, flow: &Flow) -> Option<&Origin> {
        self.whence(flow).map(|(origin, _)| origin)
    }

    /// Returns the origin of a flow, and whether the flow is learned.
    pub fn whence(&self, flow: &Flow) -> Option<(&Origin, bool)> {
        if let Some((indexed, twin)) = self.twin_in(flow) {
            return Some((indexed.part.origins.get(&twin.cookie)?, false));
        }
        if self.learned_by_us(flow) {
            let mut origins = self.program.origins().map(|(_, origin)| origin);
            let asks = origins.find(|origin| origin.kind == OriginKind::Learning && origin.reason.is_none());
            return asks.map(|origin| (origin, true));
        }
        let parent = self.judge().accounts_for(flow)?;
        let indexed = self.parts.get(*self.whole().parents.get(&parent)?)?;
        Some((indexed.part.origins.get(&parent)?, true))
    }

    /// Returns the time that the desired flow with the key of `flow` has left at `now` (since
    /// 1970-01-01 UTC).
    ///
    /// Returns `None` if that flow never ends, or if there is no such flow. It also does for a raw
    /// line, whose timeout is the author's own business.
    pub fn left(&self, flow: &Flow, now: Duration) -> Option<TimeLeft> {
        let (_, twin) = self.twin_in(flow).filter(|(indexed, twin)| is_timed(&indexed.part, twin))?;
        Some(TimeLeft::after(twin.hard_timeout, self.elapsed(now), self.longest))
    }

    /// Compares a flow of that `age` on the switch with its desired twin. Returns `None` if the
    /// twin never ends.
    pub fn timed_flow_state(&self, flow: &Flow, age: Duration, now: Duration) -> Option<TimedFlowState> {
        Some(timed_flow_state(flow.hard_timeout, age, self.left(flow, now)?, self.longest))
    }

    /// Returns whether a flow of that `age` ends when its desired twin does, or `None` if the twin
    /// never ends.
    pub fn ends_as_desired(&self, flow: &Flow, age: Duration, now: Duration) -> Option<bool> {
        Some(ends_as_desired(flow.hard_timeout, age, self.left(flow, now)?))
    }

    /// Returns a flow with the timeout of its twin if the two end `alike`, otherwise without a
    /// timeout.
    pub fn timed_like_twin(&self, mut flow: Flow, alike: bool) -> Flow {
        flow.hard_timeout = self.twin(&flow).filter(|_| alike).map_or(0, |twin| twin.hard_timeout);
        flow
    }

    /// Returns whether the clock ends any of the flows.
    pub fn has_ends(&self) -> bool {
        self.parts.iter().any(|part| part.timed)
    }

    /// Returns whether any flow has the longest timeout. Such a flow may end too early and has to
    /// be armed again.
    pub fn ends_early(&self) -> bool {
        let early = |part: &Indexed, f: &Flow| f.hard_timeout >= self.longest && is_timed(&part.part, f);
        self.parts.iter().filter(|part| part.timed).any(|part| part.flows().iter().any(|f| early(part, f)))
    }

    /// Returns whether another program has equal flows that end at the same times.
    pub fn desires_same(&self, other: &Self) -> bool {
        let ChangedParts { new, old } = self.differing(other);
        new.is_empty() && old.is_empty()
    }

    /// Returns the parts in which this program differs from another.
    pub(super) fn differing<'c>(&'c self, other: &'c Self) -> ChangedParts<'c> {
        let mut had = other.by_network();
        let mut new = Vec::new();
        let mut old = Vec::new();
        for part in &self.parts {
            let before = had.remove(&part.part.network);
            if before.is_some_and(|before| self.same(part, other, before)) {
                continue;
            }
            new.push(&**part);
            old.extend(before.map(|before| &**before));
        }
        old.extend(had.into_values().map(|gone| &**gone));
        let verbatim = |part: &&Indexed| part.part.verbatim;
        // Raw lines may share keys with flows of any other part, so all parts have to be compared.
        if new.iter().chain(&old).next().is_some()
            && self.parts.iter().chain(&other.parts).map(|part| &**part).any(|part| verbatim(&part))
        {
            let all = |compiled: &'c Self| compiled.parts.iter().map(|part| &**part).collect();
            return ChangedParts { new: all(self), old: all(other) };
        }
        ChangedParts { new, old }
    }

    /// Returns the tables and cookies of the learners in `old` parts that this program lacks. `new`
    /// and `old` are the parts that differ.
    pub(super) fn orphans(&self, new: &[&Indexed], old: &[&Indexed]) -> Orphans {
        let mut gone: Orphans = old.iter().flat_map(|part| part.learners.cookies()).collect();
        for part in new {
            part.learners.cookies().iter().for_each(|cookie| _ = gone.remove(cookie));
        }
        if !gone.is_empty() {
            // Raw lines may have the cookies of other learners.
            let has = |cookie: &_| self.parts.iter().any(|part| part.learners.has(cookie));
            gone.retain(|cookie| !has(cookie));
        }
        gone
    }

    /// Returns whether a part equals a part of another program, and its flows end at the same
    /// times.
    fn same(&self, part: &Arc<Indexed>, other: &Self, before: &Arc<Indexed>) -> bool {
        if Arc::ptr_eq(part, before) && (!part.timed || self.at == other.at) {
            return true;
        }
        let (mine, others) = (part.flows(), before.flows());
        mine.len() == others.len()
            && mine.iter().zip(others).all(|(a, b)| {
                let timed = is_timed(&part.part, a);
                a == b && !timed
                    || timed
                        && is_timed(&before.part, b)
                        && self.end(a) == other.end(b)
                        && Flow { hard_timeout: b.hard_timeout, ..a.clone() } == *b
            })
    }

    /// Returns a flow of another program, with the timeout of its twin if both end at the same
    /// time.
    pub(super) fn ending_alike<'f>(&self, other: &Self, part: &Indexed, flow: &'f Flow) -> Cow<'f, Flow> {
        let alike = |(mine, twin): &(&Indexed, &Flow)| {
            is_timed(&mine.part, twin) && self.end(twin) == other.end(flow)
        };
        match part.timed && is_timed(&part.part, flow) {
            false => Cow::Borrowed(flow),
            true => match self.twin_in(flow).filter(alike) {
                Some((_, twin)) => Cow::Owned(Flow { hard_timeout: twin.hard_timeout, ..flow.clone() }),
                None => Cow::Borrowed(flow),
            },
        }
    }

    fn elapsed(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_secs(self.at))
    }

    /// Returns the end of a flow, in seconds since 1970-01-01 UTC. Returns `None` if the end lies
    /// beyond the longest timeout.
    fn end(&self, flow: &Flow) -> Option<u64> {
        (flow.hard_timeout < self.longest).then(|| self.at.saturating_add(flow.hard_timeout.into()))
    }
}
