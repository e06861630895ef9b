//! A flow: its match, its instructions, and its settings in a switch.

use ofproto::action::{Action, Learn};
use ofproto::instruction::Instruction;
use ofproto::message::multipart::FlowStats;
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::{Cookie, TableId};

use crate::flow_match::FlowMatch;

/// The priority that `ovs-ofctl` gives to a flow without one, and omits when it prints one.
pub const DEFAULT_PRIORITY: u16 = 0x8000;

/// A flow, as a file requests it or a switch holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The table of the flow.
    pub table: TableId,
    /// The priority of the flow.
    pub priority: u16,
    /// The cookie of the flow.
    pub cookie: Cookie,
    /// The idle timeout, in seconds; 0 for never.
    pub idle_timeout: u16,
    /// The hard timeout, in seconds; 0 for never.
    pub hard_timeout: u16,
    /// `ofproto::message::FLOW_` bits.
    pub flags: u16,
    /// The importance for eviction; 0 in OpenFlow 1.3.
    pub importance: u16,
    /// The match of the flow.
    pub matches: FlowMatch,
    /// The instructions of the flow. A flow without any drops.
    pub instructions: Vec<Instruction>,
}

/// The key by which a switch identifies a flow.
pub type FlowKey<'a> = (TableId, u16, &'a FlowMatch);

impl Flow {
    /// Returns a flow of `table` with this priority and match that drops.
    pub fn new(table: TableId, priority: u16, matches: FlowMatch) -> Self {
        Self {
            table,
            priority,
            cookie: Cookie(0),
            idle_timeout: 0,
            hard_timeout: 0,
            flags: 0,
            importance: 0,
            matches,
            instructions: Vec::new(),
        }
    }

    /// Returns whether the flow drops its packets: it has no action, or only sends them to a
    /// controller.
    pub fn drops(&self) -> bool {
        self.instructions.iter().all(|instruction| match instruction {
            Instruction::ApplyActions(actions) => {
                actions.iter().all(|action| matches!(action, Action::Controller(to) if !to.pause))
            }
            _ => false,
        })
    }

    /// Returns every action, of lists and action sets, and those inside other actions.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        nested(self.instructions.iter().flat_map(|instruction| match instruction {
            Instruction::ApplyActions(actions) | Instruction::WriteActions(actions) => actions.as_slice(),
            _ => &[],
        }))
    }

    /// Returns the `learn` actions among them.
    pub fn learns(&self) -> impl Iterator<Item = &Learn> {
        learns(self.actions())
    }

    /// Returns the key of the flow.
    pub fn key(&self) -> FlowKey<'_> {
        (self.table, self.priority, &self.matches)
    }

    /// Returns the flow_mod with this command for the flow.
    pub fn to_flow_mod(&self, command: FlowModCommand) -> FlowMod {
        let deletes = matches!(command, FlowModCommand::Delete | FlowModCommand::DeleteStrict);
        FlowMod {
            cookie: if deletes { Cookie(0) } else { self.cookie },
            table_id: self.table,
            command,
            idle_timeout: self.idle_timeout,
            hard_timeout: self.hard_timeout,
            priority: self.priority,
            flags: self.flags,
            importance: self.importance,
            fields: self.matches.to_wire(),
            instructions: if deletes { Vec::new() } else { self.instructions.clone() },
            ..FlowMod::default()
        }
    }

    /// Returns the flow as a switch reports it just after its addition: without age, packets and
    /// bytes.
    pub fn to_stats(&self) -> FlowStats {
        FlowStats {
            table_id: self.table,
            duration_sec: 0,
            duration_nsec: 0,
            priority: self.priority,
            idle_timeout: self.idle_timeout,
            hard_timeout: self.hard_timeout,
            flags: self.flags,
            importance: self.importance,
            cookie: self.cookie,
            packet_count: 0,
            byte_count: 0,
            fields: self.matches.to_wire(),
            instructions: self.instructions.clone(),
        }
    }

    /// Returns a flow from a switch's report.
    pub fn from_stats(stats: &FlowStats) -> Self {
        Self {
            table: stats.table_id,
            priority: stats.priority,
            cookie: stats.cookie,
            idle_timeout: stats.idle_timeout,
            hard_timeout: stats.hard_timeout,
            flags: stats.flags,
            importance: stats.importance,
            matches: FlowMatch::from_wire(&stats.fields),
            instructions: stats.instructions.clone(),
        }
    }
}

/// Returns actions, each followed by those inside it.
pub fn nested<'a>(actions: impl IntoIterator<Item = &'a Action>) -> impl Iterator<Item = &'a Action> {
    let mut all: Vec<&Action> = actions.into_iter().collect();
    let mut at = 0;
    while let Some(action) = all.get(at).copied() {
        match action {
            Action::Clone(inner) => all.extend(inner),
            Action::Ct(ct) => all.extend(&ct.actions),
            _ => {}
        }
        at += 1;
    }
    all.into_iter()
}

/// Returns the `learn` actions among these actions.
pub fn learns<'a>(actions: impl IntoIterator<Item = &'a Action>) -> impl Iterator<Item = &'a Learn> {
    actions.into_iter().filter_map(|action| match action {
        Action::Learn(learn) => Some(&**learn),
        _ => None,
    })
}
