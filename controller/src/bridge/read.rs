//! Reading what a switch has, and finding out what differs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flows::Flow;
use ofproto::message::ErrorMsg;
use ofproto::message::multipart::{FlowStats, FlowStatsRequest, MultipartReplyBody, MultipartRequestBody};
use ofproto::{GroupId, Xid};

use super::leases::apart;
use super::machine::{Bridge, Phase};
use super::plan::{Actual, Plan};
use super::revoked::Revoked;
use super::{Notice, READ_TIMEOUT};
use crate::session::{CloseReason, Session};

/// A read under way.
#[derive(Debug)]
pub(super) struct Reading {
    flows: Xid,
    groups: Xid,
    got_flows: Option<Vec<FlowStats>>,
    got_groups: Option<Vec<GroupId>>,
    started: Instant,
    pub(super) deadline: Instant,
}

impl Reading {
    pub(super) fn awaits(&self, xid: Xid) -> bool {
        (xid == self.flows && self.got_flows.is_none()) || (xid == self.groups && self.got_groups.is_none())
    }
}

impl Bridge {
    /// Asks for all flows and groups.
    pub(super) fn read(&mut self, now: Instant, session: &mut Session) {
        self.read_at = None;
        let Some(flows) = Self::ask(session, MultipartRequestBody::Flow(FlowStatsRequest::default())) else {
            return;
        };
        let Some(groups) = Self::ask(session, MultipartRequestBody::GroupDesc) else { return };
        self.last_read = Some(now);
        self.told = false;
        self.foreign_changes = 0;
        self.phase = Phase::Reading(Box::new(Reading {
            flows,
            groups,
            got_flows: None,
            got_groups: None,
            started: now,
            deadline: now + READ_TIMEOUT,
        }));
    }

    pub(super) fn read_part(
        &mut self,
        now: Instant,
        xid: Xid,
        body: MultipartReplyBody,
        session: &mut Session,
    ) {
        let Phase::Reading(reading) = &mut self.phase else { return };
        match body {
            MultipartReplyBody::Flow(stats) if xid == reading.flows => reading.got_flows = Some(stats),
            MultipartReplyBody::GroupDesc(groups) if xid == reading.groups => {
                reading.got_groups = Some(groups.into_iter().map(|g| g.group_id).collect());
            }
            _ => return,
        }
        self.read_done(now, session);
    }

    pub(super) fn read_refused(&mut self, now: Instant, xid: Xid, error: &ErrorMsg, session: &mut Session) {
        let Phase::Reading(reading) = &mut self.phase else { return };
        if xid == reading.flows {
            session.close(CloseReason::Ended(Self::explain("to list its flows", error)));
        } else if xid == reading.groups {
            // A switch without groups has none to delete.
            reading.got_groups = Some(Vec::new());
            self.read_done(now, session);
        }
    }

    fn read_done(&mut self, now: Instant, session: &mut Session) {
        let Phase::Reading(reading) = &mut self.phase else { return };
        if reading.got_flows.is_none() || reading.got_groups.is_none() {
            return;
        }
        let stats = Arc::new(reading.got_flows.take().unwrap_or_default());
        let groups = reading.got_groups.take().unwrap_or_default();
        let started = reading.started;
        self.phase = Phase::Idle;
        if !self.owned {
            return;
        }
        let flows: Vec<Flow> = stats.iter().map(Flow::from_stats).collect();
        if self.in_force.is_none() {
            self.remember(now, &flows, session);
            self.mirror_of(now, &flows, session);
        }
        self.shown |= !flows.is_empty();
        let done = self.in_force.as_ref().is_some_and(|in_force| Arc::ptr_eq(in_force, &self.compiled));
        if self.learning.is_some() && done && !self.shown {
            // It took the flows and shows none, now as before: to give them again and again would not change that.
            if !std::mem::replace(&mut self.silent, true) {
                self.notices.push_back(Notice::Silent);
            }
            return self.as_desired(now, started);
        }
        let ages: Vec<Duration> = stats.iter().map(age).collect();
        let evicted = std::mem::take(&mut self.evicted);
        self.make_room(now, &stats, session);
        self.notices.push_back(Notice::Read { compiled: Arc::clone(&self.compiled), stats, evicted });

        let (leased, (flows, ages)) = apart(flows, ages);
        let leases = self.leases_differ(now, &leased);
        let actual = Actual { flows: &flows, ages: &ages, groups: &groups, at: self.clock.since_epoch(now) };
        let mut plan = Plan::new(&self.compiled, self.in_force.as_deref(), &actual, self.revoked.as_ref());
        // What is put right of leases is somebody's doing, but for what an earlier session left.
        plan.drift += if self.in_force.is_some() { leases.len() } else { 0 };
        plan.messages.extend(leases);
        // It is known what the switch has, and will be when the plan is carried out, unless somebody told of more meanwhile.
        self.sure = !self.told;
        if plan.messages.is_empty() {
            self.as_desired(now, started);
        } else {
            self.commit(now, started, plan, session);
        }
    }

    /// The switch is as desired.
    fn as_desired(&mut self, now: Instant, started: Instant) {
        self.in_force = Some(Arc::clone(&self.compiled));
        self.restless = 0;
        // What a learner that is gone taught in its last moments shows within a second: only a read after that counts.
        match &self.revoked {
            Some(Revoked { until, .. }) if started < *until => {
                let until = *until;
                self.read_by(until);
            }
            _ => {
                self.revoked = None;
                self.reach(now);
                self.last_error = None;
                if !self.settled {
                    self.settled = true;
                    self.notices.push_back(Notice::Settled);
                }
            }
        }
        self.read_by(now + self.poll_interval());
    }
}

/// How long a flow is there (OpenFlow 1.3.5 §A.3.5.2).
fn age(stats: &FlowStats) -> Duration {
    Duration::from_secs(stats.duration_sec.into())
        .saturating_add(Duration::from_nanos(stats.duration_nsec.into()))
}
