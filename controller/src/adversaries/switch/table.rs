//! Keeps the flows of a switch, with the semantics of OpenFlow 1.3.5 (§5.2, §6.4, §7.3.4.1) as in
//! Open vSwitch.

use std::time::{Duration, Instant};

use flows::{Flow, FlowMatch};
use ofproto::action::{Action, LEARN_DELETE_LEARNED};
use ofproto::instruction::Instruction;
use ofproto::message::multipart::{FlowStats, FlowStatsRequest};
use ofproto::message::{FLOW_CHECK_OVERLAP, FlowMod, FlowModCommand};
use ofproto::{Cookie, ErrorCode, GroupId, PortNo, TableId};

/// The last table that controllers may use; Open vSwitch keeps table 254 for itself.
const LAST: TableId = TableId(253);
/// OFPFMFC_BAD_TABLE_ID, OFPFMFC_OVERLAP and OFPFMFC_BAD_COMMAND of OFPET_FLOW_MOD_FAILED.
const BAD_TABLE_ID: ErrorCode = failed(5, 2);
const OVERLAP: ErrorCode = failed(5, 3);
const BAD_COMMAND: ErrorCode = failed(5, 6);
/// OFPBIC_BAD_TABLE_ID of OFPET_BAD_INSTRUCTION.
const BAD_GOTO: ErrorCode = failed(3, 2);

const fn failed(kind: u16, code: u16) -> ErrorCode {
    ErrorCode { kind, code, experimenter: None }
}

/// The reason for a flow's end (OFPRR_, OpenFlow 1.3.5 §7.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Idle,
    Hard,
    Delete,
    Group,
}

/// A change to one flow.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Added(Flow),
    Modified(Flow),
    /// With its age.
    Removed(Flow, Removal, Duration),
}

/// A flow with the time of its creation.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    pub(crate) flow: Flow,
    pub(crate) since: Instant,
    /// The time of the last matching packet.
    used: Instant,
}

impl Installed {
    fn new(flow: Flow, now: Instant) -> Self {
        Self { flow, since: now, used: now }
    }

    /// Returns the time and the reason of its timeout.
    pub(crate) fn end(&self) -> Option<(Instant, Removal)> {
        let after =
            |from: Instant, seconds: u16| (seconds != 0).then(|| from + Duration::from_secs(seconds.into()));
        let hard = after(self.since, self.flow.hard_timeout).map(|at| (at, Removal::Hard));
        let idle = after(self.used, self.flow.idle_timeout).map(|at| (at, Removal::Idle));
        hard.into_iter().chain(idle).min_by_key(|(at, _)| *at)
    }
}

/// The flows of a switch.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlowTable {
    installed: Vec<Installed>,
    /// The time of the next timeout.
    next_end: Option<Instant>,
}

impl FlowTable {
    /// Returns the flows, in no particular order.
    pub(crate) fn installed(&self) -> &[Installed] {
        &self.installed
    }

    /// Changes flows as a FLOW_MOD says.
    ///
    /// # Errors
    /// The error of Open vSwitch; nothing is changed then.
    pub(crate) fn apply(&mut self, now: Instant, change: &FlowMod) -> Result<Vec<Change>, ErrorCode> {
        let selects = Selection::of(change);
        match change.command {
            FlowModCommand::Add => self.add(now, change),
            FlowModCommand::Modify => self.modify(change, |flow| selects.loosely(flow)),
            FlowModCommand::ModifyStrict => self.modify(change, |flow| selects.strictly(flow)),
            FlowModCommand::Delete => Ok(self.remove(now, Removal::Delete, &|flow| selects.loosely(flow))),
            FlowModCommand::DeleteStrict => {
                Ok(self.remove(now, Removal::Delete, &|flow| selects.strictly(flow)))
            }
            FlowModCommand::Unknown(_) => Err(BAD_COMMAND),
        }
    }

    /// Adds a flow written by one of the switch's own flows, as `learn` does.
    pub(crate) fn learn(&mut self, now: Instant, flow: Flow) -> Vec<Change> {
        let changes = self.put(now, flow);
        self.look_ahead();
        changes
    }

    /// Removes the expired flows.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Change> {
        if self.next_end.is_none_or(|at| now < at) {
            return Vec::new();
        }
        let over = |one: &Installed| one.end().filter(|(at, _)| *at <= now);
        let (gone, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.installed).into_iter().partition(|one| over(one).is_some());
        self.installed = left;
        let removed = |one: &Installed| {
            let reason = over(one).map_or(Removal::Hard, |(_, reason)| reason);
            Change::Removed(one.flow.clone(), reason, now - one.since)
        };
        let mut changes: Vec<Change> = gone.iter().map(removed).collect();
        changes.extend(self.forget_learned(now, gone.iter().map(|one| &one.flow)));
        self.look_ahead();
        changes
    }

    /// Removes all flows that use a group.
    pub(crate) fn group_gone(&mut self, now: Instant, group: GroupId) -> Vec<Change> {
        let changes = self.remove(now, Removal::Group, &|flow| uses_group(flow, group));
        self.look_ahead();
        changes
    }

    /// Returns the time of the next timeout.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.next_end
    }

    fn look_ahead(&mut self) {
        self.next_end = self.installed.iter().filter_map(|one| one.end().map(|(at, _)| at)).min();
    }

    /// Returns the flows that a request selects.
    pub(crate) fn stats(&self, now: Instant, asked: &FlowStatsRequest) -> Vec<FlowStats> {
        let selects = Selection {
            table: asked.table_id,
            priority: 0,
            matches: FlowMatch::from_wire(&asked.fields),
            cookie: (asked.cookie, asked.cookie_mask),
            out_port: asked.out_port,
            out_group: asked.out_group,
        };
        let stats = |one: &Installed| {
            let age = now.saturating_duration_since(one.since);
            FlowStats {
                duration_sec: u32::try_from(age.as_secs()).unwrap_or(u32::MAX),
                duration_nsec: age.subsec_nanos(),
                ..one.flow.to_stats()
            }
        };
        self.installed.iter().filter(|one| selects.loosely(&one.flow)).map(stats).collect()
    }

    fn add(&mut self, now: Instant, change: &FlowMod) -> Result<Vec<Change>, ErrorCode> {
        if change.table_id > LAST {
            return Err(BAD_TABLE_ID);
        }
        check(change.table_id, &change.instructions)?;
        let flow = Flow {
            cookie: change.cookie,
            idle_timeout: change.idle_timeout,
            hard_timeout: change.hard_timeout,
            flags: change.flags,
            importance: change.importance,
            instructions: change.instructions.clone(),
            ..Flow::new(change.table_id, change.priority, FlowMatch::from_wire(&change.fields))
        };
        let overlaps = |one: &Installed| {
            (one.flow.table, one.flow.priority) == (flow.table, flow.priority)
                && one.flow.matches != flow.matches
                && one.flow.matches.overlaps(&flow.matches)
        };
        if change.flags & FLOW_CHECK_OVERLAP != 0 && self.installed.iter().any(overlaps) {
            return Err(OVERLAP);
        }
        Ok(self.put(now, flow))
    }

    /// Adds a flow, in place of the one with its key.
    fn put(&mut self, now: Instant, flow: Flow) -> Vec<Change> {
        match self.installed.iter_mut().find(|one| one.flow.key() == flow.key()) {
            Some(there) => {
                let old = std::mem::replace(there, Installed::new(flow.clone(), now));
                let mut changes = vec![Change::Modified(flow)];
                changes.extend(self.forget_learned(now, [&old.flow]));
                changes
            }
            None => {
                self.installed.push(Installed::new(flow.clone(), now));
                vec![Change::Added(flow)]
            }
        }
    }

    fn modify(
        &mut self,
        change: &FlowMod,
        selects: impl Fn(&Flow) -> bool,
    ) -> Result<Vec<Change>, ErrorCode> {
        if change.table_id != TableId::ALL && change.table_id > LAST {
            return Err(BAD_TABLE_ID);
        }
        check(change.table_id, &change.instructions)?;
        let mut changes = Vec::new();
        for one in self.installed.iter_mut().filter(|one| selects(&one.flow)) {
            one.flow.instructions.clone_from(&change.instructions);
            changes.push(Change::Modified(one.flow.clone()));
        }
        Ok(changes)
    }

    fn remove(&mut self, now: Instant, reason: Removal, selects: &dyn Fn(&Flow) -> bool) -> Vec<Change> {
        let (gone, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.installed).into_iter().partition(|one| selects(&one.flow));
        self.installed = left;
        let removed = |one: &Installed| Change::Removed(one.flow.clone(), reason, now - one.since);
        let mut changes: Vec<Change> = gone.iter().map(removed).collect();
        changes.extend(self.forget_learned(now, gone.iter().map(|one| &one.flow)));
        changes
    }

    /// Removes flows taught with `delete_learned`, once no learner with their cookie is left
    /// (ovs-actions(7)).
    fn forget_learned<'f>(&mut self, now: Instant, gone: impl IntoIterator<Item = &'f Flow>) -> Vec<Change> {
        let mut taught: Vec<(TableId, Cookie)> = Vec::new();
        for learn in gone.into_iter().flat_map(Flow::learns) {
            if learn.flags & LEARN_DELETE_LEARNED != 0 {
                taught.push((learn.table, learn.cookie));
            }
        }
        taught.retain(|key| {
            let mut left = self.installed.iter().flat_map(|one| one.flow.learns());
            !left.any(|learn| (learn.table, learn.cookie) == *key)
        });
        match taught.is_empty() {
            true => Vec::new(),
            false => self.remove(now, Removal::Delete, &|flow| taught.contains(&(flow.table, flow.cookie))),
        }
    }
}

/// The selection of flows by a change or a request.
struct Selection {
    table: TableId,
    priority: u16,
    matches: FlowMatch,
    cookie: (Cookie, u64),
    out_port: PortNo,
    out_group: GroupId,
}

impl Selection {
    fn of(change: &FlowMod) -> Self {
        let deletes = matches!(change.command, FlowModCommand::Delete | FlowModCommand::DeleteStrict);
        Self {
            table: change.table_id,
            priority: change.priority,
            matches: FlowMatch::from_wire(&change.fields),
            cookie: (change.cookie, change.cookie_mask),
            out_port: if deletes { change.out_port } else { PortNo::ANY },
            out_group: if deletes { change.out_group } else { GroupId::ANY },
        }
    }

    fn strictly(&self, flow: &Flow) -> bool {
        flow.priority == self.priority && flow.matches == self.matches && self.loosely(flow)
    }

    fn loosely(&self, flow: &Flow) -> bool {
        let (cookie, mask) = self.cookie;
        (self.table == TableId::ALL || flow.table == self.table)
            && flow.cookie.0 & mask == cookie.0 & mask
            && (self.out_port == PortNo::ANY || outputs_to(flow, self.out_port))
            && (self.out_group == GroupId::ANY || uses_group(flow, self.out_group))
            && flow.matches.within(&self.matches)
    }
}

fn outputs_to(flow: &Flow, port: PortNo) -> bool {
    flow.actions().any(|action| matches!(action, Action::Output { port: to, .. } if *to == port))
}

fn uses_group(flow: &Flow, group: GroupId) -> bool {
    flow.actions().any(|action| matches!(action, Action::Group(used) if *used == group))
}

/// Refuses a goto to a table that is not later.
fn check(table: TableId, instructions: &[Instruction]) -> Result<(), ErrorCode> {
    let back = |i: &Instruction| matches!(i, Instruction::GotoTable(to) if *to <= table || *to > LAST);
    if instructions.iter().any(back) { Err(BAD_GOTO) } else { Ok(()) }
}
