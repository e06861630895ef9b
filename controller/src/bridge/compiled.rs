//! A compiled program, ready to be asked about single flows.

use std::collections::HashMap;
use std::time::Duration;

use flows::compile::{Origin, OriginKind, Program};
use flows::learned::Learners;
use flows::timed::{LONGEST, Left, Standing, standing};
use flows::{Flow, FlowMatch};
use ofproto::TableId;

/// The desired flows of a bridge, by their keys, with their learners.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The flows and where they come from.
    pub program: Program,
    /// The learners among them.
    pub learners: Learners,
    /// What it was compiled from: [`InForce::generation`](crate::in_force::InForce::generation).
    pub generation: u64,
    index: HashMap<(TableId, u16, FlowMatch), usize>,
    /// When it was compiled, in seconds since 1970-01-01 UTC: hard timeouts count from then.
    at: u64,
    /// The longest hard timeout that it was compiled with.
    longest: u16,
    has_ends: bool,
}

impl Compiled {
    /// Indexes a program in which nothing ends.
    pub fn new(program: Program) -> Self {
        Self::at(program, 0, LONGEST)
    }

    /// Indexes a program that was compiled `at` so many seconds since 1970-01-01 UTC, with hard timeouts of up to
    /// `longest` seconds.
    pub fn at(program: Program, at: u64, longest: u16) -> Self {
        // Of two flows with one key the last counts, as it does for a switch.
        let index = program.flows.iter().enumerate();
        let index = index.map(|(i, f)| ((f.table, f.priority, f.matches.clone()), i)).collect();
        let learners = Learners::of(&program.flows);
        let mut this = Self { learners, index, generation: 0, program, at, longest, has_ends: false };
        this.has_ends = this.program.flows.iter().any(|flow| this.is_timed(flow));
        this
    }

    /// The same, compiled from the policy of that number.
    #[must_use]
    pub fn of_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// The desired flow that has the key of `flow`.
    pub fn twin(&self, flow: &Flow) -> Option<&Flow> {
        let key = (flow.table, flow.priority, flow.matches.clone());
        self.index.get(&key).and_then(|i| self.program.flows.get(*i))
    }

    /// Whether a live learner accounts for the flow.
    pub fn learned(&self, flow: &Flow) -> bool {
        self.learners.accounts_for(flow).is_some()
    }

    /// Where a flow comes from; a learned one comes from where its learner does.
    pub fn origin(&self, flow: &Flow) -> Option<&Origin> {
        let cookie = match self.twin(flow) {
            Some(twin) => twin.cookie,
            None => self.learners.accounts_for(flow)?,
        };
        self.program.origins.get(&cookie)
    }

    /// How long the desired flow that has the key of `flow` is desired from `now` on (since 1970-01-01 UTC); none if it has
    /// no end, or is no desired flow. What the timeout of a raw line means is up to who wrote it.
    pub fn left(&self, flow: &Flow, now: Duration) -> Option<Left> {
        let twin = self.twin(flow).filter(|twin| self.is_timed(twin))?;
        Some(Left::after(twin.hard_timeout, self.elapsed(now), self.longest))
    }

    /// How a flow that the switch has since `age` stands to its desired twin, where that has an end.
    pub fn standing(&self, flow: &Flow, age: Duration, now: Duration) -> Option<Standing> {
        Some(standing(flow.hard_timeout, age, self.left(flow, now)?, self.longest))
    }

    /// A flow with the timeout of its twin, or with none where it ends otherwise.
    pub fn timed_like_twin(&self, mut flow: Flow, alike: bool) -> Flow {
        flow.hard_timeout = self.twin(&flow).filter(|_| alike).map_or(0, |twin| twin.hard_timeout);
        flow
    }

    /// Whether the clock ends any of its flows.
    pub fn has_ends(&self) -> bool {
        self.has_ends
    }

    /// Whether it has flows that end before they should, and have to be armed again.
    pub fn ends_early(&self) -> bool {
        self.has_ends && self.program.flows.iter().any(|f| self.is_timed(f) && f.hard_timeout >= self.longest)
    }

    /// Whether another program's flows are the same, and end alike.
    pub fn desires_same(&self, other: &Self) -> bool {
        let (mine, others) = (&self.program.flows, &other.program.flows);
        mine.len() == others.len()
            && mine.iter().zip(others).all(|(a, b)| {
                a == b && !self.is_timed(a)
                    || self.is_timed(a)
                        && other.is_timed(b)
                        && self.end(a) == other.end(b)
                        && Flow { hard_timeout: b.hard_timeout, ..a.clone() } == *b
            })
    }

    fn is_timed(&self, flow: &Flow) -> bool {
        flow.hard_timeout != 0
            && self.program.origins.get(&flow.cookie).is_none_or(|o| o.kind != OriginKind::Raw)
    }

    fn elapsed(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_secs(self.at))
    }

    /// When a flow ends, in seconds since 1970-01-01 UTC; none where that is later than its timeout can say.
    fn end(&self, flow: &Flow) -> Option<u64> {
        (flow.hard_timeout < self.longest).then(|| self.at.saturating_add(flow.hard_timeout.into()))
    }
}
