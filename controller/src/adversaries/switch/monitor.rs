//! Keeps the flow monitors of one connection (ONF multipart 1870, as in Open vSwitch).

use std::collections::BTreeMap;

use flows::{Flow, FlowMatch};
use ofproto::message::Message;
use ofproto::message::monitor::{
    MONITOR_ACTIONS, MONITOR_ADD, MONITOR_DELETE, MONITOR_INITIAL, MONITOR_MODIFY, MONITOR_OWN, MonitorEvent,
    MonitorRequest, MonitorUpdate, MonitoredFlow,
};
use ofproto::message::multipart::{MultipartReply, MultipartReplyBody};
use ofproto::{PortNo, TableId, Xid};

use super::table::{Change, FlowTable, Removal};

/// The monitors, by number.
#[derive(Debug, Default)]
pub(super) struct Monitors {
    by_id: BTreeMap<u32, MonitorRequest>,
    /// Updates held back while paused; deletions are reported all the same.
    paused: Option<Vec<Message>>,
}

impl Monitors {
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    pub(super) fn pause(&mut self) {
        self.paused = Some(Vec::new());
    }

    pub(super) fn resume(&mut self) -> Vec<Message> {
        self.paused.take().unwrap_or_default()
    }

    /// Starts a monitor. Returns the installed flows, if requested.
    pub(super) fn subscribe(&mut self, request: &MonitorRequest, table: &FlowTable) -> Vec<MonitorUpdate> {
        self.by_id.insert(request.id, request.clone());
        if request.flags & MONITOR_INITIAL == 0 {
            return Vec::new();
        }
        let there = table.installed().iter().map(|one| &one.flow).filter(|flow| concerns(request, flow));
        there.map(|flow| update(MonitorEvent::Added, 0, flow, request.flags)).collect()
    }

    pub(super) fn cancel(&mut self, id: u32) -> bool {
        self.by_id.remove(&id).is_some()
    }

    /// Returns the update messages for changes. `own` is the xid of the request if this connection
    /// made them.
    pub(super) fn updates(&mut self, changes: &[Change], own: Option<Xid>) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut updates: Vec<MonitorUpdate> = Vec::new();
        for change in changes {
            let (event, wanted, reason, flow) = match change {
                Change::Added(flow) => (MonitorEvent::Added, MONITOR_ADD, 0, flow),
                Change::Modified(flow) => (MonitorEvent::Modified, MONITOR_MODIFY, 0, flow),
                Change::Removed(flow, reason, _) => {
                    (MonitorEvent::Deleted, MONITOR_DELETE, number(*reason), flow)
                }
            };
            let asked = |request: &&MonitorRequest| request.flags & wanted != 0 && concerns(request, flow);
            // Open vSwitch joins the requests of several monitors.
            let flags = self
                .by_id
                .values()
                .filter(asked)
                .fold(None, |all: Option<u16>, request| Some(all.unwrap_or(0) | request.flags));
            let Some(flags) = flags else { continue };
            match own {
                Some(xid) if flags & MONITOR_OWN == 0 => {
                    if !updates.contains(&MonitorUpdate::Abbreviated(xid)) {
                        updates.push(MonitorUpdate::Abbreviated(xid));
                    }
                }
                _ => {
                    let update = update(event, reason, flow, flags);
                    match &mut self.paused {
                        Some(held) if event != MonitorEvent::Deleted => held.push(reply(vec![update])),
                        _ => updates.push(update),
                    }
                }
            }
        }
        if !updates.is_empty() {
            messages.push(reply(updates));
        }
        messages
    }
}

fn number(reason: Removal) -> u16 {
    match reason {
        Removal::Idle => 0,
        Removal::Hard => 1,
        Removal::Delete => 2,
        Removal::Group => 3,
    }
}

fn concerns(request: &MonitorRequest, flow: &Flow) -> bool {
    use ofproto::action::Action;

    let to = request.out_port;
    let outputs = |action: &Action| matches!(action, Action::Output { port, .. } if *port == to);
    (request.table_id == TableId::ALL || request.table_id == flow.table)
        && (to == PortNo::ANY || flow.actions().any(outputs))
        && flow.matches.within(&FlowMatch::from_wire(&request.fields))
}

/// Returns the update that tells of a changed flow to a monitor with these flags.
pub(crate) fn update(event: MonitorEvent, reason: u16, flow: &Flow, flags: u16) -> MonitorUpdate {
    let instructions = if flags & MONITOR_ACTIONS != 0 { flow.instructions.clone() } else { Vec::new() };
    MonitorUpdate::Flow(Box::new(MonitoredFlow {
        event,
        reason,
        priority: flow.priority,
        idle_timeout: flow.idle_timeout,
        hard_timeout: flow.hard_timeout,
        table_id: flow.table,
        cookie: flow.cookie,
        fields: flow.matches.to_wire(),
        instructions,
    }))
}

fn reply(updates: Vec<MonitorUpdate>) -> Message {
    Message::MultipartReply(MultipartReply { flags: 0, body: MultipartReplyBody::Monitor(updates) })
}
