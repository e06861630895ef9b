//! The learners of a program, and the program that they stand in.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flow_model::Flow;
use ofproto::oxm::Field;
use ofproto::{Cookie, TableId};

use super::openers::Openers;
use super::{AdmittedSenders, Learner, Learners};
use crate::compile::ProgramPart;

/// So many answers are remembered. What a switch can hold of learned flows are some conversations of each pair of parties.
const REMEMBERED: usize = 1 << 17;

/// Which learned flows a program accounts for: see the [module](super).
#[derive(Debug, Default)]
pub struct LearnedFlowJudge {
    learners: Learners,
    parts: Vec<Arc<ProgramPart>>,
    /// Made when the first flow is judged.
    openers: OnceLock<Openers>,
    answers: Mutex<HashMap<JudgedCopy, bool>>,
}

/// A learner, by its address, and what it copied.
type JudgedCopy = (usize, Box<[u128]>);

impl LearnedFlowJudge {
    /// Of the parts of one program.
    pub fn new(parts: &[Arc<ProgramPart>]) -> Self {
        let learners: Vec<Learners> = parts.iter().map(|part| Learners::of_part(part)).collect();
        Self::with(Learners::joined(&learners, parts), parts)
    }

    /// The same, where the parts' learners are known.
    pub fn with(learners: Learners, parts: &[Arc<ProgramPart>]) -> Self {
        Self { learners, parts: parts.to_vec(), ..Self::default() }
    }

    /// The cookie of the flow that learned `flow`, if there is one: of a live learner that could have written it, and, but for
    /// raw lines, by a packet that would write it still.
    pub fn accounts_for(&self, flow: &Flow) -> Option<Cookie> {
        let candidates = self.learners.by_cookie.get(&(flow.table, flow.cookie))?;
        let fits = |learner: &&Arc<Learner>| match learner.raw {
            true => learner.accounts_for(flow, &self.learners.senders),
            false => learner.accounts_for(flow, &AdmittedSenders::new()) && self.arises(learner, flow),
        };
        candidates.iter().find(fits).map(|learner| learner.parent)
    }

    /// Returns how many flows with that cookie a table may have, where a learner's `limit` says so.
    pub fn limit(&self, table: TableId, cookie: Cookie) -> Option<u32> {
        self.learners.limit(table, cookie)
    }

    /// The cookies of the flows that learn; one that learns several times is told several times.
    pub fn parents(&self) -> impl Iterator<Item = Cookie> {
        self.learners.parents()
    }

    /// The tables that learned flows are in.
    pub fn tables(&self) -> BTreeSet<TableId> {
        self.learners.tables()
    }

    /// Table and cookie of learned flows.
    pub fn cookies(&self) -> BTreeSet<(TableId, Cookie)> {
        self.learners.cookies()
    }

    /// Table and cookie of learners, not of raw lines, that packets with this in a header field got to as the program was
    /// `before`, and do not get to now. One that is as good as another which they still get to is left out, and where that is
    /// too much to look at there is none.
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

    /// Whether a packet would teach the flow now.
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
