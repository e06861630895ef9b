//! Commits changes in one ordered atomic bundle, or one by one before a barrier if the switch has
//! no bundles.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use flows::compile::{Program, StaleConnections};
use ofproto::Xid;
use ofproto::message::{
    BUNDLE_ATOMIC, BUNDLE_ORDERED, BundleAdd, BundleControl, BundleControlKind, ErrorMsg, Message,
};

use super::{Bridge, Phase};
use crate::bridge::plan::Plan;
use crate::bridge::revoked_flows::Revoked;
use crate::bridge::{COMMIT_TIMEOUT, Compiled, Notice, PATIENCE, UPCALLS, ct_flush};
use crate::session::{SendError, Session, error_names};

/// Number of consecutive rounds of full size before the rounds slow down.
const PARTIAL_ROUNDS: u32 = 64;

const FLAGS: u16 = BUNDLE_ATOMIC | BUNDLE_ORDERED;

/// A commit under way.
#[derive(Debug)]
pub(super) struct Commit {
    plan: Plan,
    compiled: Arc<Compiled>,
    /// The connections that the switch has to forget.
    stale: BTreeSet<StaleConnections>,
    step: CommitStep,
    /// The first error that names one of the changes.
    error: Option<String>,
    started: Instant,
    pub(super) deadline: Instant,
}

#[derive(Debug, Clone, Copy)]
enum CommitStep {
    /// Connections are being forgotten, before or after the changes. The barrier ends this step.
    Forgetting { first: Xid, xid: Xid, changed: bool, refused: bool },
    /// The bundle is being opened.
    Opening { bundle: u32, xid: Xid },
    /// All messages are sent, and the answer to the commit decides. The changes begin at `first`.
    Committing { bundle: u32, first: Xid, xid: Xid },
    /// All changes are sent without a bundle. The barrier ends this step.
    Barrier { first: Xid, xid: Xid },
}

impl Bridge {
    /// Commits the changes of a plan.
    pub(super) fn commit(&mut self, now: Instant, started: Instant, plan: Plan, session: &mut Session) {
        let compiled = Arc::clone(&self.knowledge.desired);
        self.commit_for(now, started, plan, compiled, session);
    }

    /// Begins a round that leads to the flows of `compiled`.
    pub(super) fn commit_for(
        &mut self,
        now: Instant,
        started: Instant,
        plan: Plan,
        compiled: Arc<Compiled>,
        session: &mut Session,
    ) {
        self.rounds.settled = false;
        self.notices.push_back(Notice::Changing { changes: plan.messages.len(), drift: plan.drift });
        let deadline = now + COMMIT_TIMEOUT;
        let step = CommitStep::Barrier { first: Xid(0), xid: Xid(0) };
        let before = self.knowledge.installed.iter().map(|before| &before.program);
        let programs: Vec<&Program> = before.chain([&compiled.program]).collect();
        let stale = ct_flush::stale(&plan.messages, &programs);
        let commit = Commit { plan, compiled, stale, step, error: None, started, deadline };
        self.forget(now, commit, false, session);
    }

    /// Sends the requests to forget the connections that the changes concern, and starts the next
    /// step.
    fn forget(&mut self, now: Instant, mut commit: Commit, changed: bool, session: &mut Session) {
        let messages = self.abilities.forgets.messages(&commit.stale);
        if messages.is_empty() {
            return self.forgotten(now, commit, changed, session);
        }
        match send_before_barrier(&messages, session) {
            Ok((first, xid)) => {
                commit.step = CommitStep::Forgetting { first, xid, changed, refused: false };
                commit.deadline = now + COMMIT_TIMEOUT;
                self.phase = Phase::Committing(Box::new(commit));
            }
            Err(error) => self.not_sent(now, &error),
        }
    }

    fn forgotten(&mut self, now: Instant, commit: Commit, changed: bool, session: &mut Session) {
        match (changed, self.abilities.bundles) {
            (true, _) => self.done(now, commit),
            (false, true) => self.open(now, commit, session),
            (false, false) => self.change_plainly(now, commit, session),
        }
    }

    fn open(&mut self, now: Instant, mut commit: Commit, session: &mut Session) {
        let bundle = self.abilities.next_bundle;
        self.abilities.next_bundle = self.abilities.next_bundle.wrapping_add(1);
        let Some(xid) = Self::send(session, &control(bundle, BundleControlKind::OpenRequest)) else { return };
        // Opened before all else: a switch without bundles then refuses one message, not thousands.
        commit.step = CommitStep::Opening { bundle, xid };
        commit.deadline = now + COMMIT_TIMEOUT;
        self.phase = Phase::Committing(Box::new(commit));
    }

    pub(super) fn bundle_replied(&mut self, now: Instant, control: &BundleControl, session: &mut Session) {
        let Phase::Committing(commit) = &mut self.phase else { return };
        match (commit.step, control.kind) {
            (CommitStep::Opening { bundle, .. }, BundleControlKind::OpenReply)
                if bundle == control.bundle_id =>
            {
                match commit.fill(bundle, session) {
                    Ok(step) => {
                        commit.step = step;
                        commit.deadline = now + COMMIT_TIMEOUT;
                    }
                    Err(error) => self.not_sent(now, &error),
                }
            }
            (CommitStep::Committing { bundle, .. }, BundleControlKind::CommitReply)
                if bundle == control.bundle_id =>
            {
                self.committed(now, session);
            }
            _ => {}
        }
    }

    fn change_plainly(&mut self, now: Instant, mut commit: Commit, session: &mut Session) {
        match commit.send_plainly(session) {
            Ok(step) => {
                commit.step = step;
                commit.deadline = now + COMMIT_TIMEOUT;
                self.phase = Phase::Committing(Box::new(commit));
            }
            Err(error) => self.not_sent(now, &error),
        }
    }

    pub(super) fn barrier_replied(&mut self, now: Instant, answered: Xid, session: &mut Session) {
        let Phase::Committing(commit) = &mut self.phase else { return };
        match commit.step {
            CommitStep::Barrier { xid, .. } if xid == answered => match commit.error.take() {
                None => self.committed(now, session),
                Some(error) => self.round_failed(now, error),
            },
            CommitStep::Forgetting { xid, changed, refused, .. } if xid == answered => {
                let Phase::Committing(commit) = std::mem::replace(&mut self.phase, Phase::Idle) else {
                    return;
                };
                match refused {
                    true => {
                        self.abilities.forgets = self.abilities.forgets.coarser();
                        self.forget(now, *commit, changed, session);
                    }
                    false => self.forgotten(now, *commit, changed, session),
                }
            }
            _ => {}
        }
    }

    pub(super) fn commit_refused(&mut self, now: Instant, xid: Xid, error: &ErrorMsg, session: &mut Session) {
        let Phase::Committing(commit) = &mut self.phase else { return };
        match commit.step {
            CommitStep::Opening { xid: open, .. } if xid == open => {
                if error.kind != error_names::BAD_REQUEST {
                    return self.round_failed(now, Self::explain("to open a bundle", error));
                }
                self.abilities.bundles = false;
                self.notices.push_back(Notice::Unbundled(error.clone()));
                if let Phase::Committing(commit) = std::mem::replace(&mut self.phase, Phase::Idle) {
                    self.change_plainly(now, *commit, session);
                }
            }
            // A failed commit sends two errors: one for the change, one for the commit.
            CommitStep::Committing { xid: commit_xid, .. } if xid == commit_xid => {
                let why = commit.error.take();
                self.round_failed(now, why.unwrap_or_else(|| Self::explain("a bundle", error)));
            }
            CommitStep::Committing { first, .. } | CommitStep::Barrier { first, .. } => {
                let n = xid.0.wrapping_sub(first.0) as usize;
                if n < commit.plan.messages.len() && commit.error.is_none() {
                    commit.error =
                        Some(Self::explain(&commit.plan.describe(n, &self.attached.ports.names()), error));
                }
            }
            CommitStep::Forgetting { first, xid: end, changed, .. } => {
                if xid.0.wrapping_sub(first.0) < end.0.wrapping_sub(first.0) {
                    commit.step = CommitStep::Forgetting { first, xid: end, changed, refused: true };
                    self.notices.push_back(Notice::Unforgetting(error.clone()));
                }
            }
            CommitStep::Opening { .. } => {}
        }
    }

    fn committed(&mut self, now: Instant, session: &mut Session) {
        let Phase::Committing(commit) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        self.forget(now, *commit, true, session);
    }

    /// Notes that all changes were made.
    fn done(&mut self, now: Instant, commit: Commit) {
        let Commit { plan, compiled, started, .. } = commit;
        let changes = plan.messages.len();
        self.rounds.drift_repaired = self.rounds.drift_repaired.saturating_add(plan.drift as u64);
        self.notices.push_back(Notice::Changed {
            changes,
            drift: plan.drift,
            took: now.saturating_duration_since(started),
        });
        let was = self.knowledge.installed.take();
        let is_first = was.is_none();
        // Flows left from earlier sessions are no drift until all of them are deleted.
        self.knowledge.installed =
            if plan.more && was.is_none() { None } else { Some(Arc::clone(&compiled)) };
        let before = was.filter(|before| !Arc::ptr_eq(before, &compiled));
        if plan.more && self.rounds.partial_rounds < PARTIAL_ROUNDS {
            self.rounds.partial_rounds += 1;
        } else {
            self.rounds.failed_rounds = self.rounds.failed_rounds.saturating_add(1);
        }
        let first = plan.describe(0, &self.attached.ports.names());
        let revokes = plan.revokes || !plan.orphans.is_empty();
        if revokes || before.is_some() {
            let until = if revokes { now + UPCALLS } else { now };
            // The first round of a session may revoke what an earlier session allowed.
            let changed_until = (revokes && (is_first || before.is_some())).then_some(until);
            let earlier = self.knowledge.revoked_flows.take();
            self.knowledge.revoked_flows =
                Some(Revoked::after(earlier, before.clone(), plan.orphans, until, changed_until));
        }
        // If flows are left to delete, a later round acknowledges.
        if !plan.more {
            self.acknowledge_installed(plan.read_began);
        }
        self.knowledge.vanished_program =
            before.filter(|_| !plan.gone.is_empty()).map(|before| (before, plan.gone));
        if self.rounds.failed_rounds > PATIENCE {
            self.rounds.last_error = Some(format!(
                "after {} rounds there is still something to change: {first}",
                self.rounds.failed_rounds
            ));
            self.read_by(now + self.backoff());
        } else {
            self.read_soon(now);
        }
    }

    /// Notes a message that could not be sent. A closed session reports that itself.
    fn not_sent(&mut self, now: Instant, error: &SendError) {
        self.round_failed(now, format!("a change cannot be sent: {error}"));
    }
}

impl Commit {
    /// Puts all changes into the open bundle and commits it.
    fn fill(&self, bundle: u32, session: &mut Session) -> Result<CommitStep, SendError> {
        let mut first = None;
        for message in &self.plan.messages {
            let xid = session.take_xid();
            first.get_or_insert(xid);
            // The inner message has the transaction id of the outer one.
            let inner = message.encode(xid)?;
            let add =
                BundleAdd { bundle_id: bundle, flags: FLAGS, message: inner.into(), properties: Vec::new() };
            session.send_as(xid, &Message::BundleAdd(add))?;
        }
        let xid = session.send(&control(bundle, BundleControlKind::CommitRequest))?;
        Ok(CommitStep::Committing { bundle, first: first.unwrap_or(xid), xid })
    }

    fn send_plainly(&self, session: &mut Session) -> Result<CommitStep, SendError> {
        let (first, xid) = send_before_barrier(&self.plan.messages, session)?;
        Ok(CommitStep::Barrier { first, xid })
    }
}

/// Sends messages and a barrier. Returns the transaction ids of the first message and of the
/// barrier.
fn send_before_barrier(messages: &[Message], session: &mut Session) -> Result<(Xid, Xid), SendError> {
    let mut first = None;
    for message in messages {
        let xid = session.send(message)?;
        first.get_or_insert(xid);
    }
    let xid = session.send(&Message::BarrierRequest)?;
    Ok((first.unwrap_or(xid), xid))
}

fn control(bundle_id: u32, kind: BundleControlKind) -> Message {
    Message::BundleControl(BundleControl::new(bundle_id, kind, FLAGS))
}
