//! The flow monitor, which tells foreign changes from the controller's own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use flows::compile::lease;
use flows::learner::Learner;
use flows::runtime::timeouts::{TimeLeft, TimedFlowState};
use flows::{Flow, FlowMatch};
use ofctl::syntax::print_flow;
use ofproto::message::monitor::{
    MONITOR_ACTIONS, MONITOR_ADD, MONITOR_DELETE, MONITOR_MODIFY, MONITOR_OWN, MonitorEvent, MonitorRequest,
    MonitorUpdate, MonitoredFlow,
};
use ofproto::message::multipart::MultipartRequestBody;
use ofproto::oxm::Match;
use ofproto::{PortNo, TableId};

use super::{Bridge, Monitor};
use crate::bridge::{Compiled, DEBOUNCE, DRIFT_INTERVAL, ForeignChange, Notice};
use crate::session::Session;

/// Number of foreign changes between two reads that are reported one by one. The read finds all
/// others, and judging a flood of them would delay other bridges.
const TOLD_APART: u32 = 64;
/// Identifier of the monitor of all tables.
const MONITOR: u32 = 1;
/// Offset from a table's number to the identifier of its own monitor.
const EVICTIONS: u32 = 2;
/// OFPRR_HARD_TIMEOUT (OpenFlow 1.3.5 §A.4.2).
const HARD_TIMEOUT: u16 = 1;
/// OFPRR_EVICTION (OpenFlow 1.4.1 §7.4.2), which Open vSwitch sends over 1.3 too.
const EVICTION: u16 = 5;

impl Bridge {
    /// Subscribes to foreign changes. This precedes the first read, so that no change falls between
    /// the two.
    pub(super) fn watch(&mut self, session: &mut Session) {
        let request = MonitorRequest {
            id: MONITOR,
            flags: MONITOR_ADD | MONITOR_DELETE | MONITOR_MODIFY | MONITOR_ACTIONS,
            out_port: PortNo::ANY,
            table_id: TableId::ALL,
            fields: Match::default(),
        };
        if let Some(xid) = Self::request_multipart(session, MultipartRequestBody::Monitor(vec![request])) {
            self.watch.monitor = Monitor::Asked(xid);
        }
    }

    /// Subscribes to evictions in the tables that the controller learns for. Open vSwitch
    /// attributes an eviction to the controller whose new flow needs the room. It sends no
    /// FLOW_REMOVED for it over OpenFlow 1.3.
    pub(super) fn watch_evictions(&mut self, session: &mut Session) {
        let learns = self.knowledge.desired.program.reactive().flat_map(Learner::learns);
        let tables: BTreeSet<TableId> = learns.map(|learn| learn.table).collect();
        let new: Vec<TableId> =
            tables.into_iter().filter(|table| !self.watch.evictions.contains_key(table)).collect();
        if new.is_empty() || matches!(self.watch.monitor, Monitor::None | Monitor::Off) {
            return;
        }
        let request = |table_id: &TableId| MonitorRequest {
            id: EVICTIONS + u32::from(table_id.0),
            flags: MONITOR_DELETE | MONITOR_OWN,
            out_port: PortNo::ANY,
            table_id: *table_id,
            fields: Match::default(),
        };
        let asked = MultipartRequestBody::Monitor(new.iter().map(request).collect());
        if let Some(xid) = Self::request_multipart(session, asked) {
            self.watch.evictions.extend(new.into_iter().map(|table| (table, xid)));
        }
    }

    pub(super) fn monitored(&mut self, now: Instant, updates: Vec<MonitorUpdate>) {
        if !self.identity.owned {
            return;
        }
        for update in updates {
            match update {
                MonitorUpdate::Flow(update) => self.judge(now, &update),
                // The controller's own change.
                MonitorUpdate::Abbreviated(_) => {}
                // A read shows the change.
                _ => self.read_after_drift(now),
            }
        }
    }

    fn judge(&mut self, now: Instant, update: &MonitoredFlow) {
        let evicted = update.event == MonitorEvent::Deleted && update.reason == EVICTION;
        if !evicted && self.knowledge.foreign_changes >= TOLD_APART {
            return self.read_after_drift(now);
        }
        let flow = flow(update);
        let twin = self.knowledge.desired.twin(&flow);
        if evicted && twin.is_none() {
            self.learning.learned_flow_mirror.evicted(&flow);
            self.made_room(flow.table);
            return;
        }
        let at = self.clock.since_epoch(now);
        let left = self.knowledge.desired.left(&flow, at);
        let foreign = match update.event {
            // The switch ends the flows of a lease by their timeout.
            MonitorEvent::Deleted if lease::is_lease(&flow) => {
                update.reason != HARD_TIMEOUT && self.is_leased(&flow)
            }
            _ if lease::is_lease(&flow) => !self.is_leased(&flow),
            MonitorEvent::Deleted => twin.is_some(),
            MonitorEvent::Added | MonitorEvent::Modified => match twin {
                // The monitor reports neither flags nor importance.
                Some(twin) => {
                    let told = Flow { flags: twin.flags, importance: twin.importance, ..flow.clone() };
                    let told = match self.knowledge.desired.timed_flow_state(&told, Duration::ZERO, at) {
                        None => told,
                        Some(standing) => {
                            self.knowledge.desired.timed_like_twin(told, standing == TimedFlowState::Good)
                        }
                    };
                    !flows::diff::same(&told, twin)
                }
                None => !learned(&self.knowledge.desired, &flow),
            },
        };
        // The switch ended a flow by its timeout, and in time.
        let expired = update.event == MonitorEvent::Deleted
            && update.reason == HARD_TIMEOUT
            && left.is_some_and(TimeLeft::is_over);
        if !foreign || expired {
            return;
        }
        // A learner that was just removed may have taught this flow. The next read deletes it, and
        // it is no drift.
        let orphan = self
            .knowledge
            .revoked_flows
            .as_ref()
            .is_some_and(|r| flagged(&flow).any(|flow| r.left_behind(&flow)))
            || self.knowledge.installed.as_ref().is_some_and(|before| learned(before, &flow));
        self.knowledge.foreign_changes = self.knowledge.foreign_changes.saturating_add(1);
        if !orphan {
            let text = print_flow(&flow, &self.attached.ports.names());
            self.notices.push_back(Notice::Foreign(ForeignChange { event: update.event, flow, text }));
        }
        self.read_after_drift(now);
    }

    pub(super) fn read_after_drift(&mut self, now: Instant) {
        self.in_doubt();
        let earliest = self.timers.last_read.map_or(now, |at| at + DRIFT_INTERVAL);
        self.read_by(earliest.max(now + DEBOUNCE));
    }
}

/// Returns whether a learner accounts for a flow that the monitor reported.
fn learned(by: &Compiled, flow: &Flow) -> bool {
    flagged(flow).any(|flow| by.learned(&flow))
}

/// Returns the flow with each of the possible flags, which the monitor does not report. A learned
/// flow has at most OFPFF_SEND_FLOW_REM.
fn flagged(flow: &Flow) -> impl Iterator<Item = Flow> {
    (0..=1).map(|flags| Flow { flags, ..flow.clone() })
}

fn flow(update: &MonitoredFlow) -> Flow {
    Flow {
        table: update.table_id,
        priority: update.priority,
        cookie: update.cookie,
        idle_timeout: update.idle_timeout,
        hard_timeout: update.hard_timeout,
        flags: 0,
        importance: 0,
        matches: FlowMatch::from_wire(&update.fields),
        instructions: update.instructions.clone(),
    }
}
