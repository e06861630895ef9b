//! Reads the flows and groups of a switch, and finds the differences from the desired ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flows::Flow;
use flows::compile::lease;
use ofproto::message::ErrorMsg;
use ofproto::message::multipart::{FlowStats, FlowStatsRequest, MultipartReplyBody, MultipartRequestBody};
use ofproto::{GroupId, Xid};

use super::{Bridge, FlowVisibility, Phase};
use crate::bridge::comparison::Comparison;
use crate::bridge::crowded_ports::CrowdingScan;
use crate::bridge::leases::AgedFlow;
use crate::bridge::plan::Plan;
use crate::bridge::revoked_flows::Revoked;
use crate::bridge::{Notice, READ_TIMEOUT};
use crate::session::{CloseReason, Session};

/// Deadline of a whole dump.
const LONGEST_READ: Duration = Duration::from_secs(300);

/// A read under way.
#[derive(Debug)]
pub(super) struct FlowRead {
    flows: Xid,
    groups: Xid,
    comparison: Comparison,
    /// The flows of DHCP leases.
    leased: Vec<AgedFlow>,
    crowding: CrowdingScan,
    /// True once all flows arrived.
    got_flows: bool,
    got_groups: Option<Vec<GroupId>>,
    started: Instant,
    pub(super) deadline: Instant,
}

/// Largest number of lease flows that are checked in one read. All others are deleted.
const LEASED: usize = 1 << 16;

impl FlowRead {
    pub(super) fn awaits(&self, xid: Xid) -> bool {
        (xid == self.flows && !self.got_flows) || (xid == self.groups && self.got_groups.is_none())
    }
}

impl Bridge {
    /// Requests all flows and groups.
    pub(super) fn read(&mut self, now: Instant, session: &mut Session) {
        self.timers.read_at = None;
        let Some(flows) =
            Self::request_multipart(session, MultipartRequestBody::Flow(FlowStatsRequest::default()))
        else {
            return;
        };
        let Some(groups) = Self::request_multipart(session, MultipartRequestBody::GroupDesc) else { return };
        self.timers.last_read = Some(now);
        self.knowledge.foreign_reported = false;
        self.knowledge.foreign_changes = 0;
        if self.knowledge.installed.is_none() {
            self.learning.learned_flow_mirror.begin_read();
        }
        let revoked = self.knowledge.revoked_flows.is_some();
        self.phase = Phase::Reading(Box::new(FlowRead {
            flows,
            groups,
            comparison: Comparison::new(&self.knowledge.desired, self.knowledge.installed.as_ref(), revoked),
            leased: Vec::new(),
            crowding: CrowdingScan::default(),
            got_flows: false,
            got_groups: None,
            started: now,
            deadline: now + READ_TIMEOUT,
        }));
    }

    /// Handles a part of the flows.
    pub(super) fn read_flows(
        &mut self,
        now: Instant,
        xid: Xid,
        stats: Vec<FlowStats>,
        more: bool,
        session: &mut Session,
    ) {
        match &self.phase {
            Phase::Reading(reading) if xid == reading.flows && !reading.got_flows => {}
            // These flows answer an earlier read.
            _ => return,
        }
        let Phase::Reading(mut reading) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        let first = reading.comparison.flows() == 0;
        let at = self.clock.since_epoch(now);
        let mirrored = self.mirrored();
        for entry in &stats {
            let flow = Flow::from_stats(entry);
            if self.knowledge.installed.is_none() {
                self.remember(now, &flow);
                if mirrored.contains(&flow.table) {
                    self.mirror_of(now, &flow, session);
                }
            }
            reading.crowding.note(entry, &flow);
            if lease::is_lease(&flow) && reading.leased.len() < LEASED {
                reading.comparison.pass_over();
                reading.leased.push((flow, age(entry)));
            } else {
                reading.comparison.take(&flow, age(entry), at, self.knowledge.revoked_flows.as_ref());
            }
        }
        reading.got_flows = !more;
        // A long dump may go on as long as its parts arrive.
        reading.deadline = (now + READ_TIMEOUT).min(reading.started + LONGEST_READ);
        if !stats.is_empty() {
            let compiled = Arc::clone(reading.comparison.desired());
            self.notices.push_back(Notice::ReadSome { compiled, stats, first });
        }
        self.phase = Phase::Reading(reading);
        self.read_done(now, session);
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
        match &self.phase {
            Phase::Reading(reading) if reading.got_flows && reading.got_groups.is_some() => {}
            _ => return,
        }
        let Phase::Reading(reading) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        if !self.identity.owned {
            return;
        }
        let desired = reading.comparison.desired();
        if !Arc::ptr_eq(&self.knowledge.desired, desired) && !self.knowledge.desired.desires_same(desired) {
            return self.read_outdated(now, *reading, session);
        }
        self.rounds.read_was_outdated = false;
        let FlowRead { comparison, leased, crowding, got_groups, started, .. } = *reading;
        let flows = comparison.flows();
        if self.knowledge.installed.is_none() && flows == 0 {
            self.forget_learned(session);
        }
        if flows > 0 {
            self.knowledge.visibility = FlowVisibility::Seen;
        }
        let done = self
            .knowledge
            .installed
            .as_ref()
            .is_some_and(|installed| Arc::ptr_eq(installed, &self.knowledge.desired));
        if self.learning.learning_switch.is_some()
            && done
            && self.knowledge.visibility != FlowVisibility::Seen
        {
            // Such a switch would report none after another commit either.
            if std::mem::replace(&mut self.knowledge.visibility, FlowVisibility::Hidden)
                == FlowVisibility::Unseen
            {
                self.notices.push_back(Notice::Silent);
            }
            return self.as_desired(now, started);
        }
        let evicted = std::mem::take(&mut self.knowledge.evicted);
        self.make_room(now, crowding, session);
        self.notices.push_back(Notice::Read {
            compiled: Arc::clone(&self.knowledge.desired),
            flows,
            evicted,
        });

        let groups = got_groups.unwrap_or_default();
        let leases = self.leases_differ(now, &leased);
        drop(leased);
        let mut plan = self.plan_of(now, started, comparison, &groups);
        // A repaired lease flow counts as drift, unless an earlier session left it.
        plan.drift += if self.knowledge.installed.is_some() { leases.len() } else { 0 };
        plan.messages.extend(leases);
        if plan.messages.is_empty() {
            self.as_desired(now, started);
        } else {
            self.commit(now, started, plan, session);
        }
    }

    /// Returns the changes that a complete read requires.
    fn plan_of(
        &mut self,
        now: Instant,
        started: Instant,
        comparison: Comparison,
        groups: &[GroupId],
    ) -> Plan {
        let at = self.clock.since_epoch(now);
        let mut plan = comparison.plan(
            self.knowledge.installed.as_ref(),
            groups,
            at,
            self.knowledge.revoked_flows.as_ref(),
        );
        plan.read_began = Some(started);
        // The installed flows are known, and will be after these changes, unless the monitor reported
        // more meanwhile.
        self.knowledge.installed_is_known = !self.knowledge.foreign_reported && !plan.more;
        plan
    }

    /// Ends a read that compared the flows with a program that is no longer desired. The first such
    /// read in a row is repeated. If changes come faster than reads end, the second one leads to
    /// its own program. From there only the difference is left.
    fn read_outdated(&mut self, now: Instant, reading: FlowRead, session: &mut Session) {
        self.rounds.read_was_outdated = !self.rounds.read_was_outdated;
        if self.rounds.read_was_outdated {
            return self.read_soon(now);
        }
        let FlowRead { comparison, got_groups, started, .. } = reading;
        let compiled = Arc::clone(comparison.desired());
        let plan = self.plan_of(now, started, comparison, &got_groups.unwrap_or_default());
        self.rounds.changed = true;
        if plan.messages.is_empty() {
            self.knowledge.installed = Some(compiled);
            self.read_soon(now);
        } else {
            self.commit_for(now, started, plan, compiled, session);
        }
    }

    /// Notes that the switch has the desired flows.
    fn as_desired(&mut self, now: Instant, started: Instant) {
        self.knowledge.installed = Some(Arc::clone(&self.knowledge.desired));
        self.rounds.failed_rounds = 0;
        self.rounds.partial_rounds = 0;
        // Flows that a removed learner taught last become visible within a second. Only a read
        // after that second counts.
        match &self.knowledge.revoked_flows {
            Some(Revoked { until, .. }) if started < *until => {
                let until = *until;
                self.acknowledge_installed(Some(started));
                self.read_by(until);
            }
            _ => {
                self.knowledge.revoked_flows = None;
                self.acknowledge_installed(None);
                self.rounds.last_error = None;
                if !self.rounds.settled {
                    self.rounds.settled = true;
                    self.notices.push_back(Notice::Settled);
                }
            }
        }
        self.read_by(now + self.poll_interval());
    }
}

/// Returns the age of a flow (OpenFlow 1.3.5 §A.3.5.2).
fn age(stats: &FlowStats) -> Duration {
    Duration::from_secs(stats.duration_sec.into())
        .saturating_add(Duration::from_nanos(stats.duration_nsec.into()))
}
