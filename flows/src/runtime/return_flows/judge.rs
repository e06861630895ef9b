//! The learners of a program, judged within that program.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flow_model::Flow;
use ofproto::oxm::Field;
use ofproto::{Cookie, TableId};

use super::openers::Openers;
use super::{AdmittedSenders, Learner, Learners};
use crate::compile::ProgramPart;

/// The number of remembered answers. A switch holds at most a few learned conversations for each
/// pair of parties.
const REMEMBERED: usize = 1 << 17;

/// The judge of the learned flows that a program accounts for: see the [module](super).
#[derive(Debug, Default)]
pub struct LearnedFlowJudge {
    learners: Learners,
    parts: Vec<Arc<ProgramPart>>,
    /// Built for the first judged flow.
    openers: OnceLock<Openers>,
    answers: Mutex<HashMap<JudgedCopy, bool>>,
}

/// A learner, by its address, and its copied values.
type JudgedCopy = (usize, Box<[u128]>);

impl LearnedFlowJudge {
    /// Returns the judge of the parts of one program.
    pub fn new(parts: &[Arc<ProgramPart>]) -> Self {
        let learners: Vec<Learners> = parts.iter().map(|part| Learners::of_part(part)).collect();
        Self::with(Learners::joined(&learners, parts), parts)
    }

    /// Returns the judge of parts whose learners are known.
    pub fn with(learners: Learners, parts: &[Arc<ProgramPart>]) -> Self {
        Self { learners, parts: parts.to_vec(), ..Self::default() }
    }

    /// Returns the cookie of the flow that learned `flow`, if there is one. A live learner must be
    /// able to write the flow. Except for raw lines, a packet must exist that would still teach it.
    pub fn accounts_for(&self, flow: &Flow) -> Option<Cookie> {
        let candidates = self.learners.by_cookie.get(&(flow.table, flow.cookie))?;
        let fits = |learner: &&Arc<Learner>| match learner.raw {
            true => learner.accounts_for(flow, &self.learners.senders),
            false => learner.accounts_for(flow, &AdmittedSenders::new()) && self.arises(learner, flow),
        };
        candidates.iter().find(fits).map(|learner| learner.parent)
    }

    /// Returns the maximum number of flows with that cookie in a table, if a learner's `limit` sets
    /// it.
    pub fn limit(&self, table: TableId, cookie: Cookie) -> Option<u32> {
        self.learners.limit(table, cookie)
    }

    /// Returns the cookies of the flows that learn, once for each of their learners.
    pub fn parents(&self) -> impl Iterator<Item = Cookie> {
        self.learners.parents()
    }

    /// Returns the tables of learned flows.
    pub fn tables(&self) -> BTreeSet<TableId> {
        self.learners.tables()
    }

    /// Returns the table and cookie of learned flows.
    pub fn cookies(&self) -> BTreeSet<(TableId, Cookie)> {
        self.learners.cookies()
    }

    /// Returns the table and cookie of learners that packets with this header value reached in
    /// `before` and do not reach now. Raw lines are excluded. A learner is left out if the packets
    /// still reach an equivalent one. If the search exceeds its limit, the result is empty.
    pub fn lost(&self, before: &Self, field: Field, value: u128) -> BTreeSet<(TableId, Cookie)> {
        let reached = (before.openers().reached(field, value), self.openers().reached(field, value));
        let (Some(had), Some(has)) = reached else { return BTreeSet::new() };
        let stays = |learner: &Arc<Learner>| {
            has.iter().any(|other| {
                learner.learn.specs == other.learn.specs && learner.seen.overlaps(&other.seen)
                    || (learner.learn.table, learner.learn.cookie) == (other.learn.table, other.learn.cookie)
            })
        };
        let lost = had.into_iter().filter(|learner| !learner.raw && !stays(learner));
        lost.map(|learner| (learner.learn.table, learner.learn.cookie)).collect()
    }

    fn openers(&self) -> &Openers {
        self.openers.get_or_init(|| {
            let mut by_parent: HashMap<Cookie, Vec<Arc<Learner>>> = HashMap::new();
            for learner in self.learners.by_cookie.values().flatten() {
                by_parent.entry(learner.parent).or_default().push(Arc::clone(learner));
            }
            Openers::new(&self.parts, |flow| {
                let all = by_parent.get(&flow.cookie).into_iter().flatten();
                let its = all.filter(|l| l.at == flow.table && l.seen == flow.matches);
                its.cloned().collect()
            })
        })
    }

    /// Returns whether a packet would teach the flow now.
    fn arises(&self, learner: &Arc<Learner>, flow: &Flow) -> bool {
        let openers = self.openers();
        let question = (Arc::as_ptr(learner).addr(), openers.key(learner, flow));
        let answers = || self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers().get(&question) {
            return *answer;
        }
        let answer = openers.would_teach(learner, flow);
        let mut answers = answers();
        if answers.len() >= REMEMBERED {
            answers.clear();
        }
        answers.insert(question, answer);
        answer
    }
}
